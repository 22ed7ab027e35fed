# SPDX-License-Identifier: Apache-2.0
"""The case team: agents with a role that the desk names; and what they are to be told, until it is on its way.

What a role allows is the desk's word of today: a role that it names no more allows nothing.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from storage.database import Unit
from storage.messages import to_json
from storage.schema_cases import case_member, case_notice
from storage.schema_desk import agent


def roles(unit: Unit, case_id: int) -> dict[int, str]:
    """The role of each member, by agent."""
    rows = unit.execute(select(case_member.c.agent_id, case_member.c.role).where(case_member.c.case_id == case_id))
    return {row.agent_id: row.role for row in rows}


def by_login(unit: Unit, case_id: int) -> dict[str, Any]:
    """(agent_id, role) of each member by login, of agents who have left too."""
    rows = unit.execute(
        select(agent.c.login, case_member.c.agent_id, case_member.c.role)
        .join(agent, agent.c.id == case_member.c.agent_id)
        .where(case_member.c.case_id == case_id)
    )
    return {str(row.login): row for row in rows}


def put(unit: Unit, case_id: int, agent_id: int, role: str) -> None:
    """Make an agent a member in this role, whatever they were before."""
    here = (case_member.c.case_id == case_id, case_member.c.agent_id == agent_id)
    if unit.execute(update(case_member).where(*here).values(role=role)).rowcount == 0:
        unit.execute(insert(case_member), {"case_id": case_id, "agent_id": agent_id, "role": role})


def remove(unit: Unit, case_id: int, agent_id: int) -> None:
    """An agent is a member no more."""
    unit.execute(delete(case_member).where(case_member.c.case_id == case_id, case_member.c.agent_id == agent_id))


def notify(unit: Unit, case_id: int, agent_id: int, detail: dict[str, object], now: datetime) -> None:
    """Note what an agent is to be told."""
    row = {"case_id": case_id, "agent_id": agent_id, "detail": to_json(detail), "created_at": now}
    unit.execute(insert(case_notice), row)


def notices(unit: Unit, limit: int) -> list[int]:
    """What waits to be told, oldest first."""
    return list(unit.execute(select(case_notice.c.id).order_by(case_notice.c.id).limit(limit)).scalars())


def take_notice(unit: Unit, notice_id: int) -> Row[Any] | None:
    """One of them, taken out for good; None where another worker has it."""
    locked = select(case_notice).where(case_notice.c.id == notice_id).with_for_update(skip_locked=True)
    row = unit.execute(locked).first()
    if row is not None:
        unit.execute(delete(case_notice).where(case_notice.c.id == notice_id))
    return row
