# SPDX-License-Identifier: Apache-2.0
"""What merge, split, move and undo share: who does it, what comes of it, and which case is to be woken.

Enters and leaves as in each of them. A case that takes over an open matter is open itself; what its status was is kept,
so that undoing gives it back, unless somebody has set another one since.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers import changing, targets
from handlers.acting import By
from handlers.case_edits import Refusal
from storage import case_changes, cases
from storage.case_changes import Trail
from storage.case_values import ENDED_KINDS
from storage.cases import Event
from storage.database import Unit
from storage.desk import Snapshot

Status = tuple[int, str, str]  # case, status before, status after
Ending = tuple[int, str, str, str]  # case, outcome, note, when it ended
Clock = tuple[int, str, str, str]  # case, what it missed, pauses, since when it is paused

_WAITING = ("pending", "on_hold")


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was made: its number, and the case that the mail belongs to now."""

    change_id: int
    number: int


def tell(unit: Unit, case_id: int, kind: str, told: dict[str, object], by: By) -> None:
    """One line of a timeline."""
    because: dict[str, object] = {"reason": by.because} if by.because else {}
    cases.add_event(unit, case_id, Event(by.actor, kind, told | because), by.now)


def set_status(unit: Unit, desk: Snapshot, case: Any, status: str, by: By) -> tuple[Status, ...]:
    """Give a case this status; what there is to undo of it."""
    if case.status == status:
        return ()
    changing.change(unit, desk, case, {"status": status}, by)
    return ((case.id, case.status, status),)


def wake(unit: Unit, desk: Snapshot, source: Any, target: Any, by: By) -> tuple[Status, ...]:
    """The target is no less urgent than the case that its new mail was in."""
    if _urgency(source) >= _urgency(target):
        return ()
    return set_status(unit, desk, target, "open" if _urgency(source) == 0 else source.status, by)


def owe_copies(unit: Unit, case_id: int, by: By) -> None:
    """Let the sweep give the owner copies of the mail that they have not had (handlers/handing.py)."""
    case = cases.lock(unit, case_id)
    if case is not None and case.owner_id is not None:
        cases.write(unit, case_id, {"copies_due_at": by.now})


def ending_of(case: Any) -> tuple[Ending, ...]:
    """How a case has ended, which is gone once it is open again."""
    if case.status_kind not in ENDED_KINDS:
        return ()
    return ((case.id, case.outcome, case.outcome_note, case.ended_at.isoformat() if case.ended_at else ""),)


def clock_of(case: Any) -> tuple[Clock, ...]:
    """What a late case that has ended was late with, which is gone once it is open again."""
    if case.status_kind not in ENDED_KINDS or not case.missed:
        return ()
    return ((case.id, case.missed, case.pauses, case.paused_at.isoformat() if case.paused_at else ""),)


def give_back_statuses(unit: Unit, desk: Snapshot, trail: Trail, by: By) -> None:
    """As before the change, where nobody has said otherwise since."""
    for case_id, before, after in reversed(trail.statuses):
        case = cases.lock(unit, case_id)
        if case is not None and case.status == after:
            give_back(unit, desk, case, before, (trail, by))


def give_back(unit: Unit, desk: Snapshot, case: Any, status: str, how: tuple[Trail, By]) -> None:
    """The status that a case had, and with it how it had ended."""
    trail, by = how
    kind = desk.sections.kind_of(status) or case.status_kind
    ended = [one[1:] for one in trail.endings if one[0] == case.id and kind in ENDED_KINDS and not case.outcome]
    outcome, note, at = ended[0] if ended else (case.outcome, case.outcome_note, "")
    changing.change(unit, desk, case, {"status": status, "outcome": outcome, "outcome_note": note}, by)
    if at:
        cases.write(unit, case.id, {"ended_at": datetime.fromisoformat(at)})
    # Who was late stays late: that a change is undone opens no case anew.
    was = [one for one in trail.clocks if one[0] == case.id] if kind in ENDED_KINDS else clock_of(case)
    for _, missed, paused, since in was:
        clock = {"missed": missed, "pauses": paused, "paused_at": datetime.fromisoformat(since) if since else None}
        targets.give_back(unit, desk, case.id, clock, by)


def both(unit: Unit, numbers: tuple[int, int]) -> tuple[Any, Any] | Refusal:
    """The rows of two different cases, not locked."""
    found = [case_changes.by_number(unit, number) for number in numbers]
    for number, case in zip(numbers, found, strict=True):
        if case is None:
            return Refusal(f"no case {number}: see casegate case list", is_absent=True)
    if numbers[0] == numbers[1]:
        return Refusal(f"that is case {numbers[0]} twice")
    return found[0], found[1]


def stands_alone(unit: Unit, case: Any) -> Refusal | None:
    """Whether a case takes part in changes; one that was merged leads elsewhere."""
    if case.merged_into_id is None:
        return None
    number = case_changes.number_of(unit, case_changes.survivor(unit, case.id))
    return Refusal(f"case {case.number} is merged into case {number}: name that one")


def different_contacts(one: Any, other: Any) -> str:
    """What to say before mail of two contacts comes together, or nothing."""
    if one.contact_id is not None and one.contact_id == other.contact_id:
        return ""
    if one.contact_address.lower() == other.contact_address.lower():
        return ""
    names = [case.contact_address or "nobody known" for case in (one, other)]
    return f"case {one.number} is {names[0]}'s and case {other.number} {names[1]}'s; --yes if that is meant"


def _urgency(case: Any) -> int:
    """0: the team is to act, 1: somebody else is, 2: it has ended."""
    if case.status_kind in ENDED_KINDS:
        return 2
    return 1 if case.status_kind in _WAITING else 0
