# SPDX-License-Identifier: Apache-2.0
"""A judged mail becomes the value that storage accepts: header text scrubbed, people named, verdicts as JSON."""

from typing import Any

from handlers import tokens
from handlers.arrival import Incoming
from handlers.headers import decode_text
from handlers.identity import Mailbox, claimed_author, mailboxes
from handlers.office import Office
from handlers.pointers import foreign_keys, hint_keys, key_of_mail, message_id_of
from handlers.results import Authentication
from handlers.topics import other_topic
from handlers.trace import trace_json
from storage.address import key_of
from storage.content import Content
from storage.filing import Filing
from storage.messages import Arrival, Header, to_json
from storage.placing import Placing
from storage.states import MessageState
from storage.threads import Author, Person

MAX_SUBJECT_CHARACTERS = 1000
_FLAT = ("spf", "helo", "author_spf", "dmarc", "arc", "iprev", "upstream")
MAX_COPIED = 50  # people whom one mail may bring into a thread

_STATES = {
    "accept": MessageState.ACCEPTED,
    "quarantine": MessageState.QUARANTINED,
    "discard": MessageState.DISCARDED,
}


def arrival(mail: Incoming, office: Office, content: Content) -> Arrival:
    """Everything that the accepting transaction writes."""
    header = _header(mail)
    return Arrival(
        id=mail.id,
        received_at=mail.received_at,
        session=mail.session,
        envelope=mail.envelope,
        content=content,
        header=header,
        placing=_placing(mail, office, header),
        authentication=authentication_json(mail.authentication, aligned=mail.aligned),
        classification=mail.classification.value,
        state=_STATES[mail.disposition],
        disposition=mail.disposition,
        reason=mail.reason,
        verdicts=mail.verdicts,
        trace=trace_json(mail),
        stamp=mail.stamp,
        left_out=mail.left_out,
        held=_is_held(mail, office),
    )


def placing(mail: Incoming, office: Office) -> Placing:
    """What the thread decision rests on, for a mail that was judged before."""
    return _placing(mail, office, _header(mail))


def _is_held(mail: Incoming, office: Office) -> bool:
    """Whether an address quarantines it, itself alone or while others take it; annotate mode only says it would."""
    would = mail.disposition == "accept" and office.annotate
    return not would and any(one.disposition == "quarantine" for one in mail.verdicts)


def authentication_json(found: Authentication, *, aligned: bool) -> str:
    """The results as stored and shown, each with at least `result`; the way here may have undone `aligned`."""
    shown = {name: _shown(getattr(found, name)) for name in _FLAT}
    return to_json({**shown, "dkim": [_shown(one) for one in found.dkim], "aligned": aligned})


def _shown(result: Any) -> dict[str, object]:
    """The fields of a flat value; asdict() would copy each of them first."""
    return {name: getattr(result, name) for name in result.__slots__}


def person(mailbox: Mailbox) -> Person:
    """A mailbox as storage keeps it."""
    return Person(mailbox.name, str(mailbox.address), mailbox.address.key)


def author_of(mail: Incoming) -> Author:
    """The facts about the author on which the thread decision rests."""
    found = mail.authentication
    return Author(
        person=person(mail.author) if mail.author is not None else None,
        aligned=mail.aligned,
        spf=found.of_author.result if found.of_author.domain else None,
        publishes_dmarc=found.dmarc.published,
        vouched=mail.vouched,
    )


def _header(mail: Incoming) -> Header:
    """Without one undisputed author the claim is kept for people to read, and no address."""
    shown = person(mail.author) if mail.author is not None else Person(claimed_author(mail.head), "", "")
    return Header(
        author=shown,
        to=tuple(person(one) for one in mailboxes(mail.head, b"to")),
        cc=tuple(person(one) for one in mailboxes(mail.head, b"cc")),
        subject=decode_text(mail.head.first(b"subject") or b"")[:MAX_SUBJECT_CHARACTERS],
        message_id=message_id_of(mail.head),
    )


def _placing(mail: Incoming, office: Office, header: Header) -> Placing:
    written = mail.written or mail.head
    return Placing(
        author=author_of(mail),
        pointers=mail.pointers,
        own_key=key_of_mail(written),
        referred_keys=foreign_keys(written, office) if mail.is_to_us else (),
        copied=_copied(header if mail.written is None else _header(mail.but(head=written)), office)
        if mail.is_to_us
        else (),
        new_token=tokens.new_thread_id(office.keys),
        filing=_filing(mail, office),
        hints=hint_keys(mail.head if key_of_mail(written) else written) if mail.is_to_us else (),
    )


def _filing(mail: Incoming, office: Office) -> Filing:
    """The handling of every address, for the thread decides which of them holds."""
    taking = {key_of(one.routing_address) for one in mail.verdicts if one.disposition == "accept"}
    here = [one.row.value.address.key for one in mail.destinations if one.row is not None]
    points = any(not one.is_own for one in mail.pointers)
    return Filing(
        by_address=office.handlings,
        desk=office.handling,
        here=tuple(dict.fromkeys(key for key in here if key in taking or not mail.verdicts)) if mail.is_to_us else (),
        other_topic=other_topic(mail) if points and office.watches_topics else None,
        is_inside=mail.author is not None and office.is_inside(mail.author.address.key),
    )


def _copied(header: Header, office: Office) -> tuple[Person, ...]:
    """Those whom the author copies; our own addresses and the agents' are no customers."""
    return tuple(one for one in (*header.to, *header.cc)[:MAX_COPIED] if not office.is_inside(one.key))
