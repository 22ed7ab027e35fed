# SPDX-License-Identifier: Apache-2.0
"""Business time: how many working seconds lie between two instants, and when so many of them have passed.

Enters: a Calendar of the desk, aware instants. Leaves: seconds, or an instant in UTC. Hours are those of the calendar's
wall clock, so a day on which it is put forward or back is as long as it is. Bounded: MOST_DAYS are looked at.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from storage.case_values import Calendar

MOST_DAYS = 4000  # some eleven years: a target that is not reached by then is none
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\w{3})(?:-(\w{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)")

Span = tuple[int, int]  # minutes of a day


@dataclass(frozen=True, slots=True)
class _Week:
    """The spans of each day of the week, in order and apart from each other."""

    zone: ZoneInfo
    days: tuple[tuple[Span, ...], ...]
    holidays: frozenset[date]


def after(start: datetime, seconds: float, calendar: Calendar | None) -> datetime | None:
    """The instant at which so many working seconds have passed; None where that is out of reach."""
    if calendar is None:
        return start + timedelta(seconds=seconds)
    left = timedelta(seconds=seconds)
    for begin, end in _spans(start, calendar):
        if end - begin >= left:
            return begin + left
        left -= end - begin
    return None


def between(start: datetime, end: datetime, calendar: Calendar | None) -> float:
    """The working seconds from start to end."""
    if end <= start:
        return 0
    if calendar is None:
        return (end - start).total_seconds()
    passed = timedelta(0)
    for opens, closes in _spans(start, calendar):
        if opens >= end:
            break
        passed += min(closes, end) - opens
    return passed.total_seconds()


def _spans(start: datetime, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    """The working spans from start on, in UTC."""
    week = _week(calendar.zone, calendar.hours, calendar.holidays)
    day = start.astimezone(week.zone).date()
    for _ in range(MOST_DAYS):
        if day not in week.holidays:
            for opens, closes in week.days[day.weekday()]:
                begin, end = max(_at(day, opens, week.zone), start), _at(day, closes, week.zone)
                if begin < end:
                    yield begin, end
        day += timedelta(days=1)


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """A minute of a day's wall clock; 24:00 is the next midnight."""
    day += timedelta(days=minutes // 1440)
    hour, minute = divmod(minutes % 1440, 60)
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


@lru_cache(maxsize=64)
def _week(zone: str, hours: Sequence[str], holidays: Sequence[str]) -> _Week:
    days: list[list[Span]] = [[] for _ in _DAYS]
    for said in hours:
        found = _HOURS.fullmatch(said)
        if found is not None:
            for number in _numbers(found[1], found[2] or found[1]):
                days[number].append((int(found[3]) * 60 + int(found[4]), int(found[5]) * 60 + int(found[6])))
    merged = tuple(_merged(sorted(spans)) for spans in days)
    return _Week(ZoneInfo(zone), merged, frozenset(map(date.fromisoformat, holidays)))


def _numbers(first: str, last: str) -> list[int]:
    """The days from one to another, over the end of the week too ("sat-mon")."""
    begin, end = _DAYS.index(first), _DAYS.index(last)
    return [number % 7 for number in range(begin, end + 1 if end >= begin else end + 8)]


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Hours that overlap count once; those that end before they begin, not at all."""
    merged: list[Span] = []
    for opens, closes in spans:
        if merged and opens <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], closes))
        elif closes > opens:
            merged.append((opens, closes))
    return tuple(merged)
