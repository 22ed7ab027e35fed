# SPDX-License-Identifier: Apache-2.0
"""Business time over nights, weekends, holidays and the days on which clocks are changed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.business_time import after, between
from storage.case_values import Calendar

OFFICE = Calendar("office", "Europe/Berlin", ("mon-fri 09:00-17:00",), ("2026-12-25",))
SHIFTS = Calendar("shifts", "UTC", ("mon-fri 08:00-12:00", "mon-fri 13:00-17:00", "sat 10:00-12:00"))
NIGHT = Calendar("night", "Europe/Berlin", ("sat-sun 00:00-24:00",))
NEVER = Calendar("never", "UTC", ())
HOUR = 3600


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Why, the calendar, start and end in UTC, and the working hours that lie between.
SPANS = [
    ("within a day", OFFICE, "2026-11-23 09:00", "2026-11-23 11:30", 2.5),
    ("before work and after it", OFFICE, "2026-11-23 05:00", "2026-11-23 20:00", 8),
    ("over a night", OFFICE, "2026-11-23 15:00", "2026-11-24 09:00", 2),
    ("over a weekend", OFFICE, "2026-11-20 15:00", "2026-11-23 09:00", 2),
    ("over a holiday", OFFICE, "2026-12-24 15:00", "2026-12-28 09:00", 2),
    ("nothing on a Sunday", OFFICE, "2026-11-22 00:00", "2026-11-22 23:00", 0),
    ("a break at noon does not count", SHIFTS, "2026-11-23 11:00", "2026-11-23 14:00", 2),
    ("half a Saturday", SHIFTS, "2026-11-21 00:00", "2026-11-22 00:00", 2),
    ("the Sunday on which clocks are put back has 25 hours", NIGHT, "2026-10-24 22:00", "2026-10-25 23:00", 25),
    ("and that on which they are put forward 23", NIGHT, "2026-03-28 23:00", "2026-03-29 22:00", 23),
    ("around the clock", None, "2026-11-21 00:00", "2026-11-22 00:00", 24),
]


@pytest.mark.parametrize(("why", "calendar", "start", "end", "hours"), SPANS)
def test_working_time_between_two_instants(why, calendar, start, end, hours):
    assert between(at(start), at(end), calendar) == hours * HOUR


# Why, the calendar, start in UTC, hours, and the end in UTC.
ENDS = [
    ("the same day", OFFICE, "2026-11-23 09:00", 4, "2026-11-23 13:00"),
    ("to the very end of the day", OFFICE, "2026-11-23 08:00", 8, "2026-11-23 16:00"),
    ("into Monday", OFFICE, "2026-11-20 15:00", 2, "2026-11-23 09:00"),
    ("from a Sunday", OFFICE, "2026-11-22 12:00", 1, "2026-11-23 09:00"),
    ("summer time is an hour earlier in UTC", OFFICE, "2026-07-05 12:00", 1, "2026-07-06 08:00"),
    ("around the clock", None, "2026-11-20 15:00", 48, "2026-11-22 15:00"),
]


@pytest.mark.parametrize(("why", "calendar", "start", "hours", "end"), ENDS)
def test_the_instant_after_so_much_working_time(why, calendar, start, hours, end):
    assert after(at(start), hours * HOUR, calendar) == at(end)


def test_what_is_never_reached_has_no_instant():
    assert after(at("2026-11-23 09:00"), HOUR, NEVER) is None


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 60 * 24 * 400), st.integers(1, 200 * HOUR), st.sampled_from([OFFICE, SHIFTS, NIGHT, None]))
def test_what_lies_between_a_start_and_its_end_is_what_was_asked_for(minutes, seconds, calendar):
    start = at("2026-01-01 00:00") + timedelta(minutes=minutes)
    end = after(start, seconds, calendar)
    assert end is not None
    assert between(start, end, calendar) == seconds
