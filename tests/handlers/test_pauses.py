# SPDX-License-Identifier: Apache-2.0
"""Pauses of a case: kept as they were, counted in any calendar, bounded in number."""

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from handlers import pauses
from storage.case_values import Calendar

OFFICE = Calendar("office", "UTC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_the_same_pauses_take_other_time_in_another_calendar():
    column = pauses.with_one(pauses.NONE, MONDAY, MONDAY + DAY)
    column = pauses.with_one(column, MONDAY + 5 * DAY, MONDAY + 7 * DAY)
    assert pauses.due(column, MONDAY, 6 * 86400, None) == MONDAY + 9 * DAY
    assert pauses.due(column, MONDAY, 32 * 3600, OFFICE) == MONDAY + 4 * DAY + 8 * HOUR
    assert pauses.due(column, MONDAY, 33 * 3600, OFFICE) == MONDAY + 7 * DAY + HOUR


def test_what_was_due_before_a_pause_stays_due_then():
    column = pauses.with_one(pauses.NONE, MONDAY + 2 * HOUR, MONDAY + DAY)
    assert pauses.due(column, MONDAY, 7200, None) == MONDAY + 2 * HOUR
    assert pauses.due(column, MONDAY, 7201, None) == MONDAY + DAY + timedelta(seconds=1)


def test_a_case_of_twenty_years_ago_is_due_after_its_first_pause():
    column = pauses.with_one(pauses.NONE, MONDAY - 7000 * DAY, MONDAY)
    assert pauses.due(column, MONDAY - 7000 * DAY, 3600, OFFICE) == MONDAY + HOUR


def test_a_pause_that_takes_no_time_is_none():
    assert pauses.with_one(pauses.NONE, MONDAY, MONDAY) == pauses.NONE
    assert pauses.with_one(pauses.NONE, MONDAY, MONDAY - HOUR) == pauses.NONE


def test_many_pauses_stay_bounded_and_take_as_long():
    column, count = pauses.NONE, 3 * pauses.MOST
    for number in range(count):
        column = pauses.with_one(column, MONDAY + number * DAY, MONDAY + number * DAY + HOUR)
    kept = json.loads(column)
    running = count * 23 * 3600
    assert (len(kept), pauses.due(column, MONDAY, running, None)) == (pauses.MOST, MONDAY + count * DAY)
    assert all(one[1] < other[0] for one, other in pairwise(kept))
