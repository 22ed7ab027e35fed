# SPDX-License-Identifier: Apache-2.0
"""Cases that the desk has forgotten: whose owner may not answer them any more, or that wait for a team that is gone.

Also the one change of a desk that forgets nobody: a team under another name. Nothing here commits.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, or_, select, update

from storage.address import parse
from storage.case_values import LIVE_KINDS
from storage.cases import FALLBACK_QUEUE
from storage.database import Unit
from storage.desk_values import Team
from storage.schema_cases import case
from storage.schema_desk import agent, agent_team, team


def found(unit: Unit, limit: int | None = None) -> Sequence[Row[Any]]:
    """Cases that have not ended, in the order in which cases are locked, with the name of their team."""
    asked: Select[Any] = (
        select(case.c.id, case.c.team_id, case.c.owner_id, case.c.queue, team.c.name.label("team"))
        .join(team, team.c.id == case.c.team_id)
        .where(case.c.status_kind.in_(LIVE_KINDS), or_(_without_owner(), _without_team()))
        .order_by(case.c.id)
    )
    return unit.execute(asked.limit(limit)).all()


def _without_owner() -> ColumnElement[bool]:
    """Their agent is retired, or of their team no more, or that is retired."""
    of_team = (
        select(agent.c.id)
        .join(agent_team, agent_team.c.agent_id == agent.c.id)
        .where(agent.c.id == case.c.owner_id, agent_team.c.team_id == case.c.team_id, agent.c.active, team.c.active)
    )
    return case.c.owner_id.is_not(None) & ~of_team.correlate(case, team).exists()


def _without_team() -> ColumnElement[bool]:
    return case.c.queue.is_not(None) & (case.c.queue != FALLBACK_QUEUE) & ~team.c.active


def rename_teams(unit: Unit, teams: Sequence[Team]) -> list[str]:
    """A team of a new name with the sender of one that is named no more is that one, and keeps its cases."""
    rows = unit.execute(select(team)).all()
    named, known = {one.name for one in teams}, {row.name for row in rows}
    gone = [row for row in rows if row.active and row.name not in named]
    changes = []
    for row in gone:
        key = parse(row.sender).key
        new = [one for one in teams if one.name not in known and one.sender.key == key]
        if len(new) == 1 and sum(parse(one.sender).key == key for one in gone) == 1:
            _rename(unit, row, new[0].name)
            changes.append(f"team {row.name}: renamed {new[0].name}")
    return changes


def _rename(unit: Unit, row: Any, name: str) -> None:
    """The team, and the queue of its name; locked in the order in which others lock cases."""
    waiting = select(case.c.id).where(case.c.queue == row.name).order_by(case.c.id)
    unit.execute(update(case).where(case.c.id.in_(waiting.with_for_update(key_share=True))).values(queue=name))
    unit.execute(update(team).where(team.c.id == row.id).values(name=name))
