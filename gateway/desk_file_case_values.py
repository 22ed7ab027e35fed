# SPDX-License-Identifier: Apache-2.0
"""What a value of the desk file's sections about cases may be: each type reads one, and says what it expects."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway import units
from gateway.config_errors import Reads
from gateway.config_values import choice, whole
from storage.case_values import PRIORITIES, STATUS_KINDS, is_tag

MOST_DAYS = 3650
MOST_VALUES = 50
_PREFIX = re.compile(r"(?:[A-Za-z](?:[A-Za-z0-9._-]{0,14}[A-Za-z._-])?)?")  # no digit before the number
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DAYS = "mon|tue|wed|thu|fri|sat|sun"
_HOURS = re.compile(rf"(?:{_DAYS})(?:-(?:{_DAYS}))? ([01]\d|2[0-3]):[0-5]\d-(?:([01]\d|2[0-3]):[0-5]\d|24:00)")
_HOURS_EXPECTED = 'business hours that end after they begin, such as "mon-fri 09:00-17:30" or "sat 18:00-24:00"'
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_MEMBER = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}:[a-z0-9][a-z0-9._-]{0,63}")


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value) or not value.isprintable():
            raise ValueError("no match")
        return value

    return parse


def _hours(value: object) -> str:
    """Of one day; what goes on behind midnight is the next day's."""
    text = _matching(_HOURS)(value)
    begin, end = text.rsplit(" ", 1)[1].split("-")
    if end <= begin:
        raise ValueError("ends before it begins")
    return text


def _tag(value: object) -> str:
    if not isinstance(value, str) or not is_tag(value):
        raise ValueError("no tag")
    return value


def _zone(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError("no such zone") from None
    return value


def _date(value: object) -> str:
    """A date as TOML or as text has it."""
    return (value if type(value) is date else date.fromisoformat(str(value))).isoformat()


def _span(value: object) -> int:
    """Seconds."""
    found = units.parse_duration(value if isinstance(value, str) else "")
    if not timedelta(minutes=1) <= found <= timedelta(days=365):
        raise ValueError("out of range")
    return int(found.total_seconds())


def _values(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MOST_VALUES:
        raise ValueError("not a table")
    for name, one in value.items():
        if not _NAME.fullmatch(name) or isinstance(one, dict | list):
            raise ValueError("not a table of names and values")
    return {name: _plain(one) for name, one in value.items()}


def _one_value(value: object) -> str:
    if isinstance(value, dict | list):
        raise ValueError("no plain value")
    return _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


ThreadPolicy = Annotated[str, choice("strict", "standard", "open")]
ThreadBy = Annotated[str, choice("token", "contact")]
Topic = Annotated[str, choice("new_case", "stay")]
Several = Annotated[str, choice("one_case", "linked_cases")]
Priority = Annotated[str, choice(*PRIORITIES)]
StatusKind = Annotated[str, choice(*STATUS_KINDS[1:])]
FieldType = Annotated[str, choice("text", "number", "date", "choice", "yes_no")]
Access = Annotated[str, choice("read", "write")]
Days = Annotated[int, whole(0, MOST_DAYS)]
CaseCount = Annotated[int, whole(1, 2**53)]
Prefix = Annotated[
    str, Reads(_matching(_PREFIX), 'up to 16 characters, a letter first and no digit last, such as "FS-"')
]
Tag = Annotated[str, Reads(_tag, 'a tag of 1 to 64 characters without spaces and commas, such as "billing"')]
Zone = Annotated[str, Reads(_zone, 'a time zone such as "Europe/Berlin"')]
Hours = Annotated[str, Reads(_hours, _HOURS_EXPECTED)]
Holiday = Annotated[str, Reads(_date, 'a date such as "2026-12-25"')]
Span = Annotated[int, Reads(_span, 'a duration from 1m to 365d such as "4h"')]
Domain = Annotated[str, Reads(_matching(_DOMAIN), 'a mail domain in lower case such as "customer.example"')]
Member = Annotated[str, Reads(_matching(_MEMBER), 'a login and a role such as "ann:manager"')]
Plain = Annotated[str, Reads(_one_value, 'a value such as "press", 12, 2026-12-25 or true')]
Values = Annotated[dict[str, str], Reads(_values, 'a table of names and values such as { product = "press" }')]
