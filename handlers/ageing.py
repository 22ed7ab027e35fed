# SPDX-License-Identifier: Apache-2.0
"""What the clock does to cases: a target that passes is told as missed, a case that stays solved is closed.

Enters: a case that storage/ageing.py found. Leaves: its new state, with the targets that the desk has now; a case that
has changed meanwhile is left alone.
"""

from datetime import datetime, timedelta
from typing import Any

from handlers import changing, targets
from handlers.acting import casegate
from storage import cases
from storage.database import Unit
from storage.desk import Snapshot


def closing_before(desk: Snapshot, now: datetime) -> datetime | None:
    """Since when a case must be solved to be closed now; None: the desk closes none by itself."""
    days = desk.sections.cases.auto_close_days
    return now - timedelta(days=days) if days else None


def age(unit: Unit, desk: Snapshot, case_id: int, now: datetime) -> bool:
    """Do to one case what is due; returns whether anything was."""
    case = cases.lock(unit, case_id)
    if case is None:
        return False
    before = closing_before(desk, now)
    if before is not None and case.status_kind == "solved" and case.status_at is not None and case.status_at <= before:
        why = f"solved for {desk.sections.cases.auto_close_days} days (auto_close_days)"
        changing.change(unit, desk, case, {"status": "closed"}, casegate(now, why))
        return True
    return _alarm(unit, desk, case, now)


def _alarm(unit: Unit, desk: Snapshot, case: Any, now: datetime) -> bool:
    """Once for each target, of those that hold now; the case stays overdue."""
    if case.alarm_at is None or case.alarm_at > now:
        return False
    case = changing.follow(unit, desk, case, case, casegate(now))
    missed = targets.missed(case, now)
    wanted: dict[str, object] = {"alarm_at": targets.next_alarm(case, now)}
    changing.change(unit, desk, case, wanted | ({"missed": missed} if missed else {}), casegate(now))
    return True
