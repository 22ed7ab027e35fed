# SPDX-License-Identifier: Apache-2.0
"""May this mail be accepted, and for whom? The known-contact policy of each address, and one answer for all recipients.

Enters: a mail with its author proven or not. Leaves: a verdict for each recipient and the disposition of the mail. If
any recipient accepts, it is accepted and the rejecting addresses quarantine it (design: the life of a message, 4). A
DNS failure that would change the outcome is 451. Reads the store, never writes.
"""

from collections.abc import Sequence
from dataclasses import replace

from handlers.arrival import Incoming
from handlers.authentication import needs_retry
from handlers.destinations import Destination, Kind
from handlers.office import Lookups, Office
from storage.desk import AddressRow
from storage.messages import Verdict
from storage.response import R451_DNS, R550_NOT_ALLOWED, R554_TOO_MANY_HEADER_FIELDS

_BEST_FIRST = ("accept", "quarantine", "discard", "reject")
_NOT_KNOWN = "the author is not a known contact with an aligned DKIM pass"


def admit(mail: Incoming, office: Office, lookups: Lookups) -> Incoming:
    """Decide about one mail; in annotate mode nothing is refused, only written down."""
    if mail.head.truncated and not office.annotate:
        return replace(mail, refusal=R554_TOO_MANY_HEADER_FIELDS)
    if mail.author is not None and needs_retry(mail.author.address, mail.results) and not office.annotate:
        return replace(mail, refusal=R451_DNS)
    verdicts = tuple(_verdict(mail, one, lookups) for one in mail.destinations)
    disposition = _of_all(verdicts)
    reason = "" if disposition == "accept" else _NOT_KNOWN
    if office.annotate:
        noted = f"would have been {disposition}: {reason}" if reason else ""
        return replace(mail, verdicts=verdicts, disposition="accept", reason=noted)
    if disposition == "reject":
        return replace(mail, refusal=R550_NOT_ALLOWED)
    softened = tuple(replace(one, disposition="quarantine") if one.disposition == "reject" else one for one in verdicts)
    return replace(mail, verdicts=softened, disposition=disposition, reason=reason)


def _verdict(mail: Incoming, one: Destination, lookups: Lookups) -> Verdict:
    row = _policy_of(one, lookups)
    routing_address = str(row.value.address) if row is not None and one.kind is Kind.ROUTING else ""
    return Verdict(str(one.address), routing_address, _disposition(mail, one, row, lookups))


def _policy_of(one: Destination, lookups: Lookups) -> AddressRow | None:
    """A reply address obeys the policy of the address by which its case came in."""
    if one.row is not None or one.thread_id is None:
        return one.row
    return lookups.address_of_thread(one.thread_id)


def _disposition(mail: Incoming, one: Destination, row: AddressRow | None, lookups: Lookups) -> str:
    if one.kind is Kind.BOUNCE or row is None or row.value.accept_from == "anyone":
        return "accept"
    known = mail.aligned and mail.author is not None and lookups.is_known_contact(mail.author.address.key)
    return "accept" if known else row.value.others


def _of_all(verdicts: Sequence[Verdict]) -> str:
    """One DATA response speaks for all recipients."""
    return min((one.disposition for one in verdicts), key=_BEST_FIRST.index)
