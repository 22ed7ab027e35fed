# SPDX-License-Identifier: Apache-2.0
"""What leaves: one row a mail, one row a recipient, one attempt at a time.

A row's bytes are its head followed by the body of the content it points into, so a copy of a large mail costs its
header section only. `take` leases and counts the attempt before the wire is touched, `renew` keeps the lease while the
wire is busy, `settle` writes how it ended. A lease that ran out, or a response lost after the final dot, means that
nobody saw the end: `unsettled` counts it, for the remote may have taken the mail.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, case, insert, select, update

from storage import content as contents
from storage.database import Unit
from storage.envelope import Wish
from storage.schema import attempt, content, message, outbox, outbox_recipient
from storage.states import RecipientState

Rows = list[Row[tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail for the outbox; `content_id` None means that the head is the whole mail.

    `ret`, `envid` and one of `wishes` for each recipient, or none at all, are what its writer asked for (RFC 3461).
    """

    name: str
    kind: str
    thread_id: int | None
    message_seq: int | None
    agent_id: int | None
    message_id: str
    reverse_path: str
    head: bytes
    content_id: int | None
    body_offset: int
    recipients: tuple[str, ...]
    ret: str = ""
    envid: str = ""
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, slots=True)
class Taken:
    """One recipient under lease; `attempts` is the fence: settling needs the same number."""

    recipient_id: int
    outbox_id: int
    address: str
    attempts: int
    wish: Wish = field(default_factory=Wish)
    delay_told: bool = False


def put(unit: Unit, outgoing: Outgoing, now: datetime) -> int:
    """Write a mail and its recipients as queued; returns the row id."""
    values = {
        "name": outgoing.name,
        "kind": outgoing.kind,
        "thread_id": outgoing.thread_id,
        "message_seq": outgoing.message_seq,
        "agent_id": outgoing.agent_id,
        "message_id": outgoing.message_id,
        "reverse_path": outgoing.reverse_path,
        "head": outgoing.head,
        "content_id": outgoing.content_id,
        "body_offset": outgoing.body_offset,
        "ret": outgoing.ret,
        "envid": outgoing.envid,
        "created_at": now,
    }
    outbox_id = int(unit.execute(_INSERT, values).scalar_one())
    wishes = dict(zip(outgoing.recipients, outgoing.wishes, strict=bool(outgoing.wishes)))
    unit.execute(
        _INSERT_RECIPIENT,
        [
            {
                "outbox_id": outbox_id,
                "address": address,
                "state": RecipientState.QUEUED.value,
                "due_at": now,
                "leased": False,
                "attempts": 0,
                "unsettled": 0,
                "response": "",
                **_wish_columns(wishes.get(address, _NO_WISH)),
            }
            for address in dict.fromkeys(outgoing.recipients)
        ],
    )
    return outbox_id


def take(unit: Unit, now: datetime, lease: timedelta, limit: int) -> list[Taken]:
    """Lease recipients that are due, oldest first, counting the attempt."""
    ids = list(unit.execute(_DUE.limit(limit), {"now": now}).scalars())
    if not ids:
        return []
    rows = unit.execute(
        update(outbox_recipient)
        .where(outbox_recipient.c.id.in_(ids))
        .values(
            due_at=now + lease,
            leased=True,
            attempts=outbox_recipient.c.attempts + 1,
            unsettled=outbox_recipient.c.unsettled + case((outbox_recipient.c.leased, 1), else_=0),
        )
        .returning(
            outbox_recipient.c.id,
            outbox_recipient.c.outbox_id,
            outbox_recipient.c.address,
            outbox_recipient.c.attempts,
            outbox_recipient.c.notify,
            outbox_recipient.c.orcpt,
            outbox_recipient.c.delay_told,
        )
    )
    return sorted((_taken(row) for row in rows), key=lambda taken: taken.recipient_id)


def renew(unit: Unit, taken: Sequence[Taken], now: datetime, lease: timedelta) -> int:
    """Lease these again from now on, as the same attempt; returns how many were still ours."""
    ordered = sorted(taken, key=lambda one: one.recipient_id)  # the order in which everyone locks them
    due_at = now + lease
    return sum(
        unit.execute(_RENEW, {"r": one.recipient_id, "n": one.attempts, "due": due_at}).rowcount for one in ordered
    )


def is_due(unit: Unit, now: datetime) -> bool:
    """Whether `take` would find anything; asked without the write lock."""
    return unit.execute(_ANY_DUE, {"now": now}).first() is not None


def row_of(unit: Unit, outbox_id: int) -> Row[tuple[object, ...]]:
    """An outbox row without the octets it points to."""
    return unit.execute(_LOAD, {"o": outbox_id}).one()


def load(unit: Unit, outbox_id: int) -> tuple[Row[tuple[object, ...]], bytes]:
    """An outbox row and the octets that leave."""
    row = row_of(unit, outbox_id)
    octets = bytes(row.head)
    if row.content_id is not None:
        octets += contents.load(unit, row.content_id)[row.body_offset :]
    return row, octets


def size_octets(unit: Unit, row: Row[Any]) -> int:
    """How many octets `load` would bring into memory."""
    if row.content_id is None:
        return len(row.head)
    return len(row.head) + int(unit.execute(_SIZE, {"c": row.content_id}).scalar_one())


def settle(
    unit: Unit, taken: Taken, state: RecipientState, response: str, at: tuple[datetime, datetime | None]
) -> bool:
    """Write how an attempt ended, `at` being (now, next attempt); False when the lease was no longer ours."""
    now, due_at = at
    changed = unit.execute(
        _SETTLE,
        {"r": taken.recipient_id, "n": taken.attempts, "new": state.value, "text": response, "due": due_at},
    ).rowcount
    if changed:
        unit.execute(
            _INSERT_ATTEMPT,
            {"recipient_id": taken.recipient_id, "at": now, "outcome": state.value, "response": response},
        )
    return bool(changed)


def count_unsettled(unit: Unit, taken: Taken) -> None:
    """The attempt just settled may have been a delivery all the same."""
    unit.execute(_COUNT_UNSETTLED, {"r": taken.recipient_id})


def note_delay(unit: Unit, taken: Taken) -> None:
    """That this recipient has to wait is said once."""
    unit.execute(_NOTE_DELAY, {"r": taken.recipient_id})


def give_up(unit: Unit, outbox_id: int, response: str) -> None:
    """queued, deferred -> failed, for a mail that has no use any more; what is under way just now ends by itself."""
    unit.execute(_GIVE_UP, {"o": outbox_id, "text": response})


def _wish_columns(wish: Wish) -> dict[str, str]:
    return {"notify": ",".join(wish.notify), "orcpt": wish.orcpt}


def _taken(row: Row[tuple[Any, ...]]) -> Taken:
    wish = Wish(tuple(filter(None, row.notify.split(","))), row.orcpt)
    return Taken(row.id, row.outbox_id, row.address, row.attempts, wish, row.delay_told)


def ids_in_thread(unit: Unit, thread_id: int) -> Rows:
    """For the Message-ID map: every message of a thread with the outbox mail that carried it to somebody."""
    return list(unit.execute(_IDS_IN_THREAD, {"t": thread_id}))


def notices(unit: Unit, names: Sequence[str]) -> tuple[bytes, ...]:
    """What agents were told by those of these rows that are notes."""
    rows = select(outbox.c.head).where(outbox.c.name.in_(names), outbox.c.kind == "notice")
    return tuple(map(bytes, unit.execute(rows).scalars())) if names else ()


def replies_in_thread(unit: Unit, thread_id: int) -> dict[int, Row[tuple[object, ...]]]:
    """What left of the replies of a thread, by message number."""
    rows = select(outbox).where(outbox.c.thread_id == thread_id, outbox.c.kind == "reply").order_by(outbox.c.id)
    return {row.message_seq: row for row in unit.execute(rows)}


def readers_in_thread(unit: Unit, thread_id: int) -> dict[int, tuple[str, ...]]:
    """Whom each reply of a thread went to, by message number; of an imported one whom it names."""
    readers: dict[int, dict[str, None]] = {}
    for row in unit.execute(_READERS_IN_THREAD, {"t": thread_id}):
        named = [address for _, address in (*json.loads(row.to_), *json.loads(row.cc))]
        readers.setdefault(row.seq, {}).update(dict.fromkeys(named if row.address is None else [row.address]))
    return {seq: tuple(addresses) for seq, addresses in readers.items()}


_READERS_IN_THREAD = (
    select(message.c.seq, message.c.to_, message.c.cc, outbox_recipient.c.address)
    .outerjoin(outbox, (outbox.c.message_seq == message.c.seq) & (outbox.c.kind == "reply"))
    .outerjoin(outbox_recipient, outbox_recipient.c.outbox_id == outbox.c.id)
    .where(message.c.thread_id == bindparam("t"), message.c.direction == "outbound")
    .order_by(message.c.seq, outbox_recipient.c.id)
)
_IDS_IN_THREAD = (
    select(
        message.c.seq,
        message.c.direction,
        message.c.message_id.label("own_id"),
        message.c.author_name,
        message.c.author_address,
        message.c.proof,
        message.c.linked_thread_id,
        outbox.c.kind,
        outbox.c.agent_id,
        outbox.c.message_id.label("sent_id"),
    )
    .outerjoin(outbox, (outbox.c.message_seq == message.c.seq) & outbox.c.kind.in_(("copy", "reply")))
    .where(message.c.thread_id == bindparam("t"))
    .order_by(message.c.seq, outbox.c.id)
)
_NO_WISH = Wish()
_INSERT = insert(outbox).returning(outbox.c.id)
_INSERT_RECIPIENT = insert(outbox_recipient)
_INSERT_ATTEMPT = insert(attempt)
_SIZE = select(content.c.size_octets).where(content.c.id == bindparam("c"))
_LOAD = select(outbox).where(outbox.c.id == bindparam("o"))
_DUE = (
    select(outbox_recipient.c.id)
    .where(outbox_recipient.c.due_at <= bindparam("now"))
    .order_by(outbox_recipient.c.id)
    .with_for_update(skip_locked=True, key_share=True)
)
_ANY_DUE = select(outbox_recipient.c.id).where(outbox_recipient.c.due_at <= bindparam("now")).limit(1)
_UPDATE_LEASED = update(outbox_recipient).where(
    outbox_recipient.c.id == bindparam("r"),
    outbox_recipient.c.attempts == bindparam("n"),
    outbox_recipient.c.leased,
)
_RENEW = _UPDATE_LEASED.values(due_at=bindparam("due"))
_COUNT_UNSETTLED = (
    update(outbox_recipient)
    .where(outbox_recipient.c.id == bindparam("r"))
    .values(unsettled=outbox_recipient.c.unsettled + 1)
)
_GIVE_UP = (
    update(outbox_recipient)
    .where(
        outbox_recipient.c.outbox_id == bindparam("o"),
        outbox_recipient.c.state.in_((RecipientState.QUEUED.value, RecipientState.DEFERRED.value)),
        ~outbox_recipient.c.leased,
    )
    .values(state=RecipientState.FAILED.value, response=bindparam("text"), due_at=None)
)
_NOTE_DELAY = update(outbox_recipient).where(outbox_recipient.c.id == bindparam("r")).values(delay_told=True)
_SETTLE = _UPDATE_LEASED.values(
    state=bindparam("new"), response=bindparam("text"), due_at=bindparam("due"), leased=False
)
