# SPDX-License-Identifier: Apache-2.0
"""What a case was late with stays told when a change is undone: nobody opened it anew."""

from dataclasses import replace

import pytest

from handlers import ageing, changing
from storage import case_changes
from storage.case_values import Sections, Target
from storage.states import Move
from tests.handlers.changes.hands import DORA, Hands
from tests.support.office import CARL, DESK

HOUR = 3600


@pytest.fixture(autouse=True)
def late(hands: Hands) -> None:
    """Case 1 is Carl's, case 2 Dora's, both late with their resolution."""
    hands.apply(replace(DESK, sections=Sections(targets=(Target("usual", HOUR, 2 * HOUR),))))
    hands.write(CARL)
    hands.write(DORA)
    hands.clock.advance(3 * HOUR)
    for number in (1, 2):
        look(hands, number)


def look(hands: Hands, number: int) -> bool:
    """What the sweep does for a case whose target may have passed."""
    with hands.database.move(Move.AGE) as unit:
        return ageing.age(unit, hands.office.desk, case_changes.by_number(unit, number).id, hands.now)


def set_status(hands: Hands, number: int, status: str) -> None:
    with hands.database.move(Move.EDIT) as unit:
        changing.change(unit, hands.office.desk, case_changes.by_number(unit, number), {"status": status}, hands.by)


def clock(hands: Hands, number: int) -> tuple[object, ...]:
    row = hands.case(number).row
    return row.status, row.missed, row.response_due_at, row.resolution_due_at


def misses(hands: Hands, number: int) -> list[object]:
    return [detail["after"] for _, detail in hands.told(number, "missed")]


def test_a_late_case_that_was_merged_is_late_as_before(hands: Hands):
    before, told = (clock(hands, 2), hands.case(2).row.due_at), misses(hands, 2)
    assert before[0][:2] == ("new", "resolution")
    hands.merge(2, 1, is_sure=True)
    hands.clock.advance(HOUR)
    hands.undo(1)
    assert (clock(hands, 2), hands.case(2).row.due_at) == before
    look(hands, 2)
    assert misses(hands, 2) == told


# How long the merge stands: the case is late in its new time, too, or is not.
@pytest.mark.parametrize("when", [0, 5 * HOUR])
def test_a_late_case_that_a_merge_opened_has_ended_late_as_before(hands: Hands, when: int):
    set_status(hands, 1, "solved")
    before = clock(hands, 1)
    assert before[:2] == ("solved", "resolution")
    hands.clock.advance(HOUR)
    hands.merge(2, 1, is_sure=True)
    assert clock(hands, 1)[:2] == ("open", "")
    hands.clock.advance(when)
    look(hands, 1)
    hands.undo(1)
    assert clock(hands, 1) == before
    set_status(hands, 1, "open")
    assert clock(hands, 1)[1] == ""
