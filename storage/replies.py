# SPDX-License-Identifier: Apache-2.0
"""An agent's reply in the store: the conversation it answers, and the one transaction that promises to send it.

The agent's own octets are kept as the message; what leaves is an outbox row with its own head and body. A reply that a
client sends again after a lost 250 finds its digest and is not sent twice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select

from storage import case_changes, cases, content, files, members, messages, outbox, threads
from storage.address import key_of
from storage.content import Content
from storage.database import Unit
from storage.envelope import Envelope, Session, Wish
from storage.files import FileOfMail
from storage.messages import Accepted, Header, people_json, recipients_json, session_json, to_json
from storage.outbox import Outgoing
from storage.schema import message
from storage.states import MessageState
from storage.threads import Person

NOBODY = Person("", "", "")


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a reply needs to know of its case; `rows` is the Message-ID map, `next_seq` lies behind all of it.

    Of a case with several threads it is one of them: no other's people and ids are in it. `contact` is that of the
    case that it began with, if they belong to the thread, else whoever wrote in it first who does; else NOBODY.
    """

    thread_id: int
    thread_token: str
    case_id: int
    case_number: int
    team_id: int
    contact: Person
    participants: tuple[Person, ...]
    rows: tuple[Any, ...]
    next_seq: int
    routing_address: str = ""
    roles: Mapping[int, str] = field(default_factory=dict)  # of the case team, by agent
    notes: tuple[bytes, ...] = ()  # the notes to agents that the reply names
    readers: Mapping[int, tuple[str, ...]] = field(default_factory=dict)  # whom a reply went to, by message number


@dataclass(frozen=True, slots=True)
class Submission:
    """A reply rewritten and signed, ready to be promised; `content` is what the agent sent."""

    message_id: str
    received_at: datetime
    session: Session
    envelope: Envelope
    content: Content
    header: Header
    agent_id: int
    agent_login: str
    conversation: Conversation
    outbox_name: str
    own_message_id: str
    reverse_path: str
    head: bytes
    body: Content
    recipients: tuple[Person, ...]
    wishes: tuple[Wish, ...] = ()  # one for each of `recipients`, or none at all
    files: tuple[FileOfMail, ...] = ()


@dataclass(frozen=True, slots=True)
class Pointed:
    """The thread that a reply names, and the outbox rows of that thread whose ids it names, the nearest first."""

    thread_token: str
    rows: tuple[str, ...] = ()


def conversation(unit: Unit, pointed: Pointed) -> Conversation | None:
    """The conversation that is answered, once it has a case: where the mail that the reply names is now."""
    moved = (threads.by_row(unit, name) for name in pointed.rows)
    thread_id = next((one for one in moved if one is not None), None) or threads.by_token(unit, pointed.thread_token)
    case = cases.of_thread(unit, thread_id) if thread_id is not None else None
    if thread_id is None or case is None:
        return None
    participants = threads.participants(unit, thread_id, "customer")
    rows, token = tuple(outbox.ids_in_thread(unit, thread_id)), threads.token_of(unit, thread_id)
    begun_with = case_changes.contact_of(unit, case, token)
    last = unit.execute(select(func.max(message.c.seq))).scalar() or 0
    return Conversation(
        thread_id=thread_id,
        thread_token=token,
        case_id=case.id,
        case_number=case.number,
        team_id=case.team_id,
        contact=_contact(begun_with, participants, rows),
        participants=tuple(participants),
        rows=rows,
        next_seq=last + 1,
        routing_address=case.routing_address,
        roles=members.roles(unit, case.id),
        notes=outbox.notices(unit, pointed.rows),
        readers=outbox.readers_in_thread(unit, thread_id),
    )


def _contact(begun_with: str, participants: Sequence[Person], rows: Iterable[Any]) -> Person:
    wrote = (row.author_address for row in rows if row.direction == "inbound")
    inside = {one.key: one for one in participants}
    return next((inside[key] for key in map(key_of, (begun_with, *wrote)) if key in inside), NOBODY)


Answered = Callable[[Unit, Submission], None]  # what a reply changes in its case; handlers/answered.py


def submit(unit: Unit, reply: Submission, answered: Answered) -> Accepted:
    """Promise to send a reply: message, outbox row, participants and events in one unit of work."""
    reply = _where_it_is_now(unit, reply)
    key = messages.digest_of(reply.envelope, reply.header.message_id, reply.content)
    first = messages.claim_digest(unit, key, reply.message_id, reply.received_at)
    if first is not None:
        content.drop(unit, reply.content)
        content.drop(unit, reply.body)
        return Accepted(first, repeated=True, state=MessageState.SUBMITTED)
    seq = _write_message(unit, reply)
    files.index(unit, seq, reply.files)
    _write_outbox(unit, reply, seq)
    answered(unit, reply)
    return Accepted(reply.message_id, repeated=False, state=MessageState.SUBMITTED)


def _where_it_is_now(unit: Unit, reply: Submission) -> Submission:
    """A merge may have given the thread another case since the reply was made."""
    where = reply.conversation
    case_id = threads.lock(unit, where.thread_id)
    if case_id in (None, where.case_id):
        return reply
    return replace(reply, conversation=replace(where, case_id=case_id))


def _write_message(unit: Unit, reply: Submission) -> int:
    header, now = reply.header, reply.received_at
    values = {
        "id": reply.message_id,
        "direction": "outbound",
        "state": MessageState.SUBMITTED.value,
        "due_at": None,
        "attempts": 0,
        "received_at": now,
        "content_id": content.keep(unit, reply.content, now),
        "thread_id": reply.conversation.thread_id,
        "session": session_json(reply.session),
        "reverse_path": reply.envelope.reverse_path_text,
        "ret": reply.envelope.ret,
        "envid": reply.envelope.envid,
        "recipients": recipients_json([{"address": str(one)} for one in reply.envelope.recipients], reply.envelope),
        "author_name": header.author.name,
        "author_address": header.author.address,
        "to_": people_json(header.to),
        "cc": people_json(header.cc),
        "subject": header.subject,
        "message_id": header.message_id,
        "authentication": to_json(
            {
                "spf": {"result": "none"},
                "dkim": [],
                "dmarc": {"result": "none"},
                "arc": {"result": "none"},
                "login": reply.agent_login,
            }
        ),
        "classification": "person",
        "disposition": "accept",
        "reason": "",
        "proof": "proven",
        "stamp": b"",
        "left_out": "[]",
    }
    return int(unit.execute(insert(message).returning(message.c.seq), values).scalar_one())


def _write_outbox(unit: Unit, reply: Submission, seq: int) -> None:
    outgoing = Outgoing(
        name=reply.outbox_name,
        kind="reply",
        thread_id=reply.conversation.thread_id,
        message_seq=seq,
        agent_id=reply.agent_id,
        message_id=reply.own_message_id,
        reverse_path=reply.reverse_path,
        head=reply.head,
        content_id=content.keep(unit, reply.body, reply.received_at),
        body_offset=0,
        recipients=tuple(person.address for person in reply.recipients),
        ret=reply.envelope.ret,
        envid=reply.envelope.envid,
        wishes=reply.wishes,
    )
    outbox.put(unit, outgoing, reply.received_at)
