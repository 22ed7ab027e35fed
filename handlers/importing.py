# SPDX-License-Identifier: Apache-2.0
"""Old mail becomes messages of the past, by the operator's word: nobody was asked for keys then, nothing is sent now.

Enters: the octets of one mail that came long ago. Leaves: a Past for storage/imported.py. An author of our own side (an
agent, a team's sender, a routing address) answered; everybody else wrote to us. Only ids thread it; thread IDs, signed
addresses and ids of ours count for nothing, but tell that the mail is here already.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256

from handlers import classification, contacting, files_of_mail, identity, tokens
from handlers.headers import Head, HeaderLimits, decode_text, scan
from handlers.identity import claimed_author, mailboxes
from handlers.intake import MAX_COPIED, MAX_SUBJECT_CHARACTERS, person
from handlers.office import Office
from handlers.pointers import MAX_OURS, foreign_keys, message_id_of, referred_ids
from storage.content import packed
from storage.desk import AddressRow
from storage.import_doubles import Marks, octets_key
from storage.imported import Past
from storage.messages import Header
from storage.threads import Person, key_of

OLDEST = datetime(1970, 1, 2, tzinfo=UTC)
AHEAD = timedelta(days=1)  # clocks of senders go wrong; what lies further ahead is no date
_DATE_OCTETS = 200


@dataclass(frozen=True, slots=True)
class Archive:
    """Where old mail goes: the office, the routing address that its cases came in by, their status, and the present."""

    office: Office
    address: AddressRow
    status: str
    now: datetime


def past(octets: bytes, written_at: datetime, archive: Archive) -> Past:
    """Read one old mail; `written_at` is what its mailbox says where the mail bears no date."""
    head, office = scan(octets, archive.office.limits.header), archive.office
    author = identity.author(head)
    at = date_of(head, archive.now) or min(written_at, archive.now)
    shown = person(author) if author is not None else Person(claimed_author(head), "", "")
    header = Header(
        author=shown,
        to=tuple(person(one) for one in mailboxes(head, b"to")),
        cc=tuple(person(one) for one in mailboxes(head, b"cc")),
        subject=decode_text(head.first(b"subject") or b"")[:MAX_SUBJECT_CHARACTERS],
        message_id=message_id_of(head),
    )
    kind = office.desk.sections.kind_of(archive.status) or "closed"
    found_class = classification.by_signs(head, is_null=False).found
    is_ours = shown.key in office.inside
    return Past(
        id=tokens.new_name(at),
        at=at,
        content=packed(octets),
        header=header,
        is_ours=is_ours,
        actor=_actor(shown, office),
        makes_contact=is_ours or found_class.value in contacting.PEOPLE,
        classification=found_class.value,
        own_key=key_of(header.message_id) if header.message_id else None,
        marks=_marks(octets, head, header, archive),
        referred_keys=foreign_keys(head, office),
        outside=_outside(header, office),
        new_token=tokens.new_thread_id(office.keys),
        routing_address=str(archive.address.value.address),
        team_id=archive.address.team_id,
        status=archive.status,
        status_kind=kind,
        queue=office.desk.teams[archive.address.team_id].value.name,
        files=files_of_mail.of_whole(head),
    )


def date_of(head: Head, now: datetime) -> datetime | None:
    """When it was written, by its own word; None where that is no date of the past (RFC 5322 §3.3)."""
    said = (head.first(b"date") or b"")[:_DATE_OCTETS].decode("ascii", "replace")
    try:
        found = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    try:
        found = found.astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return found if OLDEST <= found <= now + AHEAD else None


def are_dated_alike(one: bytes, other: bytes, limit: HeaderLimits, now: datetime) -> bool:
    """Whether two mails bear the same date; `limit` is how much of their header sections is read."""
    return date_of(scan(one, limit), now) == date_of(scan(other, limit), now)


def _marks(octets: bytes, head: Head, header: Header, archive: Archive) -> Marks:
    """What tells whether the mail is here already."""
    keys, limit, said = archive.office.keys, archive.office.limits.header, date_of(head, archive.now)
    is_from_here = header.author.key in archive.office.inside or header.author.key.endswith(f"@{keys.host}")
    own = tokens.read_message_id(keys, header.message_id) if is_from_here else None  # others' ids are theirs to choose
    referred = [tokens.read_message_id(keys, text) for text in referred_ids(head)[:MAX_OURS]]
    return Marks(
        octets_key=octets_key(sha256(octets).digest()),
        message_id=header.message_id,
        author_key=header.author.key,
        own_row=own.outbox_name if own is not None else None,
        answered_rows=tuple(one.outbox_name for one in referred if one is not None),
        is_dated_alike=lambda other: date_of(scan(other, limit), archive.now) == said,
    )


def _actor(author: Person, office: Office) -> str:
    """Who stands in the timeline: as live mail has it, and never by the private address of somebody of ours."""
    if author.key not in office.inside:
        return f"contact:{author.address or 'unknown'}"
    for row in office.desk.agents.values():
        if row.value.address.key == author.key:
            return f"agent:{row.value.login}"
    address = office.routing_addresses.get(author.key)
    for team in office.desk.teams.values():
        if team.value.sender.key == author.key or (address is not None and address.team_id == team.id):
            return f"team:{team.value.name}"
    return "agent:unknown"


def _outside(header: Header, office: Office) -> tuple[Person, ...]:
    """Whom it was written to outside of the desk."""
    named = (*header.to, *header.cc)[:MAX_COPIED]
    return tuple(one for one in named if one.key not in office.inside and not one.key.endswith(f"@{office.keys.host}"))
