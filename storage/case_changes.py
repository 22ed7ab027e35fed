# SPDX-License-Identifier: Apache-2.0
"""Merge, split and move in the store: which thread belongs to which case, which mail to which thread, and how to undo.

A thread is one conversation and has one case; a case may have several. Merging gives threads another case; splitting
and moving take messages, with the outbox rows that carry or speak of them and the keys that lead to them, into a thread
of their own. Every change keeps its Trail. Locks are taken in one order: messages, threads, cases, each by number.
Raises Moved where another change came first: try again. Nothing here commits.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, or_, select, update

from storage.database import Unit
from storage.messages import thread_stamp, to_json
from storage.schema import message, message_key, outbox, outbox_recipient, thread
from storage.schema_cases import case, case_change, case_link, case_member, case_watcher
from storage.states import MessageState
from storage.upsert import Upsert

Rows = Sequence[Row[Any]]

MERGE, SPLIT, MOVE, MOST_CASES = "merge", "split", "move", 50  # cases of one matter, when its story is gathered


class Moved(Exception):
    """Another change was made between the look and the lock; look again."""


@dataclass(frozen=True, slots=True)
class Trail:
    """All that it takes to undo a change, as JSON in its row; threads and cases are named by their row ids.

    `threads` changed their case. `parts` are (thread taken from, thread of its own), `messages` (message, thread that
    it was in), `keys` (hash, author, thread it led to), `statuses` (case, before, after), `endings` (case, outcome,
    note, end), `clocks` (case, missed, pauses, paused since), `last_seq` the newest mail then, `on_way` older mail.
    """

    threads: tuple[int, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()
    messages: tuple[tuple[int, int], ...] = ()
    keys: tuple[tuple[str, str, int], ...] = ()
    watchers: tuple[int, ...] = ()
    members: tuple[int, ...] = ()
    statuses: tuple[tuple[int, str, str], ...] = ()
    endings: tuple[tuple[int, str, str, str], ...] = ()
    clocks: tuple[tuple[int, str, str, str], ...] = ()
    last_seq: int = 0
    on_way: tuple[int, ...] = ()

    @property
    def own(self) -> tuple[int, ...]:
        """The threads that this change put where they are."""
        return self.threads or tuple(new for _, new in self.parts)

    @property
    def sources(self) -> tuple[int, ...]:
        """The threads that messages were taken from."""
        return tuple(old for old, _ in self.parts)


@dataclass(frozen=True, slots=True)
class Change:
    """One merge, split or move: from `case_id` to `other_id`."""

    id: int
    kind: str
    case_id: int
    other_id: int
    trail: Trail
    undone: bool = False


def by_number(unit: Unit, number: int) -> Row[Any] | None:
    """The case row with this number."""
    return unit.execute(select(case).where(case.c.number == number)).first()


def number_of(unit: Unit, case_id: int) -> int:
    """The number that people know a case by."""
    return int(unit.execute(select(case.c.number).where(case.c.id == case_id)).scalar_one())


def messages_named(unit: Unit, ids: Collection[str]) -> Rows:
    """These messages with the case they belong to, in the order of acceptance."""
    return unit.execute(
        select(message, thread.c.case_id)
        .join(thread, thread.c.id == message.c.thread_id)
        .where(message.c.id.in_(ids))
        .order_by(message.c.seq)
    ).all()


def messages_in(unit: Unit, thread_ids: Collection[int]) -> Rows:
    """All mail of these threads, in the order of acceptance."""
    return unit.execute(select(message).where(message.c.thread_id.in_(thread_ids)).order_by(message.c.seq)).all()


def written_to(unit: Unit, seqs: Collection[int]) -> list[str]:
    """Whom agents' replies among these messages went to."""
    rows = select(outbox_recipient.c.address).join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
    return list(unit.execute(rows.where(outbox.c.kind == "reply", outbox.c.message_seq.in_(seqs))).scalars())


def ids_in(unit: Unit, thread_ids: Collection[int], limit: int) -> list[str]:
    """The ids of the first mails of these threads."""
    rows = select(message.c.id).where(message.c.thread_id.in_(thread_ids)).order_by(message.c.seq).limit(limit)
    return list(unit.execute(rows).scalars())


def contact_of(unit: Unit, here: Any, token: str) -> str:
    """The contact of the case that a thread began with, which may have been merged into the one where it is."""
    if here.thread_token == token:
        return str(here.contact_address)
    rows = select(case.c.contact_address).where(case.c.id.in_(family(unit, here.id)), case.c.thread_token == token)
    return str(unit.execute(rows).scalar() or "")


def untold(unit: Unit, case_id: int, agent_id: int) -> Rows:
    """The cases made by hand whose first thread is in this case, and whose text this agent has not had."""
    told = select(outbox.c.thread_id).where(
        outbox.c.kind == "copy",
        outbox.c.agent_id == agent_id,
        outbox.c.message_seq.is_(None),
        outbox.c.thread_id == thread.c.id,
    )
    wanted = (thread.c.case_id == case_id, case.c.source == "hand", ~told.exists())
    rows = select(case).join(thread, thread.c.token == case.c.thread_token)
    return unit.execute(rows.where(*wanted).order_by(case.c.id)).all()


def began_with(unit: Unit, token: str) -> str:
    """The contact of the case that began with this thread, wherever the thread is now; nothing where none did."""
    return str(unit.execute(select(case.c.contact_address).where(case.c.thread_token == token)).scalar() or "")


def last_seq(unit: Unit) -> int:
    """The newest message there is."""
    return int(unit.execute(select(func.max(message.c.seq))).scalar() or 0)


def on_way(unit: Unit, case_ids: Collection[int]) -> tuple[int, ...]:
    """Mail of these cases that waits for a job."""
    rows = select(message.c.seq).join(thread, thread.c.id == message.c.thread_id).where(thread.c.case_id.in_(case_ids))
    waiting = (message.c.direction == "inbound", message.c.state == MessageState.ACCEPTED.value)
    return tuple(unit.execute(rows.where(*waiting).order_by(message.c.seq)).scalars())


def customers_mail_since(unit: Unit, thread_ids: Collection[int], trail: Trail) -> bool:
    """Whether mail of a participant has come since the change: into these threads, or what went with the change."""
    is_later = or_(message.c.seq > trail.last_seq, message.c.seq.in_(trail.on_way))
    back = {seq for seq, _ in trail.messages}.intersection(trail.on_way)
    here = or_(and_(message.c.thread_id.in_(thread_ids), is_later), message.c.seq.in_(back))
    wanted = (here, message.c.direction == "inbound", message.c.proof.in_(("proven", "likely")))
    return unit.execute(select(message.c.seq).where(*wanted).limit(1)).first() is not None


# --- locks ------------------------------------------------------------------------------------------------------------


def lock(unit: Unit, seqs: Collection[int], thread_ids: Collection[int], case_ids: Collection[int]) -> dict[int, Any]:
    """Lock messages, threads and cases, in that order, as jobs do; the cases as they are now."""
    wanted = ((message.c.seq, message.c.seq, seqs), (thread.c.id, thread.c.id, thread_ids))
    for column, key, ids in wanted:
        if ids:
            unit.execute(select(column).where(key.in_(ids)).order_by(key).with_for_update(key_share=True)).all()
    rows = select(case).where(case.c.id.in_(case_ids)).order_by(case.c.id).with_for_update(key_share=True)
    return {row.id: row for row in unit.execute(rows)}


def expect_threads(unit: Unit, case_id: int, thread_ids: Collection[int]) -> None:
    """Raise Moved unless these are the threads of the case."""
    found = unit.execute(select(thread.c.id).where(thread.c.case_id == case_id)).scalars()
    if set(found) != set(thread_ids):
        raise Moved


def expect_cases(unit: Unit, thread_ids: Collection[int], case_id: int) -> None:
    """Raise Moved unless all these threads belong to the case."""
    found = unit.execute(select(thread.c.case_id).where(thread.c.id.in_(thread_ids))).scalars()
    if set(found) != {case_id}:
        raise Moved


def expect_messages(unit: Unit, places: Iterable[tuple[int, int]], case_id: int) -> None:
    """Raise Moved unless each (message, thread) is so, and each thread belongs to the case."""
    wanted = set(places)
    rows = unit.execute(
        select(message.c.seq, message.c.thread_id)
        .join(thread, thread.c.id == message.c.thread_id)
        .where(message.c.seq.in_([seq for seq, _ in wanted]), thread.c.case_id == case_id)
    )
    if {(row.seq, row.thread_id) for row in rows} != wanted:
        raise Moved


# --- what moves -------------------------------------------------------------------------------------------------------


def give_threads(unit: Unit, thread_ids: Collection[int], case_id: int) -> None:
    """All mail of these threads belongs to this case."""
    unit.execute(update(thread).where(thread.c.id.in_(thread_ids)).values(case_id=case_id))


def put_messages(unit: Unit, seqs: Collection[int], old: int, new: int) -> None:
    """Messages of one thread into another, with what was sent for them; what we show of them names the new thread."""
    rows = unit.execute(select(thread.c.id, thread.c.token).where(thread.c.id.in_((old, new))))
    tokens = {row.id: row.token for row in rows}
    before, after = thread_stamp(tokens[old]), thread_stamp(tokens[new])
    inside = and_(message.c.seq.in_(seqs), message.c.thread_id == old)
    for row in unit.execute(select(message.c.seq, message.c.stamp).where(inside)).all():
        stamp = bytes(row.stamp).replace(before, after)
        unit.execute(update(message).where(message.c.seq == row.seq).values(thread_id=new, stamp=stamp))
    unit.execute(update(outbox).where(outbox.c.message_seq.in_(seqs), outbox.c.thread_id == old).values(thread_id=new))


def note(unit: Unit, seqs: Collection[int], because: str) -> None:
    """The trace of these mails tells that somebody gave them another case."""
    inbound = and_(message.c.seq.in_(seqs), message.c.direction == "inbound")
    for row in unit.execute(select(message.c.seq, message.c.trace).where(inbound)).all():
        trace = {"notes": [], "dns": []} | (json.loads(row.trace) if row.trace else {})
        told = to_json(trace | {"notes": [*trace["notes"], ["case", "changed", because]]})
        unit.execute(update(message).where(message.c.seq == row.seq).values(trace=told))


def put_keys(unit: Unit, keys: Iterable[tuple[str, str, int]], old: int, new: int) -> list[tuple[str, str, int]]:
    """Let these (hash, author, thread) lead from one thread to another; returns those that did."""
    done = []
    for key, author, place in sorted(set(keys)):
        is_it = and_(message_key.c.hash == bytes.fromhex(key), message_key.c.author == author)
        changed = unit.execute(update(message_key).where(is_it, message_key.c.thread_id == old).values(thread_id=new))
        if changed.rowcount:
            done.append((key, author, place))
    return done


def add_people(unit: Unit, source_id: int, target_id: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Teams that watch one case and members of its case team belong to the other too; returns those who are new."""
    watchers = _missing(unit, case_watcher.c.team_id, source_id, target_id)
    members = _missing(unit, case_member.c.agent_id, source_id, target_id)
    if watchers:
        _WATCHER.write(unit, [{"case_id": target_id, "team_id": one} for one in watchers])
    for row in unit.execute(select(case_member).where(case_member.c.case_id == source_id)).all():
        if row.agent_id in members:
            _MEMBER.write(unit, {"case_id": target_id, "agent_id": row.agent_id, "role": row.role})
    return tuple(watchers), tuple(members)


def remove_people(unit: Unit, case_id: int, trail: Trail) -> None:
    """Those whom a change had added."""
    gone = case_watcher.c.team_id.in_(trail.watchers)
    unit.execute(delete(case_watcher).where(case_watcher.c.case_id == case_id, gone))
    left = case_member.c.agent_id.in_(trail.members)
    unit.execute(delete(case_member).where(case_member.c.case_id == case_id, left))


def _missing(unit: Unit, column: Any, source_id: int, target_id: int) -> list[int]:
    table = column.table
    here = set(unit.execute(select(column).where(table.c.case_id == source_id)).scalars())
    return sorted(here - set(unit.execute(select(column).where(table.c.case_id == target_id)).scalars()))


# --- links ------------------------------------------------------------------------------------------------------------


def add_link(unit: Unit, case_id: int, other_id: int, kinds: tuple[str, str]) -> bool:
    """`kinds`: what the other is to the case, and the case to the other; False where it was so already."""
    rows = ((case_id, other_id, kinds[0]), (other_id, case_id, kinds[1]))
    new = [_LINK.write(unit, dict(zip(_LINK_COLUMNS, row, strict=True))).first() is not None for row in rows]
    return any(new)


def remove_link(unit: Unit, case_id: int, other_id: int, kinds: tuple[str, str]) -> bool:
    """The same back; False where there was none."""
    there = and_(case_link.c.case_id == case_id, case_link.c.other_id == other_id, case_link.c.kind == kinds[0])
    back = and_(case_link.c.case_id == other_id, case_link.c.other_id == case_id, case_link.c.kind == kinds[1])
    return bool(unit.execute(delete(case_link).where(or_(there, back))).rowcount)


def linked(unit: Unit, case_id: int, kind: str) -> list[int]:
    """The cases that are this to a case."""
    rows = select(case_link.c.other_id).where(case_link.c.case_id == case_id, case_link.c.kind == kind)
    return list(unit.execute(rows.order_by(case_link.c.other_id)).scalars())


# --- changes ----------------------------------------------------------------------------------------------------------


def write(unit: Unit, change: Change, actor: str, now: datetime) -> int:
    """Keep a change; returns its number."""
    values = {
        "kind": change.kind,
        "at": now,
        "actor": actor,
        "case_id": change.case_id,
        "other_id": change.other_id,
        "detail": to_json(asdict(change.trail)),
    }
    return int(unit.execute(insert(case_change).returning(case_change.c.id), values).scalar_one())


def keep_trail(unit: Unit, change_id: int, trail: Trail) -> None:
    """Write the trail once all of it is known."""
    unit.execute(update(case_change).where(case_change.c.id == change_id).values(detail=to_json(asdict(trail))))


def newest(unit: Unit, case_id: int) -> Change | None:
    """The last change from or to this case that stands."""
    mine = or_(case_change.c.case_id == case_id, case_change.c.other_id == case_id)
    rows = select(case_change).where(mine, ~case_change.c.undone).order_by(case_change.c.id.desc()).limit(1)
    return _change(unit.execute(rows).first())


def by_id(unit: Unit, change_id: int) -> Change | None:
    """One change, locked."""
    rows = select(case_change).where(case_change.c.id == change_id)
    return _change(unit.execute(rows.with_for_update(key_share=True)).first())


def mark_undone(unit: Unit, change_id: int) -> None:
    """It does not stand any more."""
    unit.execute(update(case_change).where(case_change.c.id == change_id).values(undone=True))


def built_on(unit: Unit, change: Change) -> Change | None:
    """The newest later change that stands on this one, and must be undone first."""
    rows = select(case_change).where(case_change.c.id > change.id, ~case_change.c.undone)
    ends = (change.case_id, change.other_id)
    near = _around(unit, ends)
    touching = or_(case_change.c.case_id.in_(near), case_change.c.other_id.in_(near))
    found = (_change(row) for row in unit.execute(rows.where(touching).order_by(case_change.c.id.desc())))
    return next((one for one in found if one is not None and _stands_on(one, change)), None)


def _stands_on(later: Change, change: Change) -> bool:
    """It takes from a thread that the change put somewhere, or fills the case that a split made."""
    mine = set(change.trail.own) | (set(change.trail.sources) if later.kind == MERGE else set())
    fills = change.kind == SPLIT and later.other_id == change.other_id
    return fills or bool(mine & {*later.trail.own, *later.trail.sources})


def _change(row: Any) -> Change | None:
    if row is None:
        return None
    stored, names = json.loads(row.detail), {one.name for one in fields(Trail)}
    trail = Trail(**{name: _frozen(value) for name, value in stored.items() if name in names})
    return Change(row.id, row.kind, row.case_id, row.other_id, trail, row.undone)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(one) for one in value) if isinstance(value, list) else value


# --- whole matters ----------------------------------------------------------------------------------------------------


def family(unit: Unit, case_id: int) -> list[int]:
    """The case and all that were merged into it, and into those."""
    found = [case_id]
    newer = found
    while newer and len(found) < MOST_CASES:
        rows = select(case.c.id).where(case.c.merged_into_id.in_(newer), case.c.id.not_in(found)).order_by(case.c.id)
        newer = list(unit.execute(rows).scalars())
        found = found + newer
    return found


def survivor(unit: Unit, case_id: int) -> int:
    """Where the number of a case leads: itself, or what it was merged into."""
    for _ in range(MOST_CASES):
        into = unit.execute(select(case.c.merged_into_id).where(case.c.id == case_id)).scalar()
        if into is None:
            break
        case_id = into
    return case_id


def whereabouts(unit: Unit, case_id: int) -> list[int]:
    """The case, and every one that its mail may have been in."""
    return _around(unit, (case_id,))


def _around(unit: Unit, case_ids: Collection[int]) -> list[int]:
    found = list(dict.fromkeys(case_ids))
    newer = found
    while newer and len(found) < MOST_CASES:
        touched = or_(case_change.c.case_id.in_(newer), case_change.c.other_id.in_(newer))
        pairs = unit.execute(select(case_change.c.case_id, case_change.c.other_id).where(touched)).all()
        newer = sorted({one for row in pairs for one in (row.case_id, row.other_id)} - set(found))
        found = found + newer
    return found


_LINK_COLUMNS = ("case_id", "other_id", "kind")
_LINK = Upsert(case_link, None, case_link.c.kind)
_WATCHER, _MEMBER = Upsert(case_watcher), Upsert(case_member)
