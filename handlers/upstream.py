# SPDX-License-Identifier: Apache-2.0
"""Trusted upstreams: what a filter in front of us has found out counts, for it has seen the true client.

Enters: a mail with its client's address, and the filters that the operator has listed. Leaves: what the filter says,
to be laid over our own results; None where the client is no listed filter. SPF of a mail that a filter brings is the
filter's or none, for ours would look at the filter. Fields that the filter cannot have written are not read; those that
others wrote in its name it has to take out (RFC 8601 §5). Bounded: MAX_HOPS and MAX_FIELDS, each field once.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from handlers.dkim import Signatures
from handlers.headers import Head
from handlers.results import DkimResult, DmarcResult, SpfResult, UpstreamResult
from handlers.results_reading import Clause, read_field
from handlers.subject import Subject, Upstream
from storage.address import Address

MAX_HOPS = 10
MAX_FIELDS = 10
MAX_SIGNATURES = 8
MAX_RECEIVED_OCTETS = 2000

Network = IPv4Network | IPv6Network

_LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_SPF = ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
_MAY_BE_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,}")
_DOTTED = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_IPV6 = re.compile(r"\bipv6:", re.IGNORECASE)
_CLIENT = re.compile(
    r"\s*from\s+[^\s()]+\s+\((?!(?:helo|ehlo)\b)(?:[^\s()\[\]]+\s+)?\[?(?:ipv6:)?([0-9a-f:.]+)\]?[\s)]", re.IGNORECASE
)
_DATE = re.compile(r"[A-Za-z0-9,+()\s-]*+(?::[0-9]{2}){0,2}+[A-Za-z0-9,+()\s-]*+")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a listed filter says of one mail; `authserv_id` is empty where it says nothing that counts."""

    authserv_id: str
    spf: SpfResult
    signed: tuple[DkimResult, ...] = ()  # pass, each domain once
    author_domain: str = ""  # for which it found dmarc=pass

    @property
    def result(self) -> UpstreamResult:
        """What is stored and shown."""
        if not self.authserv_id:
            return UpstreamResult("silent")
        said = [f"spf={self.spf.result} {self.spf.domain}"] if self.spf.by else []
        said += [f"dkim=pass {one.domain}" for one in self.signed]
        said += [f"dmarc=pass {self.author_domain}"] if self.author_domain else []
        return UpstreamResult("heard", self.authserv_id, tuple(said))

    def over_dkim(self, ours: tuple[DkimResult, ...], signatures: Signatures) -> tuple[DkimResult, ...]:
        """Ours, and theirs for a domain whose signature is gone or broken here.

        What we do not accept, a signature that leaves the end of the body open, and one that we did not read, no other
        host makes good.
        """
        if signatures.has_unread:
            return ours
        known = {one.domain for one in ours if one.result == "pass"}
        closed = _not_made_good(ours, signatures)
        return (*ours, *(one for one in self.signed if one.domain not in known and not _is_below(one.domain, closed)))

    def over_dmarc(
        self, ours: DmarcResult, author: Address | None, dkim: tuple[DkimResult, ...], signatures: Signatures
    ) -> DmarcResult:
        """A pass for the domain of the one author is one, unless it may rest on a signature that it does not make good.

        What is left then is what it says of SPF, by which `ours` was found.
        """
        if author is None or not self.author_domain or self.author_domain != author.host or ours.result == "pass":
            return ours
        if signatures.has_unread or any(map(partial(_may_align, author.host), _not_made_good(dkim, signatures))):
            return ours
        aligned = (*ours.aligned, f"upstream:{self.author_domain}")
        why = _by(self.authserv_id)
        return replace(ours, result="pass", aligned=aligned, undecided=False, reason=why, by=self.authserv_id)


def _not_made_good(ours: tuple[DkimResult, ...], signatures: Signatures) -> frozenset[str]:
    """The domains of signatures that we refuse whoever else takes them."""
    return signatures.open_ended | {one.domain for one in ours if one.result not in ("pass", "fail", "temperror")}


def _is_below(domain: str, others: Iterable[str]) -> bool:
    """Whether it is one of them or below: of i= alone a filter names a host within the signer's domain."""
    return any(domain == one or domain.endswith("." + one) for one in others)


def _may_align(host: str, signer: str) -> bool:
    """Whether DMARC could let this signer speak for the host: they have more in common than the last label."""
    return host.split(".")[-2:] == signer.split(".")[-2:]


def explained(found: UpstreamResult, peer: str) -> tuple[str, str]:
    """What was decided, and why, for the trace."""
    if found.result == "silent":
        why = f"authentication.upstreams lists {peer}, and no field of a listed authserv-id stands where it writes them"
        return "SPF is none", why
    what = ", ".join(found.said) or "nothing that counts"
    return what, f"said by {found.authserv_id}, which authentication.upstreams lists for {peer}"


def listen(subject: Subject) -> Heard | None:
    """What the client says of the mail, if it is a listed filter."""
    listed = [one for one in subject.policy.upstreams if _is_from(subject.session.peer, one)]
    if not listed:
        return None
    networks = [one.network for one in listed if one.network is not None]
    authserv_id, clauses = _clauses(subject.head, {one.authserv_id for one in listed}, (*_LOOPBACK, *networks))
    if not authserv_id:
        return Heard("", SpfResult(reason="the client is a filter that says nothing"))
    return Heard(
        authserv_id,
        _spf(clauses.get("spf", ()), authserv_id, is_null=subject.envelope.reverse_path is None),
        _signed(clauses.get("dkim", ()), authserv_id),
        _author_domain(clauses.get("dmarc", ())),
    )


def _is_from(peer: str, listed: Upstream) -> bool:
    if peer == "local" or listed.network is None:
        return peer == "local" and listed.network is None
    return _is_within(peer, (listed.network,))


def _clauses(head: Head, ids: set[str], networks: Sequence[Network]) -> tuple[str, dict[str, tuple[Clause, ...]]]:
    """Who speaks, and by method what the topmost field of theirs says that speaks of it."""
    speaker, found = "", dict[str, tuple[Clause, ...]]()
    for value in _values(head, networks)[:MAX_FIELDS]:
        read = read_field(value)
        if read is None or read.authserv_id not in (ids if not speaker else {speaker}):
            continue
        speaker = read.authserv_id
        methods = {one.method for one in read.clauses} - found.keys()
        found |= {method: tuple(one for one in read.clauses if one.method == method) for method in methods}
    return speaker, found


def _values(head: Head, networks: Sequence[Network]) -> list[bytes]:
    """The Authentication-Results fields that the filter may have written.

    A Received field is true if the host above it is the filter: from the topmost one, which says who brought it to the
    filter, through those where the filter passed it on to itself, down to the one that names the true client. Filters
    write above that field or directly below it; what follows the next one came from outside.
    """
    values: list[bytes] = []
    hops, is_outside = 0, False
    for field in head.fields:
        if field.name == b"received":
            hops += 1
            if is_outside or hops > MAX_HOPS:
                break
            is_outside = not _is_inside(head.value(field), networks)
        elif field.name == b"authentication-results":
            values.append(head.value(field))
    return values if hops else []  # RFC 5321 §4.4: whoever relays writes a Received field


def _is_inside(received: bytes, networks: Sequence[Network]) -> bool:
    """Whether it is sure that the filter handed the mail to itself.

    Every address is the filter's, and one of them stands where hosts write whom they saw, not what the client calls
    itself (RFC 5321 §4.4, TCP-info). A form that is unknown makes it somebody else's.
    """
    text, _, date = received.decode("ascii", "replace").rpartition(";")
    if len(received) > MAX_RECEIVED_OCTETS or not _DATE.fullmatch(date):
        return False
    words = _MAY_BE_ADDRESS.findall(_IPV6.sub(" ", text))
    if not all(_is_within(word, networks) for word in words if word.count(":") > 1 or _DOTTED.search(word)):
        return False
    seen = _CLIENT.match(text)
    return seen is not None and _is_within(seen[1], networks)


def _is_within(text: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return any(address in network for network in networks)


def _by(authserv_id: str) -> str:
    return f"found by {authserv_id}"


def _spf(said: Sequence[Clause], by: str, *, is_null: bool) -> SpfResult:
    """The identity that DMARC looks at: MAIL FROM, or HELO of the null reverse-path."""
    for name in ("smtp.mailfrom", "smtp.helo") if is_null else ("smtp.mailfrom",):
        for clause in said:
            domain = clause.domain(name)
            if domain and clause.result in _SPF:
                return SpfResult(clause.result, domain, reason=_by(by), by=by, identity=name.removeprefix("smtp."))
    return SpfResult(reason="the client is a filter that says nothing of SPF")


def _signed(said: Sequence[Clause], by: str) -> tuple[DkimResult, ...]:
    found: dict[str, DkimResult] = {}
    for clause in said[:MAX_SIGNATURES]:
        domain = clause.domain("header.d", "header.i")
        if clause.result == "pass" and domain and clause.said.get("header.a", "").lower() != "rsa-sha1":
            found.setdefault(domain, DkimResult("pass", domain, reason=_by(by), by=by))
    return tuple(found.values())


def _author_domain(said: Sequence[Clause]) -> str:
    """One verdict on one author, or none."""
    return said[0].domain("header.from") if len(said) == 1 and said[0].result == "pass" else ""
