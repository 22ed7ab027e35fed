# SPDX-License-Identifier: Apache-2.0
"""Probes: mails of ours to a forwarded address that shall come back. One row each, in the states of storage/states.py.

`sent` is the only unfinished state: its `due_at` says when the probe counts as lost. A lost or refused one may still
come back, as long as its age allows; what has come back once is over.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from storage.database import Unit
from storage.schema import attempt, outbox, outbox_recipient
from storage.schema_ways import probe
from storage.states import ProbeState

EXPIRES = timedelta(days=2)  # a host that keeps mail longer has lost its forward
KEPT = timedelta(days=7)  # what `outbox list` still shows of heartbeats, one an hour for each forward
FORGET_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class NewProbe:
    """A probe as it leaves; `purpose` is verify, which learns, or heartbeat, which compares."""

    name: str
    way_key: str
    outbox_id: int
    purpose: str
    sent_at: datetime
    due_at: datetime


def add(unit: Unit, one: NewProbe) -> None:
    """- -> sent."""
    unit.execute(
        insert(probe),
        {
            "name": one.name,
            "way_key": one.way_key,
            "outbox_id": one.outbox_id,
            "purpose": one.purpose,
            "state": ProbeState.SENT.value,
            "sent_at": one.sent_at,
            "due_at": one.due_at,
            "said": "",
        },
    )


def come_back(unit: Unit, name: str, now: datetime) -> Row[Any] | None:
    """sent, lost, refused -> returned, once; None for a copy, for one too old, and for one that we never sent."""
    changed = unit.execute(_RETURN, {"n": name, "now": now, "oldest": now - EXPIRES})
    return changed.first()


def refuse(unit: Unit, outbox_id: int, said: str, now: datetime) -> Row[Any] | None:
    """sent -> refused: a host did not take it."""
    return unit.execute(_REFUSE, {"o": outbox_id, "said": said[:500], "now": now}).first()


def bounce(unit: Unit, name: str, said: str, now: datetime) -> Row[Any] | None:
    """The same for a host that took it and sent it back."""
    return unit.execute(_BOUNCE, {"n": name, "said": said[:500], "now": now}).first()


def lose(unit: Unit, now: datetime, limit: int) -> list[Row[Any]]:
    """sent -> lost, for those whose time is over; no other worker gets the same ones."""
    late = list(unit.execute(_LATE.limit(limit).with_for_update(skip_locked=True), {"now": now}).scalars())
    if not late:
        return []
    lost = update(probe).where(probe.c.id.in_(late), probe.c.state == ProbeState.SENT.value)
    return list(unit.execute(lost.values(state=ProbeState.LOST.value, due_at=None, ended_at=now).returning(probe)))


def is_late(unit: Unit, now: datetime) -> bool:
    """Whether `lose` would find any; asked without the write lock."""
    return unit.execute(_LATE.limit(1), {"now": now}).first() is not None


def forget_old(unit: Unit, now: datetime) -> int:
    """Delete probes that are over, each with its outbox row, but the newest of each way; so many at a time."""
    rows = unit.execute(_OLD, {"before": now - KEPT}).all()
    outbox_ids = [row.outbox_id for row in rows]
    recipients = select(outbox_recipient.c.id).where(outbox_recipient.c.outbox_id.in_(outbox_ids))
    if rows:
        unit.execute(delete(probe).where(probe.c.id.in_([row.id for row in rows])))
        unit.execute(delete(attempt).where(attempt.c.recipient_id.in_(recipients)))
        unit.execute(delete(outbox_recipient).where(outbox_recipient.c.outbox_id.in_(outbox_ids)))
        unit.execute(delete(outbox).where(outbox.c.id.in_(outbox_ids)))
    return len(rows)


def delivery(unit: Unit, one: Row[Any]) -> Row[Any] | None:
    """How its way out stands: the row of its one recipient."""
    way_out = select(outbox_recipient).where(outbox_recipient.c.outbox_id == one.outbox_id)
    return unit.execute(way_out).first()


def newest(unit: Unit, way_key: str) -> Row[Any] | None:
    """The last probe of a way."""
    return unit.execute(select(probe).where(probe.c.way_key == way_key).order_by(probe.c.id.desc()).limit(1)).first()


def newest_returned(unit: Unit, way_key: str, after_id: int) -> Row[Any] | None:
    """A probe that was sent later and is back already."""
    later = (probe.c.way_key == way_key) & (probe.c.id > after_id) & (probe.c.state == ProbeState.RETURNED.value)
    return unit.execute(select(probe).where(later).limit(1)).first()


def by_name(unit: Unit, name: str) -> Row[Any] | None:
    """One probe."""
    return unit.execute(select(probe).where(probe.c.name == name)).first()


_LATER = probe.alias()
_IS_NEWEST = ~select(_LATER.c.id).where(_LATER.c.way_key == probe.c.way_key, _LATER.c.id > probe.c.id).exists()
_WAITS = (  # its host may still take it
    select(outbox_recipient.c.id)
    .where(outbox_recipient.c.outbox_id == probe.c.outbox_id, outbox_recipient.c.due_at.is_not(None))
    .exists()
)
_OLD = (
    select(probe.c.id, probe.c.outbox_id)
    .where(probe.c.sent_at < bindparam("before"), probe.c.state != ProbeState.SENT.value, ~_IS_NEWEST, ~_WAITS)
    .order_by(probe.c.id)
    .limit(FORGET_AT_ONCE)
    .with_for_update(skip_locked=True, of=probe)
)
_OPEN = probe.c.state == ProbeState.SENT.value
_LATE = select(probe.c.id).where(probe.c.due_at <= bindparam("now")).order_by(probe.c.due_at)
_REFUSED: dict[str, Any] = {
    "state": ProbeState.REFUSED.value,
    "said": bindparam("said"),
    "due_at": None,
    "ended_at": bindparam("now"),
}
_REFUSE = update(probe).where(probe.c.outbox_id == bindparam("o"), _OPEN).values(**_REFUSED).returning(probe)
_BOUNCE = update(probe).where(probe.c.name == bindparam("n"), _OPEN).values(**_REFUSED).returning(probe)
_RETURN = (
    update(probe)
    .where(
        probe.c.name == bindparam("n"),
        probe.c.state.in_((ProbeState.SENT.value, ProbeState.LOST.value, ProbeState.REFUSED.value)),
        probe.c.sent_at > bindparam("oldest"),
    )
    .values(state=ProbeState.RETURNED.value, due_at=None, ended_at=bindparam("now"))
    .returning(probe)
)
