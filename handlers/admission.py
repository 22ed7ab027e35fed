# SPDX-License-Identifier: Apache-2.0
"""May this mail be accepted, and for whom? The known-contact policy of each address.

Enters: a mail with its author proven or not. Leaves: a verdict for each recipient and the disposition of the mail. If
any recipient accepts, it is accepted and the rejecting addresses quarantine it (design: the life of a message, 4); over
LMTP they are taken out of it, for there each has its own answer. A DNS failure that would change the outcome is 451.
Reads the store, never writes.
"""

from collections.abc import Sequence
from dataclasses import replace

from handlers.arrival import Incoming, Refused
from handlers.classification import Class
from handlers.destinations import Destination, Kind
from handlers.office import Lookups, Office
from storage.address import key_of
from storage.desk import AddressRow
from storage.messages import Verdict
from storage.response import R451_DNS, R550_NOT_ALLOWED

_BEST_FIRST = ("accept", "quarantine", "reject", "discard")
_NOT_KNOWN = "the author is not a known contact with an aligned DKIM pass"
_NO_KEY = "DNS gave no answer for the key of the author's domain"
_LOOP = "a loop: a mail of ours came back, or one that has been through too many hosts"
_OF_AGENT = "an automatic answer of an agent's own mailbox"


def admit(mail: Incoming, office: Office, lookups: Lookups) -> Incoming:
    """Decide about one mail; in annotate mode nothing is refused, only written down."""
    if mail.beyond is not None and not office.annotate:
        return replace(mail, refusal=mail.beyond, refused=_all_refused(mail, "the mail is beyond a limit"))
    going_in_circles = _stopped(mail, office)
    if going_in_circles is not None:
        return going_in_circles
    verdicts = tuple(_verdict(mail, one, lookups) for one in mail.destinations)
    disposition = _of_all(verdicts)
    if not office.annotate and _waits_for_dns(mail, verdicts, lookups):
        return replace(mail, refusal=R451_DNS, refused=_all_refused(mail, _NO_KEY))
    if office.annotate:
        return replace(mail, verdicts=verdicts, disposition="accept", reason=_noted(mail, disposition))
    if mail.session.protocol == "LMTP":
        return _for_takers(mail, verdicts)
    if disposition == "reject":
        return replace(mail, refusal=R550_NOT_ALLOWED, refused=_all_refused(mail, _why_not_known(mail)))
    softened = tuple(replace(one, disposition="quarantine") if one.disposition == "reject" else one for one in verdicts)
    return replace(mail, verdicts=softened, disposition=disposition, reason=_reason(disposition))


def _for_takers(mail: Incoming, verdicts: Sequence[Verdict]) -> Incoming:
    """RFC 2033 §4.2: whoever rejects says so to its own recipient; the mail goes on without it."""
    both = [pair for pair in zip(mail.destinations, verdicts, strict=True) if pair[1].disposition != "reject"]
    why = _why_not_known(mail)
    refused = tuple(Refused(one.address, why) for one in verdicts if one.disposition == "reject")
    if not both:
        return replace(mail, refusal=R550_NOT_ALLOWED, refused=refused)
    takers, taken = tuple(one for one, _ in both), tuple(verdict for _, verdict in both)
    disposition = _of_all(taken)
    told = replace(mail, refused=refused, disposition=disposition, reason=_reason(disposition))
    return replace(told, destinations=takers, verdicts=taken)


def _all_refused(mail: Incoming, reason: str) -> tuple[Refused, ...]:
    return tuple(Refused(str(one.address), reason) for one in mail.destinations)


def _why_not_known(mail: Incoming) -> str:
    """Which half of known_contacts is missing (docs/configuration.md)."""
    if mail.author is None:
        return "the mail names no single author"
    address = str(mail.author.address)
    if not mail.aligned:
        return f"the author {address} is not aligned: no DKIM pass of that domain"
    return f"the author {address} is aligned, but not a known contact"


def _reason(disposition: str) -> str:
    return "" if disposition == "accept" else _NOT_KNOWN


def _noted(mail: Incoming, disposition: str) -> str:
    """What annotate mode writes down."""
    if mail.beyond is not None:
        return f"would have been refused: {mail.beyond.text}"
    return "" if disposition == "accept" else f"would have been {disposition}: {_NOT_KNOWN}"


def _stopped(mail: Incoming, office: Office) -> Incoming | None:
    """Mail that would come round again is kept for people to see, in either mode, and never worked."""
    if mail.classification is Class.LOOP:
        disposition, reason = "quarantine", _LOOP
    elif mail.classification is Class.AUTO_REPLY and mail.author is not None and _is_agent(mail, office):
        disposition, reason = "discard", _OF_AGENT
    else:
        return None
    verdicts = tuple(
        Verdict(str(one.address), _routing_address(one, one.row), disposition) for one in mail.destinations
    )
    return replace(mail, verdicts=verdicts, disposition=disposition, reason=reason)


def _is_agent(mail: Incoming, office: Office) -> bool:
    private = {key_of(text) for text in office.desk.private_addresses}
    return mail.author is not None and mail.author.address.key in private


def _waits_for_dns(mail: Incoming, verdicts: Sequence[Verdict], lookups: Lookups) -> bool:
    """Whether the key that DNS could not give would change the outcome: admission's verdicts, or the author's proof."""
    if mail.aligned or not mail.authentication.dmarc.undecided:
        return False
    if all(one.kind is Kind.BOUNCE for one in mail.destinations) and _is_delivery_report(mail):
        return False
    if _of_all(verdicts) == "accept":
        return True
    if_aligned = replace(mail, aligned=True)
    return tuple(_verdict(if_aligned, one, lookups) for one in mail.destinations) != tuple(verdicts)


def _verdict(mail: Incoming, one: Destination, lookups: Lookups) -> Verdict:
    row = _policy_of(one, lookups)
    return Verdict(str(one.address), _routing_address(one, row), _disposition(mail, one, row, lookups))


def _routing_address(one: Destination, row: AddressRow | None) -> str:
    return str(row.value.address) if row is not None and one.kind is Kind.ROUTING else ""


def _policy_of(one: Destination, lookups: Lookups) -> AddressRow | None:
    """A reply or bounce address obeys the policy of the address by which its case came in."""
    if one.row is not None or one.thread_id is None:
        return one.row
    return lookups.address_of_thread(one.thread_id)


def _disposition(mail: Incoming, one: Destination, row: AddressRow | None, lookups: Lookups) -> str:
    if one.kind is Kind.BOUNCE and _is_delivery_report(mail):
        return "accept"
    if row is None or row.value.accept_from == "anyone":
        return "accept"
    known = mail.aligned and mail.author is not None and lookups.is_known_contact(mail.author.address.key)
    return "accept" if known else row.value.others


def _is_delivery_report(mail: Incoming) -> bool:
    """RFC 5321 §4.5.5: only the null reverse-path makes it one; any other mail is no exception to a policy."""
    return mail.classification is Class.BOUNCE and mail.envelope.reverse_path is None


def _of_all(verdicts: Sequence[Verdict]) -> str:
    """One DATA response speaks for all recipients."""
    return min((one.disposition for one in verdicts), key=_BEST_FIRST.index)
