# SPDX-License-Identifier: Apache-2.0
"""Cases: made once a thread, numbered without gaps, owned by an agent or waiting in their team's work queue.

Every change writes an event with its actor, so that `case show` tells the whole story. Nothing here commits.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from storage.case_values import LIVE_KINDS
from storage.database import Unit
from storage.messages import to_json
from storage.schema import outbox, thread
from storage.schema_cases import (
    acknowledgement,
    case,
    case_event,
    case_link,
    case_tag,
    comment,
    confirmation,
)
from storage.schema_desk import agent, agent_team, counter, team
from storage.upsert import Upsert

FALLBACK_QUEUE = "fallback"
BACK = {"follows": "followed_by"}  # links that are not the same seen from the other case

Rows = list[Row[tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a new case begins with."""

    thread_id: int
    thread_token: str
    team_id: int
    queue: str
    contact_name: str
    contact_address: str
    routing_address: str
    subject: str
    priority: str = "normal"
    tags: tuple[str, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    source: str = "mail"
    contact_id: int | None = None  # None: nobody vouches for the author


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a case's timeline; `actor` is "casegate", "agent:LOGIN", "contact:ADDRESS" or "operator:USER".

    Of an imported reply it may be "team:NAME", or "agent:unknown" for who is no agent any more.
    """

    actor: str
    kind: str
    detail: dict[str, object]


def of_thread(unit: Unit, thread_id: int) -> Row[tuple[object, ...]] | None:
    """The case of a thread, if a job has made it."""
    return unit.execute(_OF_THREAD, {"t": thread_id}).first()


def make(unit: Unit, opening: Opening, now: datetime) -> Row[tuple[object, ...]]:
    """A new case, waiting in its queue."""
    number = next_number(unit)
    case_id = unit.execute(
        _INSERT,
        {
            "number": number,
            "thread_token": opening.thread_token,
            "status": "new",
            "status_kind": "new",
            "status_at": now,
            "priority": opening.priority,
            "team_id": opening.team_id,
            "queue": opening.queue,
            "contact_id": opening.contact_id,
            "contact_name": opening.contact_name,
            "contact_address": opening.contact_address,
            "routing_address": opening.routing_address,
            "subject": opening.subject,
            "source": opening.source,
            "tags": tags_text(opening.tags),
            "fields": fields_text(opening.fields),
            "created_at": now,
        },
    ).scalar_one()
    if opening.tags:
        write_tags(unit, case_id, opening.tags)
    unit.execute(_SET_THREAD, {"t": opening.thread_id, "c": case_id})
    row = of_thread(unit, opening.thread_id)
    if row is None:
        raise LookupError(f"case {number} has no thread")
    return row


def start_numbers(unit: Unit, first: int) -> None:
    """Let the next new case have at least this number; what was given is never given again."""
    unit.execute(update(counter).where(counter.c.name == "case", counter.c.value < first - 1).values(value=first - 1))


def last_number(unit: Unit) -> int:
    """The number of the newest case, or that before the first one."""
    return int(unit.execute(select(counter.c.value).where(counter.c.name == "case")).scalar_one())


def next_number(unit: Unit) -> int:
    """The next case number; taken in the transaction, so that no number is ever skipped or given twice."""
    return int(unit.execute(_NEXT_NUMBER).scalar_one())


def add_event(unit: Unit, case_id: int, event: Event, now: datetime) -> None:
    """Write one line of the timeline."""
    unit.execute(
        _INSERT_EVENT,
        {"case_id": case_id, "at": now, "actor": event.actor, "kind": event.kind, "detail": to_json(event.detail)},
    )


def add_link(unit: Unit, case_id: int, other_id: int, kind: str) -> None:
    """Let two cases stand beside each other, seen from both."""
    if case_id != other_id:
        _NEW_LINK.write(
            unit,
            [
                {"case_id": case_id, "other_id": other_id, "kind": kind},
                {"case_id": other_id, "other_id": case_id, "kind": BACK.get(kind, kind)},
            ],
        )


def add_text(unit: Unit, case_id: int, actor: str, text: str, now: datetime) -> int:
    """What was written down when a case was made by hand: its first comment."""
    row = {"case_id": case_id, "at": now, "actor": actor, "text": text}
    return int(unit.execute(insert(comment).returning(comment.c.id), row).scalar_one())


def text_of(unit: Unit, case_id: int) -> str:
    """The same; empty where there is none."""
    made = case_event.c.kind == "created"
    told = unit.execute(select(case_event.c.detail).where(case_event.c.case_id == case_id, made)).scalar()
    found = select(comment.c.text).where(comment.c.id == json.loads(told or "{}").get("comment", 0))
    return str(unit.execute(found.where(comment.c.case_id == case_id)).scalar() or "")


def copied_to(unit: Unit, case_id: int, agent_id: int) -> set[int | None]:
    """The mails of which this agent has copies; None stands for a case's text."""
    mine = (outbox.c.kind == "copy", outbox.c.agent_id == agent_id)
    rows = select(outbox.c.message_seq).join(thread, thread.c.id == outbox.c.thread_id)
    return set(unit.execute(rows.where(thread.c.case_id == case_id, *mine)).scalars())


def copies_due(unit: Unit, now: datetime, limit: int) -> Sequence[int]:
    """Cases whose new owner is to get copies, those that wait longest first."""
    rows = select(case.c.id).where(case.c.copies_due_at <= now).order_by(case.c.copies_due_at, case.c.id)
    return list(unit.execute(rows.limit(limit)).scalars())


def least_loaded(unit: Unit, team_id: int) -> Row[tuple[object, ...]] | None:
    """The team's available agent with the fewest open cases; the team row is locked so that two jobs count alike."""
    unit.execute(_LOCK_TEAM, {"t": team_id})
    return unit.execute(_LEAST_LOADED, {"t": team_id}).first()


def some_team(unit: Unit) -> int:
    """The first team there ever was, in force or retired: the last resort, so that no mail is without one."""
    return int(unit.execute(select(func.min(team.c.id))).scalar_one())


def write(unit: Unit, case_id: int, values: Mapping[str, object]) -> None:
    """Set these columns; handlers/changing.py tells the timeline."""
    unit.execute(update(case).where(case.c.id == case_id).values(**values))


def waiting(unit: Unit, limit: int) -> Sequence[int]:
    """Cases in their team's queue while an agent of that team is available, oldest first."""
    free = (
        select(agent_team.c.team_id)
        .join(agent, agent.c.id == agent_team.c.agent_id)
        .where(agent.c.presence == "available", agent.c.active)
    )
    rows = unit.execute(
        select(case.c.id)
        .where(case.c.queue.is_not(None), case.c.queue != FALLBACK_QUEUE, case.c.team_id.in_(free))
        .where(case.c.status_kind.in_(LIVE_KINDS))
        .order_by(case.c.number)
        .limit(limit)
    )
    return list(rows.scalars())


def lock(unit: Unit, case_id: int) -> Row[tuple[object, ...]] | None:
    """The case row, locked."""
    return unit.execute(select(case).where(case.c.id == case_id).with_for_update(key_share=True)).first()


def lock_number(unit: Unit, number: int) -> Row[tuple[object, ...]] | None:
    """The same by its number."""
    return unit.execute(select(case).where(case.c.number == number).with_for_update(key_share=True)).first()


def tags_text(tags: Iterable[str]) -> str:
    """Tags as the column has them."""
    return to_json(sorted(set(tags)))


def fields_text(values: Mapping[str, str]) -> str:
    """Custom fields as the column has them."""
    return to_json(dict(sorted(values.items())))


def write_tags(unit: Unit, case_id: int, tags: Iterable[str]) -> None:
    """Let the table that answers questions say what the column says."""
    unit.execute(delete(case_tag).where(case_tag.c.case_id == case_id))
    rows = [{"tag": tag, "case_id": case_id} for tag in sorted(set(tags))]
    if rows:
        unit.execute(insert(case_tag), rows)


def threads_of(unit: Unit, case_id: int) -> Sequence[int]:
    """The threads whose mail belongs to the case."""
    return list(unit.execute(select(thread.c.id).where(thread.c.case_id == case_id).order_by(thread.c.id)).scalars())


def timeline(unit: Unit, case_id: int, after: int = 0) -> Rows:
    """Every event behind that one, oldest first."""
    mine = case_event.c.case_id == case_id
    return list(unit.execute(select(case_event).where(mine, case_event.c.id > after).order_by(case_event.c.id)))


def last_event(unit: Unit, case_id: int) -> int:
    """The id of the newest event; 0: there is none."""
    return int(unit.execute(select(func.max(case_event.c.id)).where(case_event.c.case_id == case_id)).scalar() or 0)


def may_acknowledge(unit: Unit, case_id: int, author: str, since: datetime, most: int) -> bool:
    """Whether neither the case nor, since then, the author has had their acknowledgements."""
    if unit.execute(select(acknowledgement.c.case_id).where(acknowledgement.c.case_id == case_id)).first():
        return False
    sent = unit.execute(
        select(func.count())
        .select_from(acknowledgement)
        .where(acknowledgement.c.author == author, acknowledgement.c.sent_at > since)
    ).scalar_one()
    return int(sent) < most


def note_acknowledgement(unit: Unit, case_id: int, author: str, now: datetime) -> None:
    """Count one acknowledgement."""
    unit.execute(insert(acknowledgement), {"case_id": case_id, "author": author, "sent_at": now})


def may_confirm(unit: Unit, author: str, since: datetime, most: int) -> bool:
    """Whether this author has not had all their confirmations since then."""
    sent = unit.execute(
        select(func.count())
        .select_from(confirmation)
        .where(confirmation.c.author == author, confirmation.c.sent_at > since)
    ).scalar_one()
    return int(sent) < most


def note_confirmation(unit: Unit, message_seq: int, author: str, now: datetime) -> None:
    """Count one confirmation; a message has one at most."""
    unit.execute(insert(confirmation), {"message_seq": message_seq, "author": author, "sent_at": now})


_OF_THREAD = select(case).join(thread, thread.c.case_id == case.c.id).where(thread.c.id == bindparam("t"))
_INSERT = insert(case).returning(case.c.id)
_INSERT_EVENT = insert(case_event)
_NEW_LINK = Upsert(case_link)
_SET_THREAD = update(thread).where(thread.c.id == bindparam("t")).values(case_id=bindparam("c"))
_NEXT_NUMBER = (
    update(counter).where(counter.c.name == "case").values(value=counter.c.value + 1).returning(counter.c.value)
)
_LOCK_TEAM = select(team.c.id).where(team.c.id == bindparam("t")).with_for_update(key_share=True)
_LOAD = (
    select(func.count())
    .select_from(case)
    .where(case.c.owner_id == agent.c.id, case.c.status_kind.in_(LIVE_KINDS))
    .correlate(agent)
    .scalar_subquery()
)
_LEAST_LOADED = (
    select(agent)
    .join(agent_team, agent_team.c.agent_id == agent.c.id)
    .where(agent_team.c.team_id == bindparam("t"), agent.c.presence == "available", agent.c.active)
    .order_by(_LOAD, agent.c.id)
    .limit(1)
)
