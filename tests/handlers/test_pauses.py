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
    assert pauses.seconds(column, None) == 3 * 86400
    assert pauses.seconds(column, OFFICE) == 8 * 3600


def test_a_pause_that_takes_no_time_is_none():
    assert pauses.with_one(pauses.NONE, MONDAY, MONDAY) == pauses.NONE
    assert pauses.with_one(pauses.NONE, MONDAY, MONDAY - HOUR) == pauses.NONE


def test_many_pauses_stay_bounded_and_take_as_long():
    column, count = pauses.NONE, 3 * pauses.MOST
    for number in range(count):
        column = pauses.with_one(column, MONDAY + number * DAY, MONDAY + number * DAY + HOUR)
    kept = json.loads(column)
    assert (len(kept), pauses.seconds(column, None)) == (pauses.MOST, count * 3600)
    assert all(one[1] < other[0] for one, other in pairwise(kept))
