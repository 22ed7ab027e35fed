# SPDX-License-Identifier: Apache-2.0
"""Links between cases, seen from both: what the one is to the other stands on each with its own word.

Enters: a case, a word of KINDS, another case, read as "the other one is its ...". Leaves: two rows and a line in both
timelines. A link changes no status and moves no mail: a duplicate is closed or merged by whoever sees that it is one.
"""

from typing import Any

from handlers.acting import By
from handlers.case_edits import Refusal
from handlers.changes.common import both, stands_alone, tell
from storage import case_changes
from storage.database import Unit

# What the other case is, and what this one is to it.
KINDS = {
    "parent": "child",
    "child": "parent",
    "duplicate": "duplicate",
    "possibly_belongs_to": "possibly_belongs_to",
    "related": "related",
}
_BY_MAIL = {
    "third_party": "third_party",
    "same_mail": "same_mail",
    "follows": "followed_by",
    "followed_by": "follows",
    "split_to": "split_from",
    "split_from": "split_to",
}
REMOVABLE = KINDS | _BY_MAIL
MOST_GENERATIONS = 50


def link(unit: Unit, number: int, kind: str, other_number: int, by: By) -> Refusal | bool:
    """Whether the link is new."""
    pair = _locked(unit, number, other_number)
    if isinstance(pair, Refusal):
        return pair
    case, other = pair
    refusal = stands_alone(unit, case) or stands_alone(unit, other) or _bad_parent(unit, case, kind, other)
    if refusal is not None:
        return refusal
    if not case_changes.add_link(unit, case.id, other.id, (kind, KINDS[kind])):
        return False
    _tell(unit, "linked", (case, other), (kind, KINDS[kind]), by)
    return True


def unlink(unit: Unit, number: int, kind: str, other_number: int, by: By) -> Refusal | bool:
    """Whether there was such a link."""
    pair = _locked(unit, number, other_number)
    if isinstance(pair, Refusal):
        return pair
    case, other = pair
    if not case_changes.remove_link(unit, case.id, other.id, (kind, REMOVABLE[kind])):
        return Refusal(f"case {number} has no link {kind} to case {other_number}", is_absent=True)
    _tell(unit, "unlinked", (case, other), (kind, REMOVABLE[kind]), by)
    return True


def _locked(unit: Unit, *numbers: int) -> tuple[Any, Any] | Refusal:
    found = both(unit, (numbers[0], numbers[1]))
    if isinstance(found, Refusal):
        return found
    locked = case_changes.lock(unit, (), (), [case.id for case in found])
    return locked[found[0].id], locked[found[1].id]


def _bad_parent(unit: Unit, case: Any, kind: str, other: Any) -> Refusal | None:
    """A case has one parent, and none of its descendants is it."""
    if KINDS[kind] == kind:
        return None
    child, parent = (case, other) if kind == "parent" else (other, case)
    parents = case_changes.linked(unit, child.id, "parent")
    if parents and parents != [parent.id]:
        number = case_changes.number_of(unit, parents[0])
        return Refusal(f"case {child.number} has a parent, case {number}: unlink it first")
    above = parent.id
    for _ in range(MOST_GENERATIONS):
        if above == child.id:
            return Refusal(f"case {child.number} stands above case {parent.number} already")
        above = next(iter(case_changes.linked(unit, above, "parent")), None)
        if above is None:
            break
    return None


def _tell(unit: Unit, what: str, pair: tuple[Any, Any], kinds: tuple[str, str], by: By) -> None:
    for one, other, kind in zip(pair, pair[::-1], kinds, strict=True):
        tell(unit, one.id, what, {"kind": kind, "number": other.number}, by)
