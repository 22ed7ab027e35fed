# SPDX-License-Identifier: Apache-2.0
"""Undo the last merge, split or move of a case: what it moved goes back, and mail that came later goes with it.

Enters: a case's number, and a change's where it is not the last one. Leaves: threads, messages and keys where they
were, statuses as before unless somebody has set another one since. After a merge the mail that joined its threads goes
back with them; the mail that came to a case that was split off belongs to the old case, and the new one leads there. A
change that a later one stands on is refused, with the one to undo first. Doing it again is redoing it.
"""

import json
from dataclasses import replace
from typing import Any

from handlers.acting import By, casegate
from handlers.case_edits import Refusal
from handlers.changes.common import Done, give_back, give_back_statuses, owe_copies, set_status, tell
from handlers.changes.merging import MERGED
from storage import case_changes, cases
from storage.case_changes import MERGE, SPLIT, Change
from storage.database import Unit
from storage.desk import Snapshot


def undo(unit: Unit, desk: Snapshot, number: int, change_id: int | None, by: By) -> Done | Refusal:
    """The last change of this case that stands, or the one that is named."""
    case = case_changes.by_number(unit, number)
    if case is None:
        return Refusal(f"no case {number}: see casegate case list", is_absent=True)
    change = case_changes.newest(unit, case.id) if change_id is None else case_changes.by_id(unit, change_id)
    if change is None or case.id not in (change.case_id, change.other_id):
        named = f"change {change_id}" if change_id is not None else "merge, split or move"
        return Refusal(f"case {number} has no {named} to undo: see casegate case show {number}", is_absent=True)
    places = {*change.trail.own, *change.trail.sources}
    ends = (change.case_id, change.other_id)
    locked = case_changes.lock(unit, [seq for seq, _ in change.trail.messages], places, ends)
    refusal = _fault(unit, change)
    if refusal is not None:
        return refusal
    source, target = (locked[one] for one in ends)
    _UNDO[change.kind](unit, desk, change, (source, target), by)
    case_changes.mark_undone(unit, change.id)
    owe_copies(unit, source.id, by)
    return Done(change.id, source.number)


def _fault(unit: Unit, change: Change) -> Refusal | None:
    """Looked at under lock."""
    now = case_changes.by_id(unit, change.id)
    if now is None or now.undone:
        return Refusal(f"change {change.id} is undone already")
    later = case_changes.built_on(unit, change)
    if later is None:
        return None
    away, here = (case_changes.number_of(unit, one) for one in (later.case_id, later.other_id))
    said = f"change {later.id}, a {later.kind} from case {away} to case {here}, builds on change {change.id}"
    return Refusal(f"{said}: undo it first, by casegate case undo {here} {later.id}")


def _undo_merge(unit: Unit, desk: Snapshot, change: Change, pair: tuple[Any, Any], by: By) -> None:
    gone, kept = pair
    case_changes.expect_cases(unit, change.trail.threads, kept.id)
    case_changes.give_threads(unit, change.trail.threads, gone.id)
    case_changes.remove_people(unit, kept.id, change.trail)
    cases.write(unit, gone.id, {"merged_into_id": None})
    _tell(unit, change, pair, by)
    _give_back(unit, desk, change, kept.id, by)
    _wake_by_mail(unit, desk, change, gone.id, by)


def _undo_parting(unit: Unit, desk: Snapshot, change: Change, pair: tuple[Any, Any], by: By) -> None:
    source, target = pair
    trail = change.trail
    case_changes.expect_cases(unit, trail.own, target.id)
    case_changes.expect_cases(unit, trail.sources, source.id)
    for old, new in trail.parts:
        case_changes.put_messages(unit, [seq for seq, place in trail.messages if place == old], new, old)
        case_changes.put_keys(unit, [key for key in trail.keys if key[2] == old], new, old)
    case_changes.give_threads(unit, trail.own, source.id)
    back = f"{by.actor} took it back to case {source.number} (change {change.id} is undone)"
    case_changes.note(unit, [seq for seq, _ in trail.messages], back)
    _tell(unit, change, pair, by)
    _give_back(unit, desk, change, target.id, by)
    if change.kind == SPLIT:
        case_changes.remove_link(unit, source.id, target.id, ("split_to", "split_from"))
        set_status(unit, desk, target, MERGED, by)
        cases.write(unit, target.id, {"merged_into_id": source.id})
    _wake_by_mail(unit, desk, change, source.id, by)


def _tell(unit: Unit, change: Change, pair: tuple[Any, Any], by: By) -> None:
    for one, other in (pair, pair[::-1]):
        tell(unit, one.id, "undone", {"change": change.id, "undone": change.kind, "number": other.number}, by)


def _give_back(unit: Unit, desk: Snapshot, change: Change, left_id: int, by: By) -> None:
    """Statuses as before; the case that mail leaves stays open where its own customer has written meanwhile."""
    trail = change.trail
    case = cases.lock(unit, left_id)
    theirs = replace(trail, messages=())  # what went is not its own
    if case_changes.customers_mail_since(unit, cases.threads_of(unit, left_id), theirs):
        trail = replace(trail, statuses=tuple(one for one in trail.statuses if one[0] != left_id))
    elif case is not None and case.status_kind == "open":
        before = _before_mail(unit, change, left_id)
        if before:
            give_back(unit, desk, case, before, (trail, by))
    give_back_statuses(unit, desk, trail, by)


def _before_mail(unit: Unit, change: Change, case_id: int) -> str:
    """The status before mail opened the case, where nothing else has changed it since; nothing where none did."""
    events = cases.timeline(unit, case_id)
    made = [one.id for one in events if one.kind in _MADE and json.loads(one.detail).get("change") == change.id]
    since = [one for one in events if made and one.id > made[-1] and one.kind == "status"]
    told = json.loads(since[-1].detail) if since else {}
    is_by_mail = bool(since) and since[-1].actor == casegate(since[-1].at).actor and told["after"] == "open"
    return str(told["before"]) if is_by_mail else ""


def _wake_by_mail(unit: Unit, desk: Snapshot, change: Change, case_id: int, by: By) -> None:
    """What a customer wrote meanwhile waits for an answer where it is now."""
    case = cases.lock(unit, case_id)
    if case is None or case.status_kind in ("new", "open"):
        return
    if case_changes.customers_mail_since(unit, change.trail.own, change.trail):
        set_status(unit, desk, case, "open", by)


_MADE = ("merged", "split_from", "moved_from")  # what the timeline of the case that got the mail says


_UNDO = {MERGE: _undo_merge, SPLIT: _undo_parting, case_changes.MOVE: _undo_parting}
