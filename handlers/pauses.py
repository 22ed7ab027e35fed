# SPDX-License-Identifier: Apache-2.0
"""When the targets of a case did not count: pairs of instants in a column of the case, oldest first and apart.

Enters: the column, a further pause. Leaves: the column, and when so much working time has passed beside them.
Bounded: of more than MOST the two oldest become one that is as long as both.
"""

import json
from datetime import datetime

from handlers import business_time
from storage.case_values import Calendar

MOST = 100
NONE = "[]"

Pause = tuple[datetime, datetime]


def with_one(column: str, begin: datetime, end: datetime) -> str:
    """The column with this pause behind the others."""
    if end <= begin:
        return column
    pauses = [*_read(column), (begin, end)]
    while len(pauses) > MOST:
        (first, _), (second_begin, second_end) = pauses[:2]
        pauses[:2] = [(first, pauses[0][1] + (second_end - second_begin))]
    return json.dumps([[one.isoformat() for one in pause] for pause in pauses])


def due(column: str, opening: datetime, seconds: float, calendar: Calendar | None) -> datetime | None:
    """When so many working seconds have passed outside of the pauses; None where that is out of reach."""
    since = opening
    for begin, end in _read(column):
        passed = business_time.between(since, begin, calendar)
        if seconds <= passed:
            break
        since, seconds = end, seconds - passed
    return business_time.after(since, seconds, calendar)


def _read(column: str) -> list[Pause]:
    return [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in json.loads(column)]
