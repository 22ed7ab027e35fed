# SPDX-License-Identifier: Apache-2.0
"""Cases whose time has come: a target that was missed, or solved for so long that they are closed.

When the desk says otherwise what is due when, the time of every open case has come: the sweep looks at each.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from storage.case_values import LIVE_KINDS
from storage.database import Unit
from storage.schema_cases import case


def alarming(unit: Unit, now: datetime, limit: int) -> Sequence[int]:
    """Cases with a target that has passed and is not yet told, the longest first."""
    asked = select(case.c.id).where(case.c.alarm_at <= now).order_by(case.c.alarm_at).limit(limit)
    return unit.execute(asked).scalars().all()


def solved_before(unit: Unit, instant: datetime, limit: int) -> Sequence[int]:
    """Cases that have been solved since before then, the longest first."""
    asked = select(case.c.id).where(case.c.status_kind == "solved", case.c.status_at <= instant)
    return unit.execute(asked.order_by(case.c.status_at).limit(limit)).scalars().all()


def look_at_all(unit: Unit, now: datetime) -> None:
    """Every case that has not ended; locked in the order in which others lock cases."""
    live = select(case.c.id).where(case.c.status_kind.in_(LIVE_KINDS)).order_by(case.c.id)
    unit.execute(update(case).where(case.c.id.in_(live.with_for_update(key_share=True))).values(alarm_at=now))
