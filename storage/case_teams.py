# SPDX-License-Identifier: Apache-2.0
"""One matter of several teams in the store: the teams that watch a case, and the cases that began with one mail."""

from typing import Any

from sqlalchemy import Row, bindparam, select

from storage.database import Unit
from storage.schema_cases import case, case_link, case_watcher
from storage.threads import Link
from storage.upsert import Upsert


def beside(unit: Unit, case_id: int, team_id: int) -> Row[Any] | None:
    """The newest case of this team that began with the same mail as this one."""
    return unit.execute(_BESIDE, {"c": case_id, "t": team_id}).first()


def watch(unit: Unit, case_id: int, team_id: int) -> bool:
    """Let a team watch another team's case; False where it does already."""
    return _WATCHER.write(unit, {"case_id": case_id, "team_id": team_id}).first() is not None


_WATCHER = Upsert(case_watcher, None, case_watcher.c.team_id)
_BESIDE = (
    select(case)
    .join(case_link, case_link.c.other_id == case.c.id)
    .where(case_link.c.case_id == bindparam("c"), case.c.team_id == bindparam("t"))
    .where(case_link.c.kind == Link.SAME_MAIL.value)
    .order_by(case.c.number.desc())
    .limit(1)
)
