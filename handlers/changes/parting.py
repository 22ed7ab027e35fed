# SPDX-License-Identifier: Apache-2.0
"""Split and move: some messages of a case become a case of their own, or belong to another one ("not mine").

Enters: a case, ids of its messages. Leaves: the messages, what was sent for them and the keys that lead to them, in a
thread of their own, one for each thread they were in, so that no conversation mixes. Of the people of the old thread
those take part who wrote, were copied, or were written to in these messages. Later answers follow: an id of ours names
its outbox row, a foreign id its key.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

from handlers import changing, contacting, received, targets, telling, tokens
from handlers.acting import By
from handlers.case_edits import Refusal
from handlers.changes.common import Done, clock_of, different_contacts, ending_of, owe_copies, stands_alone, tell, wake
from handlers.office import Office
from handlers.pointers import foreign_keys
from storage import case_changes, cases, content, threads
from storage.address import key_of
from storage.case_changes import MOVE, SPLIT, Change, Trail
from storage.cases import Opening
from storage.database import Unit
from storage.threads import Person

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which messages go; `into` is the number of the case they belong to, None a new one with this subject."""

    messages: tuple[str, ...]
    into: int | None = None
    subject: str = ""
    is_sure: bool = False


def part(unit: Unit, office: Office, number: int | None, wish: Wish, by: By) -> Done | Refusal:
    """Take these messages out of their case; `number` is the case that they must be in, where it was named."""
    rows = case_changes.messages_named(unit, wish.messages)
    target = case_changes.by_number(unit, wish.into) if wish.into is not None else None
    refusal = _unknown(unit, rows, number, wish, target)
    if refusal is not None:
        return refusal
    places = [(row.seq, row.thread_id) for row in rows]
    ends = [rows[0].case_id, *([target.id] if target is not None else [])]
    locked = case_changes.lock(unit, [row.seq for row in rows], sorted({place for _, place in places}), ends)
    source = locked[rows[0].case_id]
    case_changes.expect_messages(unit, places, source.id)
    target = locked[target.id] if target is not None else None
    refusal = _fault(unit, rows, source, target, wish)
    return refusal if refusal is not None else _part(unit, office, rows, (source, target), (wish, by))


def _unknown(unit: Unit, rows: Sequence[Any], number: int | None, wish: Wish, target: Any) -> Refusal | None:
    """What does not exist, or is not where the call says."""
    if wish.into is not None and target is None:
        return Refusal(f"no case {wish.into}: see casegate case list", is_absent=True)
    known = {row.id: row.case_id for row in rows}
    for one in wish.messages:
        if known.get(one) is None:
            return Refusal(f"no message {one!r} in any case: see casegate case show", is_absent=True)
    source = case_changes.by_number(unit, number) if number is not None else None
    if number is not None and source is None:
        return Refusal(f"no case {number}: see casegate case list", is_absent=True)
    for one, case_id in known.items():
        if case_id != (source.id if source is not None else rows[0].case_id):
            return Refusal(f"message {one} is of case {case_changes.number_of(unit, case_id)}: one case at a time")
    return None


def _fault(unit: Unit, rows: Sequence[Any], source: Any, target: Any, wish: Wish) -> Refusal | None:
    if target is not None:
        merged = stands_alone(unit, target)
        if merged is not None or target.id == source.id:
            return merged or Refusal(f"the mail is of case {source.number} already")
    some = case_changes.ids_in(unit, cases.threads_of(unit, source.id), len(rows) + 1)
    if len(some) == len(rows):
        into = target.number if target is not None else "N"
        return Refusal(f"that is all mail of case {source.number}: casegate case merge {source.number} {into}")
    words = _strangers(unit, rows, source, target) if target is not None else ""
    return Refusal(words) if words and not wish.is_sure else None


def _strangers(unit: Unit, rows: Sequence[Any], source: Any, target: Any) -> str:
    """What to say where the mail is neither of the target's contact nor of anybody who takes part there."""
    if not different_contacts(source, target):
        return ""
    places = cases.threads_of(unit, target.id)
    inside = {one.key for place in places for one in threads.participants(unit, place, "customer")}
    authors = [row.author_address for row in rows if row.direction == "inbound"]
    strange = [one for one in authors if key_of(one) not in inside and key_of(one) != key_of(target.contact_address)]
    return (
        f"{strange[0] or 'nobody known'} takes no part in case {target.number}; --yes if that is meant"
        if strange
        else ""
    )


def _part(unit: Unit, office: Office, rows: Sequence[Any], ends: tuple[Any, Any], how: tuple[Wish, By]) -> Done:
    (source, target), by = ends, how[1]
    kind = SPLIT if target is None else MOVE
    ends_before = [one.id for one in ends if one is not None]
    last, on_way = case_changes.last_seq(unit), case_changes.on_way(unit, ends_before)
    places = list(dict.fromkeys(row.thread_id for row in rows))
    parts = tuple((place, _new_thread(unit, office, place, rows, by)) for place in places)
    keys = _take(unit, office, rows, parts)
    new = [thread_id for _, thread_id in parts]
    if target is None:
        target = _new_case(unit, office, rows, (source, new[0]), how)
    case_changes.give_threads(unit, new, target.id)
    trail = Trail((), parts, tuple((row.seq, row.thread_id) for row in rows), keys, last_seq=last, on_way=on_way)
    change_id = case_changes.write(unit, Change(0, kind, source.id, target.id, trail), by.actor, by.now)
    what = f"{by.actor} took it from case {source.number} to case {target.number} (change {change_id}, a {kind})"
    case_changes.note(unit, [row.seq for row in rows], what)
    _tell_both(unit, kind, change_id, (source, target), ([row.id for row in rows], by))
    if kind == MOVE:
        woken = wake(unit, office.desk, source, target, by)
        how_it_was = replace(trail, statuses=woken, endings=ending_of(target), clocks=clock_of(target))
        case_changes.keep_trail(unit, change_id, how_it_was)
    owe_copies(unit, target.id, by)
    return Done(change_id, target.number)


def _tell_both(unit: Unit, kind: str, change_id: int, ends: tuple[Any, Any], what: tuple[list[str], By]) -> None:
    (source, target), (mail, by) = ends, what
    away, here = (("split_to", "split_from"), ("moved_to", "moved_from"))[kind == MOVE]
    tell(unit, source.id, away, {"change": change_id, "number": target.number, "messages": mail}, by)
    tell(unit, target.id, here, {"change": change_id, "number": source.number, "messages": mail}, by)
    if kind == SPLIT:
        case_changes.add_link(unit, source.id, target.id, (away, here))


def _new_thread(unit: Unit, office: Office, place: int, rows: Sequence[Any], by: By) -> int:
    """A thread for the messages of one thread, with the people of these messages."""
    mine = [row for row in rows if row.thread_id == place]
    new = threads.make(unit, tokens.new_thread_id(office.keys), by.now)
    named = {key_of(one) for row in mine for one in _named_in(row)}
    named |= {key_of(one) for one in case_changes.written_to(unit, [row.seq for row in mine])}
    first = _first_with_author(mine)
    if first is not None:  # as whoever begins a thread, whatever let them into the old one
        person = Person(first.author_name, first.author_address, key_of(first.author_address))
        threads.add_participants(unit, new, "customer", [person])
    for role in ("customer", "agent"):
        people = threads.participants(unit, place, role)
        threads.add_participants(unit, new, role, [one for one in people if one.key in named])
    return new


def _named_in(row: Any) -> Iterable[str]:
    yield row.author_address
    for people in (row.to_, row.cc):
        yield from (address for _, address in json.loads(people))


def _first_with_author(rows: Sequence[Any]) -> Any:
    return next((row for row in rows if row.direction == "inbound" and row.author_address), None)


def _new_case(unit: Unit, office: Office, rows: Sequence[Any], where: tuple[Any, int], how: tuple[Wish, By]) -> Any:
    """With the team, the owner and the values of the old one; its contact is whoever wrote first."""
    (source, thread_id), (wish, by) = where, how
    team = office.desk.teams.get(source.team_id)
    queue = source.queue or (team.value.name if team is not None else cases.FALLBACK_QUEUE)
    first = _first_with_author(rows)
    opening = Opening(
        thread_id=thread_id,
        thread_token=threads.token_of(unit, thread_id),
        team_id=source.team_id,
        queue=queue,
        contact_name=first.author_name if first is not None else source.contact_name,
        contact_address=first.author_address if first is not None else source.contact_address,
        routing_address=source.routing_address,
        subject=wish.subject or rows[0].subject,
        priority=source.priority,
        tags=tuple(json.loads(source.tags)),
        fields=json.loads(source.fields),
        contact_id=contacting.contact_of(unit, first, office) if first is not None else source.contact_id,
        source="split",
    )
    made: Any = cases.make(unit, opening, by.now)
    tell(unit, made.id, "created", {"team": team.value.name if team is not None else ""}, by)
    made = targets.begin(unit, office.desk, made, by.now)
    telling.begun(unit, office.desk, made, by)
    if source.owner_id is None:
        return made
    return changing.change(unit, office.desk, made, {"owner_id": source.owner_id, "queue": None}, by)


def _take(unit: Unit, office: Office, rows: Sequence[Any], parts: Iterable[tuple[int, int]]) -> tuple[Key, ...]:
    """Messages and keys of each thread into the new one; returns the keys that led there."""
    taken: list[Key] = []
    for old, new in parts:
        mine = [row for row in rows if row.thread_id == old]
        keys = _keys(unit, office, mine, old)
        case_changes.put_messages(unit, [row.seq for row in mine], old, new)
        taken += case_changes.put_keys(unit, keys, old, new)
    return tuple(taken)


def _keys(unit: Unit, office: Office, rows: Sequence[Any], place: int) -> list[Key]:
    """The messages' own ids, and what only they refer to: an answer to the same mail belongs where they do."""
    inbound = [row for row in rows if row.direction == "inbound"]
    own = [(threads.key_of(row.message_id).hex(), author) for row in inbound for author in (_key(row), f"?{row.id}")]
    gone = {row.seq for row in rows}
    authors = {_key(row) for row in inbound}
    staying = [row for row in case_changes.messages_in(unit, [place]) if row.seq not in gone]
    kept = _referred(unit, office, [row for row in staying if _key(row) in authors])
    kept |= {(threads.key_of(row.message_id).hex(), _key(row)) for row in staying}
    referred = _referred(unit, office, inbound) - kept
    return [(key, author, place) for key, author in [*own, *sorted(referred)]]


def _referred(unit: Unit, office: Office, rows: Iterable[Any]) -> set[tuple[str, str]]:
    """(hash, author) of the foreign ids that these mails name."""
    found = set()
    for row in rows:
        if row.direction != "inbound":
            continue
        head = received.head_of(content.pieces(lambda: nullcontext(unit), row.content_id))
        found |= {(key.hex(), _key(row)) for key in foreign_keys(head, office)}
    return found


def _key(row: Any) -> str:
    return key_of(row.author_address)
