# SPDX-License-Identifier: Apache-2.0
"""What the checks found out about one mail, as values; `result` is always a word of RFC 8601 §2.7."""

from dataclasses import dataclass, field

from handlers.ports import Answer, Question


@dataclass(frozen=True, slots=True)
class SpfResult:
    """One identity looked at by SPF (RFC 7208); `result` is none where there was nothing to look at."""

    result: str = "none"
    domain: str = ""  # A-labels
    mechanism: str = ""  # what matched, for people
    reason: str = ""
    explanation: str = ""  # what the domain says to those who fail (RFC 7208 §6.2); never said in its name
    by: str = ""  # the trusted upstream that found it; empty: ourselves
    identity: str = ""  # "mailfrom" or "helo", as that upstream says; empty: helo of a null reverse-path alone


@dataclass(frozen=True, slots=True)
class DkimResult:
    """One signature; what a broken signature does not say is empty."""

    result: str
    domain: str = ""
    selector: str = ""
    identity: str = ""
    algorithm: str = ""
    header_b: str = ""  # the first 8 characters of b= (RFC 6008)
    reason: str = ""
    signed: tuple[str, ...] = ()  # the names in h=, lower case, one for each field covered
    by: str = ""  # the trusted upstream that found it; empty: ourselves


@dataclass(frozen=True, slots=True)
class DmarcResult:
    """RFC 9989: whether an identifier that vouches is the author's.

    `aligned` names each that is, as "dkim:example.com" or "spf:example.com"; where no policy applies, those of the
    author's very domain. `published`: whether a record stands there, be it unusable; None where DNS did not say.
    `undecided`: no answer from DNS yet, and one could have made the author proven. `remark` is the public suffix
    list's other opinion, for people.
    """

    result: str = "none"
    domain: str = ""  # of the author, A-labels
    record_domain: str = ""  # where the policy was found; empty: none applies
    organization: str = ""  # the organizational domain, where a walk had to find it
    policy: str = ""  # what is to be applied on failure: none, quarantine, reject; empty without a policy
    testing: bool = False  # t=y, which has lowered the policy by one
    published: bool | None = False
    aligned: tuple[str, ...] = ()
    undecided: bool = False
    reason: str = ""
    remark: str = ""
    by: str = ""  # the trusted upstream that found it to pass; empty: ourselves


@dataclass(frozen=True, slots=True)
class ArcResult:
    """The chain of RFC 8617; `sealer` is the d= of the newest seal. Never evidence."""

    result: str = "none"
    sealer: str = ""
    sets: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IprevResult:
    """Forward-confirmed reverse DNS of the client (RFC 8601 §3); `name` only where it is confirmed."""

    result: str = "none"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """The client stands on a DNS blocklist: the answer, and what the operator wants done."""

    zone: str
    code: str
    action: str


@dataclass(frozen=True, slots=True)
class DnsblResult:
    """Where the client is listed; `dead` are lists that answer for everybody, and do not count."""

    listed: tuple[Listing, ...] = ()
    dead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpstreamResult:
    """What the client says, where it is a trusted upstream: none where it is not, silent or heard where it is."""

    result: str = "none"
    authserv_id: str = ""
    said: tuple[str, ...] = ()  # what of it counts, such as "spf=pass example.com"


@dataclass(frozen=True, slots=True)
class Authentication:
    """All results of one mail, with the answers of DNS that they rest on."""

    spf: SpfResult = field(default_factory=SpfResult)  # MAIL FROM, or HELO where the reverse-path is null
    helo: SpfResult = field(default_factory=SpfResult)
    author_spf: SpfResult = field(default_factory=SpfResult)  # asked where only this could let an author join
    dkim: tuple[DkimResult, ...] = ()
    dmarc: DmarcResult = field(default_factory=DmarcResult)
    arc: ArcResult = field(default_factory=ArcResult)
    iprev: IprevResult = field(default_factory=IprevResult)
    upstream: UpstreamResult = field(default_factory=UpstreamResult)
    dnsbl: DnsblResult = field(default_factory=DnsblResult)
    answers: tuple[tuple[Question, Answer], ...] = ()

    @property
    def of_author(self) -> SpfResult:
        """SPF of the author's very domain; what other domains say of a host says nothing about the author."""
        found = (one for one in (self.author_spf, self.spf) if one.domain and one.domain == self.dmarc.domain)
        return next(found, SpfResult())

    @property
    def aligned(self) -> bool:
        """Whether the author is vouched for: by DMARC, or by an aligned signature where the domain has no policy."""
        if self.dmarc.record_domain or self.dmarc.by:
            return self.dmarc.result == "pass"
        return any(one.startswith("dkim:") for one in self.dmarc.aligned)
