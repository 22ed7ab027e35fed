# SPDX-License-Identifier: Apache-2.0
"""DMARC (RFC 9989): does a domain that vouches belong to the author's organisation, and what is asked for if none does?

Enters: the one author, what SPF and DKIM found, DNS as a book. Leaves: a DmarcResult. Without exactly one author there
is nothing to look at, and never a pass. An answer that DNS did not give is a temperror wherever it could have changed
the result. Raises Missing for what is to be asked: the author's record at once, tree walks only where they are needed.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from handlers import dmarc_suffixes
from handlers.book import Book, Missing
from handlers.dmarc_record import Record
from handlers.dmarc_walk import Walk, is_within, look, texts, walk
from handlers.ports import Found
from handlers.results import DkimResult, DmarcResult, SpfResult
from storage.address import Address, a_labels, is_literal

_LOWERED = {"reject": "quarantine", "quarantine": "none", "none": "none"}  # RFC 9989 §4.7 "t"
_VOUCHES = ("pass", "temperror")


class _Fit(Enum):
    """Whether an identifier is the author's."""

    ALIGNED = "aligned"
    OTHER = "other"
    UNKNOWN = "unknown"  # DNS gave no answer


@dataclass(frozen=True, slots=True)
class Discovery:
    """The policy that applies to one domain; without a record `result` says why there is none."""

    domain: str
    record: Record | None = None
    record_domain: str = ""
    organization: str = ""
    result: str = "none"
    published: bool | None = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Identifier:
    """A domain that vouches, or that would have, had DNS answered."""

    method: str
    domain: str
    result: str

    def __str__(self) -> str:
        return f"{self.method}:{self.domain}"


def discover(author: Address | None, book: Book) -> Discovery:
    """Which policy applies (RFC 9989 §4.10.1); it needs no result of SPF or DKIM."""
    if author is None or is_literal(author.domain):
        why = "the mail names no single author" if author is None else "the author's domain is an IP address"
        return Discovery("", result="permerror", published=None, reason=why)
    domain = author.host
    own = look(domain, book)
    if own.found in (Found.TEMPORARY, Found.MALFORMED):
        return Discovery(domain, result=own.found.value, published=None, reason=f"no answer for {_at(domain)}")
    if own.several:
        return Discovery(domain, published=True, reason=f"several records at {_at(domain)}: none of them counts")
    if own.record is not None:
        return _usable(Discovery(domain, own.record, domain))
    return _inherited(walk(domain, book))


def evaluate(author: Address | None, spf: SpfResult, dkim: Sequence[DkimResult], book: Book) -> DmarcResult:
    """The verdict on one author (RFC 9989 §5.3)."""
    policy = discover(author, book)
    identifiers = _identifiers(spf, dkim)
    if policy.record is None:
        return _without_policy(policy, identifiers)
    fits = _fits(policy, identifiers, book)
    verdict = replace(_verdict(policy, fits), remark=_remark(policy, fits))
    exists = _exists(policy, book)
    if verdict.result == "fail" and exists is None:
        verdict = replace(verdict, result="temperror", reason=f"DNS does not say whether {policy.domain} exists")
    wanted = _asked_for(policy, exists=exists is not False)
    testing = policy.record.testing
    return replace(verdict, policy=_LOWERED[wanted] if testing else wanted, testing=testing)


def _inherited(found: Walk) -> Discovery:
    """The policy of the organizational domain, else of the public suffix domain, for a domain without one."""
    domain = found.looks[0].domain
    if found.temporary:
        why = f"no answer for {_at(found.looks[-1].domain)}"
        return Discovery(domain, result="temperror", published=None, reason=why)
    for name in (found.organization, found.suffix):
        if name in found.records:
            return _usable(Discovery(domain, found.records[name], name, found.organization))
    several = [_at(one.domain) for one in found.looks if one.several]
    why = f"several records at {several[0]}: none of them counts" if several else "no record is published"
    return Discovery(domain, organization=found.organization, published=bool(several), reason=why)


def _usable(found: Discovery) -> Discovery:
    """RFC 9989 §4.10.1: a record without a policy that asks for no reports either is not applied."""
    if found.record is not None and found.record.usable:
        return replace(found, published=True)
    why = f"the record at {_at(found.record_domain)} has no valid policy"
    return replace(found, record=None, record_domain="", published=True, reason=why)


def _identifiers(spf: SpfResult, dkim: Iterable[DkimResult]) -> tuple[_Identifier, ...]:
    """Each domain that vouches, once; SPF speaks for MAIL FROM, or for HELO where that is null (RFC 9989 §3.2.4)."""
    both = [("dkim", one.domain, one.result) for one in dkim] + [("spf", spf.domain, spf.result)]
    found = (_Identifier(method, a_labels(domain), result) for method, domain, result in both if domain)
    return tuple(dict.fromkeys(one for one in found if one.result in _VOUCHES))


def _without_policy(policy: Discovery, identifiers: Sequence[_Identifier]) -> DmarcResult:
    """DMARC does not apply, or not yet: only the author's very domain vouches, for nothing says what belongs to it."""
    same = [one for one in identifiers if one.domain == policy.domain]
    aligned = tuple(str(one) for one in same if one.result == "pass")
    by_key = any(one.startswith("dkim:") for one in aligned)
    if policy.result == "temperror":
        could = [one for one in identifiers if _may_share(one.domain, policy.domain)]
    else:
        could = [one for one in same if one.method == "dkim" and one.result == "temperror"]
    return DmarcResult(
        result=policy.result,
        domain=policy.domain,
        organization=policy.organization,
        published=policy.published,
        aligned=aligned,
        undecided=bool(could) and not by_key,
        reason=policy.reason,
    )


def _fits(policy: Discovery, identifiers: Sequence[_Identifier], book: Book) -> dict[_Identifier, _Fit]:
    """What passes is looked at first; what DNS did not answer only where nothing that passes is the author's."""
    passed = [one for one in identifiers if one.result == "pass"]
    fits = _each(passed, lambda one: _fit(policy, one, book))
    if _Fit.ALIGNED not in fits.values():
        waiting = [one for one in identifiers if one.result == "temperror"]
        fits |= _each(waiting, lambda one: _fit(policy, one, book))
    return fits


def _each(identifiers: Iterable[_Identifier], judge: Callable[[_Identifier], _Fit]) -> dict[_Identifier, _Fit]:
    """All of them; their questions leave together."""
    fits: dict[_Identifier, _Fit] = {}
    missing: list[Missing] = []
    for one in identifiers:
        try:
            fits[one] = judge(one)
        except Missing as more:
            missing.append(more)
    if missing:
        raise Missing(dict.fromkeys(question for more in missing for question in more.questions))
    return fits


def _fit(policy: Discovery, one: _Identifier, book: Book) -> _Fit:
    """RFC 9989 §4.10.2: identical, or under one organizational domain where the record allows that."""
    record = policy.record
    if one.domain == policy.domain:
        return _Fit.ALIGNED
    if record is None or (record.strict_dkim if one.method == "dkim" else record.strict_spf):
        return _Fit.OTHER
    if not _may_share(one.domain, policy.domain):
        return _Fit.OTHER
    ours = walk(policy.domain, book)
    if ours.temporary:
        return _Fit.UNKNOWN
    if not is_within(one.domain, ours.organization):
        return _Fit.OTHER
    theirs = walk(one.domain, book)
    if theirs.temporary:
        return _Fit.UNKNOWN
    return _Fit.ALIGNED if theirs.organization == ours.organization else _Fit.OTHER


def _may_share(one: str, other: str) -> bool:
    """Whether any name is above both: without one no walk could find them one organisation."""
    return one.rpartition(".")[2] == other.rpartition(".")[2]


def _verdict(policy: Discovery, fits: dict[_Identifier, _Fit]) -> DmarcResult:
    """RFC 9989 §5.3.5; §5.3.6: where DNS failed, the message can neither pass nor fail."""
    aligned = tuple(str(one) for one, fit in fits.items() if fit is _Fit.ALIGNED and one.result == "pass")
    open_ = [str(one) for one, fit in fits.items() if fit is _Fit.UNKNOWN or (fit, one.result) == _NOT_YET]
    result = "pass" if aligned else "temperror" if open_ else "fail"
    reason = f"DNS gave no answer about {', '.join(open_)}" if result == "temperror" else ""
    return DmarcResult(
        result=result,
        domain=policy.domain,
        record_domain=policy.record_domain,
        organization=policy.organization,
        published=True,
        aligned=aligned,
        undecided=result == "temperror",
        reason=reason,
    )


_NOT_YET = (_Fit.ALIGNED, "temperror")


def _remark(policy: Discovery, fits: dict[_Identifier, _Fit]) -> str:
    """A strict policy is no question of organisations."""
    record = policy.record or Record()
    strict = {"dkim": record.strict_dkim, "spf": record.strict_spf}
    passed = {one: fit for one, fit in fits.items() if one.result == "pass" and not strict[one.method]}
    aligned = [one.domain for one, fit in passed.items() if fit is _Fit.ALIGNED]
    return dmarc_suffixes.remark(policy.domain, aligned, [one.domain for one in passed if one.domain not in aligned])


def _exists(policy: Discovery, book: Book) -> bool | None:
    """RFC 9989 §3.2.13: only a name error says no. Asked only where np makes a difference; None: no answer."""
    if policy.record is None or not policy.record.np or policy.record_domain == policy.domain:
        return True
    if look(policy.domain, book).found is not Found.NO_NAME:
        return True  # RFC 8020: there is a name below it
    found = texts(policy.domain, book).found
    return None if found is Found.TEMPORARY else found is not Found.NO_NAME


def _asked_for(policy: Discovery, *, exists: bool) -> str:
    """RFC 9989 §4.10.1: p for the domain itself, sp or np for what is below it."""
    record = policy.record or Record()
    if policy.record_domain == policy.domain:
        return record.p
    return (record.sp if exists else record.np) or record.sp or record.p


def _at(domain: str) -> str:
    return f"_dmarc.{domain}"
