# SPDX-License-Identifier: Apache-2.0
"""Mail of the past in the store: threads by the ids of mail that was imported before it, cases in the past, no outbox.

A mail joins a thread that its ids name if it is our own, or its author belongs to the thread; else it begins a case,
linked to what it names. What is here already comes no second time (storage/import_doubles.py). Nothing here commits.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert

from storage import cases, contacts, content, files, import_doubles, pointing, threads
from storage.address import key_of
from storage.case_values import ENDED_KINDS
from storage.cases import Event, Opening
from storage.content import Content
from storage.database import Unit
from storage.envelope import Session
from storage.files import FileOfMail
from storage.import_doubles import ARCHIVE, REASON, Marks
from storage.messages import Header, people_json, session_json, to_json
from storage.schema import message
from storage.states import MessageState
from storage.threads import Author, Link, Person, Pointer, Proof


@dataclass(frozen=True, slots=True)
class Past:
    """One old mail; `is_ours` where our side wrote it, `outside` are those of its recipients who are not ours.

    `actor` is its author in the timeline; `makes_contact`: the case's customer is a person. A case that has not ended
    waits in `queue`.
    """

    id: str
    at: datetime
    content: Content
    header: Header
    is_ours: bool
    actor: str
    makes_contact: bool
    classification: str
    own_key: bytes | None
    marks: Marks
    referred_keys: tuple[bytes, ...]
    outside: tuple[Person, ...]
    new_token: str
    routing_address: str
    team_id: int
    status: str
    status_kind: str
    queue: str
    files: tuple[FileOfMail, ...] = ()


def keep(unit: Unit, mail: Past, actor: str) -> bool:
    """Write one; False where it is here already."""
    if import_doubles.is_here(unit, mail.marks):
        return False
    thread_id, beside = _thread_of(unit, mail)
    if thread_id is None:
        thread_id = threads.make(unit, mail.new_token, mail.at)
        _make_case(unit, mail, thread_id, beside, actor)
    owner = mail.header.author.key or f"?{mail.id}"
    threads.add_keys(unit, thread_id, owner, mail.own_key, mail.referred_keys)
    threads.add_keys(unit, thread_id, ARCHIVE, mail.marks.octets_key, ())
    threads.add_participants(unit, thread_id, "customer", _people(unit, mail, thread_id))
    files.index(unit, _write_message(unit, mail, thread_id, beside), mail.files)
    _tell_case(unit, mail, thread_id)
    return True


def _thread_of(unit: Unit, mail: Past) -> tuple[int | None, int | None]:
    """(the thread to join, the thread to stand beside)."""
    pointers = [Pointer(key=key) for key in mail.referred_keys]
    if mail.own_key is not None:
        pointers.append(Pointer(key=mail.own_key, is_own=True))
    author = mail.header.author if mail.header.author.key else None
    found = pointing.candidates(unit, pointers, Author(author, aligned=True))
    for candidate in found:
        if mail.is_ours or candidate.participant:
            return candidate.thread_id, None
    return None, found[0].thread_id if found else None


def _people(unit: Unit, mail: Past, thread_id: int) -> list[Person]:
    """Whom it brings into the thread: nobody into one of live mail, for no old From line is proof.

    Of our own mail only such as was written to the case's contact: what we sent to others was not for their eyes.
    """
    case = cases.of_thread(unit, thread_id)
    if case is None or case.source != "import":
        return []
    if not mail.is_ours:
        return [one for one in (mail.header.author, *mail.outside) if one.key]
    return list(mail.outside) if key_of(case.contact_address) in (one.key for one in mail.outside) else []


def _contact(mail: Past) -> Person:
    """Who wrote to us, or to whom we wrote first."""
    return next(iter(mail.outside), NOBODY) if mail.is_ours else mail.header.author


def _contact_id(unit: Unit, mail: Past, person: Person) -> int | None:
    """By the operator's word it is their case; by it nobody becomes a known contact, and a machine becomes none."""
    if not person.key:
        return None
    if mail.makes_contact:
        return contacts.of_author(unit, person.name, person.address)
    row = contacts.by_key(unit, person.key)
    return int(row.id) if row is not None else None


def _make_case(unit: Unit, mail: Past, thread_id: int, beside: int | None, actor: str) -> None:
    contact = _contact(mail)
    opening = Opening(
        thread_id=thread_id,
        thread_token=mail.new_token,
        team_id=mail.team_id,
        queue=mail.queue,
        contact_id=_contact_id(unit, mail, contact),
        contact_name=contact.name,
        contact_address=contact.address,
        routing_address=mail.routing_address,
        subject=mail.header.subject,
        source="import",
    )
    case = cases.make(unit, opening, mail.at)
    status = {"status": mail.status, "status_kind": mail.status_kind, "status_at": mail.at}
    has_ended = mail.status_kind in ENDED_KINDS
    cases.write(unit, case.id, {**status, **({"ended_at": mail.at, "queue": None} if has_ended else {})})
    cases.add_event(unit, case.id, Event(actor, "created", {"source": "import"}), mail.at)
    other = cases.of_thread(unit, beside) if beside is not None else None
    if other is not None:
        cases.add_link(unit, case.id, other.id, Link.POSSIBLY_BELONGS_TO.value)


def _tell_case(unit: Unit, mail: Past, thread_id: int) -> None:
    """The timeline as it would have been; an imported case ended with its last mail."""
    case = cases.of_thread(unit, thread_id)
    if case is None:  # its live mail has not been routed yet
        return
    told = {"message": mail.id, "imported": True}
    cases.add_event(unit, case.id, Event(mail.actor, "reply" if mail.is_ours else "message", told), mail.at)
    wanted = _wanted(case, mail) if case.source == "import" else {}
    if wanted:
        cases.write(unit, case.id, wanted)


def _wanted(case: Any, mail: Past) -> dict[str, object]:
    """What one more mail changes in an imported case."""
    wanted: dict[str, object] = {}
    if case.ended_at is not None and case.ended_at < mail.at:
        wanted |= {"ended_at": mail.at, "status_at": mail.at}
    if mail.is_ours and (case.responded_at is None or mail.at < case.responded_at):
        wanted["responded_at"] = mail.at
    if not mail.is_ours and case.owner_id is not None and case.status_kind not in ENDED_KINDS:
        wanted["copies_due_at"] = mail.at  # somebody was given the case before all of its mail was here
    return wanted


def _write_message(unit: Unit, mail: Past, thread_id: int, beside: int | None) -> int:
    header = mail.header
    values = {
        "id": mail.id,
        "direction": "outbound" if mail.is_ours else "inbound",
        "state": (MessageState.SUBMITTED if mail.is_ours else MessageState.ROUTED).value,
        "attempts": 0,
        "received_at": mail.at,
        "content_id": content.keep(unit, mail.content, mail.at),
        "thread_id": thread_id,
        "linked_thread_id": beside,
        "link_kind": Link.POSSIBLY_BELONGS_TO.value if beside is not None else None,
        "session": session_json(Session("import", "local", protocol="local")),
        "reverse_path": header.author.address,
        "recipients": to_json([]),
        "author_name": header.author.name,
        "author_address": header.author.address,
        "to_": people_json(header.to),
        "cc": people_json(header.cc),
        "subject": header.subject,
        "message_id": header.message_id,
        "authentication": to_json({"spf": _NONE, "dkim": [], "dmarc": _NONE, "arc": _NONE, "imported": True}),
        "classification": mail.classification,
        "disposition": "accept",
        "reason": REASON,
        "proof": Proof.UNPROVEN.value,
        "stamp": b"",
        "left_out": "[]",
    }
    return int(unit.execute(_INSERT, values).scalar_one())


NOBODY = Person("", "", "")
_NONE = {"result": "none"}
_INSERT = insert(message).returning(message.c.seq)
