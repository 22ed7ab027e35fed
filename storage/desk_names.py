# SPDX-License-Identifier: Apache-2.0
"""Names of the desk by their row ids, those too that the desk file names no more: cases and timelines keep them."""

from sqlalchemy import select

from storage.database import Unit
from storage.schema_desk import agent, team


def login_of(unit: Unit, agent_id: int | None) -> str | None:
    """An agent's login."""
    return unit.execute(select(agent.c.login).where(agent.c.id == agent_id)).scalar() if agent_id is not None else None


def team_of(unit: Unit, team_id: int | None) -> str | None:
    """A team's name."""
    return unit.execute(select(team.c.name).where(team.c.id == team_id)).scalar() if team_id is not None else None
