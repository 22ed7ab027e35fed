# SPDX-License-Identifier: Apache-2.0
"""Cases whose time has come: a target that was missed, or solved for so long that they are closed. Only reads."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

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
