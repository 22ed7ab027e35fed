# SPDX-License-Identifier: Apache-2.0
"""May this mail be accepted, and for whom? What stands against it is asked in the order of RULES (docs/admission.md).

Enters: a judged mail. Leaves: a verdict for each recipient, the disposition of the mail, and a note for each. If any
recipient accepts, it is accepted and the rejecting addresses quarantine it (design: the life of a message, 4); over
LMTP they are taken out of it, for there each has its own answer. A DNS failure that would change the outcome is 451.
Reads the store, never writes; only the rates count.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from handlers import waiting
from handlers.admission_rules import OF_POSTMASTER, OF_REPORTS, RULES, Asked, Rule, Ruling, is_report_to_us
from handlers.arrival import Incoming, Refused
from handlers.circles import OF_CIRCLES, by_circle
from handlers.destinations import Destination, Kind
from handlers.office import Lookups, Office
from handlers.rates import OVER_RATE, Rates, budgets, counted_at
from storage.desk import AddressRow
from storage.messages import Verdict
from storage.response import R450_OVER_RATE, R550_OVER_RATE, Response

STEP = "admission"
_BEST_FIRST = ("accept", "quarantine", "defer", "reject", "discard")  # one DATA response speaks for all recipients
_HARDEST_FIRST = ("reject", "discard", "defer", "quarantine", "accept")  # of what the rules say about one recipient
_TAKEN = ("accept", "quarantine")


@dataclass(frozen=True, slots=True)
class _Ruled:
    """One recipient, the address whose policy holds, what was decided, and what else was found."""

    asked: Asked
    ruling: Ruling
    others: tuple[Ruling, ...] = ()

    @property
    def disposition(self) -> str:
        return self.ruling.disposition

    @property
    def address(self) -> str:
        return str(self.asked.to.address)

    def verdict(self, disposition: str = "") -> Verdict:
        said = disposition or self.disposition
        why = self.ruling.because if said == "quarantine" else ""  # a share is shown with its own reason
        return Verdict(self.address, _routing_address(self.asked), said, why)


def admit(mail: Incoming, office: Office, lookups: Lookups, rates: Rates) -> Incoming:
    """Decide about one mail; in annotate mode nothing is refused, only written down."""
    if mail.beyond is not None and not office.annotate:
        return _all_refused(mail, "reject", "the mail is beyond a limit", mail.beyond)
    ruled = [_ruled(mail, one, office, lookups) for one in mail.destinations]
    if not office.annotate and _waits_for_dns(mail, ruled):
        put_off = waiting.ruling(mail)
        if rates.take((waiting.tries(mail),), mail.received_at) is None:
            ruled = [one if one.asked.to.is_postmaster else _Ruled(one.asked, put_off) for one in ruled]
        else:
            mail = mail.noting(STEP, "not awaited", f"{put_off.because}, and it {waiting.NOT_AWAITED}")
    ruled = [_counted(one, rates) for one in ruled]
    for one in ruled:
        for ruling in (one.ruling, *one.others):
            mail = mail.noting(STEP, ruling.disposition, f"for {one.address}: {ruling.because}")
    if office.annotate:
        return _annotated(mail, ruled)
    return _for_takers(mail, ruled) if mail.session.protocol == "LMTP" else _for_all(mail, ruled)


def _ruled(mail: Incoming, to: Destination, office: Office, lookups: Lookups) -> _Ruled:
    """The hardest of what the rules say."""
    asked = Asked(mail, to, row_of(to, lookups), office, lookups)
    rules = _rules(asked)
    found = [ruling for rule in rules if (ruling := rule(asked)) is not None]
    if not found:
        return _Ruled(asked, Ruling("accept", "a report about a mail of ours"))
    hardest = min(found, key=lambda one: _HARDEST_FIRST.index(one.disposition))
    return _Ruled(asked, hardest, tuple(one for one in found if one is not hardest))


def _rules(asked: Asked) -> tuple[Rule, ...]:
    """Those that are asked about this mail for this recipient."""
    goes_round = by_circle(asked) is not None
    if asked.to.is_postmaster:
        return (by_circle,) if goes_round else OF_POSTMASTER
    if is_report_to_us(asked.mail, asked.to):
        return OF_REPORTS
    return OF_CIRCLES if goes_round else RULES


def _counted(one: _Ruled, rates: Rates) -> _Ruled:
    """The same, unless too much has come: only what is taken counts, and answering machines, whom nobody sees."""
    asked = one.asked
    is_machine = one.disposition == "discard" and one.ruling == by_circle(asked)
    if one.disposition not in _TAKEN and not is_machine:
        return one
    if asked.to.is_postmaster or is_report_to_us(asked.mail, asked.to):
        return one
    wanted = budgets(asked.mail, asked.rules, counted_at(asked.row))
    spent = rates.take(wanted, asked.mail.received_at) if wanted else None
    if spent is None:
        return one
    words = f"{OVER_RATE} {spent.who}: {asked.rules.words(spent.key)}, {asked.rules.words('over_rate')}"
    if asked.rules.policy.over_rate == "reject":
        return replace(one, ruling=Ruling("reject", words, R550_OVER_RATE))
    return replace(one, ruling=Ruling("defer", words, R450_OVER_RATE))


def _for_all(mail: Incoming, ruled: Sequence[_Ruled]) -> Incoming:
    """One response: the best that a recipient says."""
    best = _best(ruled)
    if best.disposition in ("defer", "reject"):
        return mail.but(refusal=best.ruling.response, refused=_refused(ruled))
    softened = tuple(one.verdict("quarantine" if one.disposition in ("defer", "reject") else "") for one in ruled)
    return mail.but(verdicts=softened, disposition=best.disposition, reason=_reason(best))


def _for_takers(mail: Incoming, ruled: Sequence[_Ruled]) -> Incoming:
    """RFC 2033 §4.2: whoever rejects says so to its own recipient; the mail goes on without it."""
    takers = [one for one in ruled if one.disposition not in ("defer", "reject")]
    refused = _refused(one for one in ruled if one not in takers)
    if not takers:
        return mail.but(refusal=_best(ruled).ruling.response, refused=refused)
    best = _best(takers)
    told = mail.but(refused=(*mail.refused, *refused), disposition=best.disposition, reason=_reason(best))
    return replace(
        told, destinations=tuple(one.asked.to for one in takers), verdicts=tuple(one.verdict() for one in takers)
    )


def _annotated(mail: Incoming, ruled: Sequence[_Ruled]) -> Incoming:
    """Taken, with what would have become of it for each recipient."""
    best = _best(ruled)
    circle = by_circle(best.asked)
    if circle is not None:
        return _kept_apart(mail, ruled, circle)
    if mail.beyond is not None:
        reason = f"would have been refused: {mail.beyond.text}"
    else:
        reason = "" if best.disposition == "accept" else f"would have been {best.disposition}: {best.ruling.because}"
    verdicts = tuple(one.verdict() for one in ruled)
    told = mail if not reason else mail.noting(STEP, "accept", f'policy.mode = "annotate"; {reason}')
    return replace(told, verdicts=verdicts, disposition="accept", reason=reason)


def _kept_apart(mail: Incoming, ruled: Sequence[_Ruled], circle: Ruling) -> Incoming:
    """Nobody works what would come round again, in either mode; it is not refused in this one."""
    disposition = "discard" if circle.disposition == "discard" else "quarantine"
    told = mail.noting(STEP, disposition, f'policy.mode = "annotate"; {circle.because}')
    verdicts = tuple(replace(one, ruling=circle).verdict(disposition) for one in ruled)
    return told.but(verdicts=verdicts, disposition=disposition, reason=circle.because)


def _best(ruled: Sequence[_Ruled]) -> _Ruled:
    return min(ruled, key=lambda one: _BEST_FIRST.index(one.disposition))


def _reason(best: _Ruled) -> str:
    return "" if best.disposition == "accept" else best.ruling.because


def _refused(ruled: Iterable[_Ruled]) -> tuple[Refused, ...]:
    return tuple(Refused(one.address, one.ruling.because, one.ruling.response) for one in ruled)


def _all_refused(mail: Incoming, disposition: str, reason: str, response: Response) -> Incoming:
    refused = tuple(Refused(str(one.address), reason, response) for one in mail.destinations)
    return mail.but(refusal=response, refused=refused).noting(STEP, disposition, reason)


def _waits_for_dns(mail: Incoming, ruled: Sequence[_Ruled]) -> bool:
    """Whether an answer that DNS could not give would change the outcome: a ruling, or the author's proof.

    The postmaster waits for nothing (RFC 5321 §4.5.1).
    """
    ruled = [one for one in ruled if not one.asked.to.is_postmaster]
    if mail.aligned or all(is_report_to_us(mail, one.asked.to) for one in ruled):
        return False
    dmarc = mail.authentication.dmarc
    if _best(ruled).disposition == "accept" and (
        dmarc.undecided or waiting.could_be_likely(mail, ruled[0].asked.office)
    ):
        return True
    could_be = [mail.but(aligned=True)] if dmarc.undecided else []
    if dmarc.result == "temperror":
        could_be += [_failing(mail, policy) for policy in ("reject", "quarantine", "none")]
    now = [one.disposition for one in ruled]
    return any([_again(other, one).disposition for one in ruled] != now for other in could_be)


def _failing(mail: Incoming, policy: str) -> Incoming:
    """As if the author's domain asked for this."""
    dmarc = replace(mail.authentication.dmarc, result="fail", policy=policy)
    return mail.but(authentication=replace(mail.authentication, dmarc=dmarc))


def _again(mail: Incoming, one: _Ruled) -> _Ruled:
    return _ruled(mail, one.asked.to, one.asked.office, one.asked.lookups)


def row_of(to: Destination, lookups: Lookups) -> AddressRow | None:
    """A reply or bounce address obeys the policy of the address by which its case came in."""
    if to.row is not None or to.thread_id is None:
        return to.row
    return lookups.address_of_thread(to.thread_id)


def _routing_address(asked: Asked) -> str:
    row = asked.row
    return str(row.value.address) if row is not None and asked.to.kind is Kind.ROUTING else ""
