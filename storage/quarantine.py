# SPDX-License-Identifier: Apache-2.0
"""Mail that is held: the questions of the operator, and the three ways out, each one transaction.

A message is held while `held_at` is set: whole in state `quarantined`, or in another state for the addresses that did
not take what others took (docs/decisions/0023). `release` makes of a whole one an accepted one, and of such a share a
message of its own; `drop` and `expire` delete the content that nobody else uses. Whoever comes second finds nothing:
all begin with `lock`. `release` raises ThreadRace as the accepting transaction does.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, insert, select, update

from storage import content as contents
from storage import messages
from storage.database import Unit
from storage.envelope import Envelope
from storage.placing import Placed, Placing, place
from storage.schema import content, message, thread
from storage.schema_cases import case
from storage.states import MessageState
from storage.threads import Author, Candidate, Decide, Decision, Link

EXPIRE_AT_ONCE = 50  # contents of one transaction: other writers wait for it

HELD = "quarantine"  # the disposition of an address that holds a mail

Note = tuple[str, str, str]  # one line of a trace: step, decided, because


@dataclass(frozen=True, slots=True)
class Filter:
    """Which held mail is asked for: an author's address or @domain, an address that holds it; empty: any."""

    author: str = ""
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How much is held, and since when."""

    count: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Release:
    """What the releasing transaction writes beside what is stored; `id` is new where only a share is released."""

    id: str
    received_at: datetime  # the instant of the release, from which the message is due
    placing: Placing
    envelope: Envelope
    stamp: bytes
    reason: str
    note: Note
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Released:
    """The message that is now on its way, in its thread."""

    id: str
    token: str


def holders(row: Any) -> list[str]:
    """The addresses that hold this message."""
    return [str(one["address"]) for one in json.loads(row.recipients) if one.get("disposition") == HELD]


def is_share(row: Any) -> bool:
    """Whether other addresses took the mail, so that only a share of it is held."""
    return bool(row.state != MessageState.QUARANTINED.value)


def newest(unit: Unit, limit: int, wanted: Filter) -> list[Row[Any]]:
    """Held messages, newest first, as `by_id` gives them."""
    asked = _held().where(*_conditions(wanted)).order_by(message.c.held_at.desc(), message.c.seq.desc())
    if not wanted.recipient:
        return list(unit.execute(asked.limit(limit)))
    named = (row for row in unit.execute(asked) if wanted.recipient.lower() in map(str.lower, holders(row)))
    return list(islice(named, limit))


def by_id(unit: Unit, message_id: str) -> Row[Any] | None:
    """One held message, with the size of its content, and the case of those that took it."""
    return unit.execute(_held().where(message.c.id == message_id)).first()


def tally(unit: Unit) -> Tally:
    """All that is held."""
    row = unit.execute(select(func.count(), func.min(message.c.held_at)).where(message.c.held_at.is_not(None))).one()
    return Tally(int(row[0]), row[1])


def lock(unit: Unit, message_id: str) -> Row[Any] | None:
    """The held message, until the end of the transaction; None when somebody else has dealt with it."""
    asked = select(message).where(message.c.id == message_id, message.c.held_at.is_not(None))
    return unit.execute(asked.with_for_update()).first()


def release(unit: Unit, row: Row[Any], made: Release, decide: Decide) -> Released:
    """As if accepted now: the thread is decided here, and the message is due at once."""
    made = replace(made, trace=_retold(row.trace, made.note, anew=True))
    if is_share(row):
        return _release_share(unit, row, made, decide)
    placed = place(unit, made, decide)
    key = messages.digest_of(made.envelope, row.message_id, contents.facts(unit, row.content_id))
    messages.claim_digest(unit, key, row.id, made.received_at)  # the first one is forgotten after five days
    unit.execute(update(message).where(message.c.seq == row.seq).values(_accepted(row, made, placed)))
    return Released(row.id, placed.token)


def _release_share(unit: Unit, row: Row[Any], made: Release, decide: Decide) -> Released:
    """As if the client had sent it to these addresses in a transaction of its own; a new case tells of the first."""

    def beside(author: Author, found: Sequence[Candidate], domain_passed: bool) -> Decision:
        decision = decide(author, found, domain_passed)
        if decision.join is None and decision.link_to is None:
            return replace(decision, link_to=row.thread_id, link=Link.POSSIBLY_BELONGS_TO)
        return decision

    placed = place(unit, made, beside)
    stored = {column.name: row._mapping[column.name] for column in message.c if column.name != "seq"}
    unit.execute(insert(message), stored | {"id": made.id} | _accepted(row, made, placed))
    leave(unit, row, made.note)
    return Released(made.id, placed.token)


def _accepted(row: Row[Any], made: Release, placed: Placed) -> dict[str, object]:
    """What changes in the row of a mail that is accepted after all."""
    decision, recipients = placed.decision, json.loads(row.recipients)
    held = [one | {"disposition": "accept"} for one in recipients if one.get("disposition") == HELD]
    rest = [one for one in recipients if one.get("disposition") != HELD and not is_share(row)]
    return {
        "state": MessageState.ACCEPTED.value,
        "due_at": made.received_at,
        "attempts": 0,
        "held_at": None,
        "thread_id": placed.thread_id,
        "linked_thread_id": decision.link_to,
        "link_kind": decision.link.value if decision.link else None,
        "recipients": messages.to_json(held + rest),
        "disposition": "accept",
        "reason": made.reason,
        "proof": decision.proof.value,
        "trace": placed.trace,
        "stamp": made.stamp + messages.thread_stamp(placed.token),
    }


def leave(unit: Unit, row: Row[Any], note: Note) -> None:
    """The message is held no more; its trace says why."""
    told = _retold(row.trace, note)
    unit.execute(update(message).where(message.c.seq == row.seq).values(held_at=None, trace=told))


def drop(unit: Unit, row: Row[Any], note: Note) -> None:
    """quarantined -> dropped: who wrote to whom is kept, the content is not; what others accepted stays theirs."""
    leave(unit, row, note)
    if not is_share(row):
        unit.execute(update(message).where(message.c.seq == row.seq).values(state=MessageState.DROPPED.value))
        contents.discard(unit, row.content_id)  # nobody else's: only mail that was accepted has copies and shares


def expire(unit: Unit, before: datetime, note: Note) -> list[str]:
    """Drop what has been held since before then, so many at a time; returns the ids."""
    rows = unit.execute(
        select(message)
        .where(message.c.held_at < before)
        .order_by(message.c.held_at)
        .limit(EXPIRE_AT_ONCE)
        .with_for_update(skip_locked=True)  # what an operator has in hand is theirs
    ).all()
    for row in rows:
        drop(unit, row, note)
    return [str(row.id) for row in rows]


def _held() -> Select[Any]:
    return (
        select(message, content.c.size_octets, case.c.number.label("case_number"))
        .join(content, content.c.id == message.c.content_id)
        .outerjoin(thread, thread.c.id == message.c.thread_id)
        .outerjoin(case, case.c.id == thread.c.case_id)
        .where(message.c.held_at.is_not(None))
    )


def _conditions(wanted: Filter) -> list[ColumnElement[bool]]:
    """What the store can sift; that an address holds the mail, and does not only stand in it, is for the caller."""
    found: list[ColumnElement[bool]] = []
    author = func.lower(message.c.author_address)
    if wanted.author.startswith("@"):
        found.append(author.endswith(wanted.author.lower(), autoescape=True))
    elif wanted.author:
        found.append(author == wanted.author.lower())
    if wanted.recipient:
        found.append(func.lower(message.c.recipients).contains(wanted.recipient.lower(), autoescape=True))
    return found


def _retold(stored: str, note: Note, *, anew: bool = False) -> str:
    """The trace with one line more; `anew`: a thread will be decided, and what an earlier decision saw is not its."""
    trace = {"notes": [], "dns": []} | (json.loads(stored) if stored else {})
    if anew:
        trace.pop("thread", None)
    return messages.to_json(trace | {"notes": [*trace["notes"], list(note)]})
