# SPDX-License-Identifier: Apache-2.0
"""The case team, changed by hand: one member, or all of a team that the desk has made ready.

Enters: a case under lock. Leaves: its members as they shall be and a line of the timeline for each that changed, or a
Refusal before anything is written.
"""

from typing import Any

from handlers import telling
from handlers.acting import By
from handlers.case_edits import Refusal
from storage import cases, members
from storage.case_values import MEMBER
from storage.cases import Event
from storage.database import Unit
from storage.desk import AgentRow, Snapshot


def add(unit: Unit, desk: Snapshot, case: Any, member: tuple[str, str], by: By) -> Refusal | None:
    """An agent is a member in this role from now on."""
    login, role = member
    agent = desk.agents.get(login)
    if agent is None:
        return Refusal(f"no agent {login!r}: see casegate agent list", is_absent=True)
    known = [one.name for one in desk.sections.roles]
    if role not in known:
        return Refusal(f"no role {role!r}; this desk has: {', '.join(known) or 'none'}")
    _put(unit, desk, case, (agent, role), by)
    return None


def add_team(unit: Unit, desk: Snapshot, case: Any, name: str, by: By) -> Refusal | None:
    """All of a team of the desk, each in their role; who is no agent any more is left out."""
    found = next((one for one in desk.sections.case_teams if one.name == name), None)
    if found is None:
        known = ", ".join(one.name for one in desk.sections.case_teams) or "none"
        return Refusal(f"no case team {name!r}; this desk has: {known}", is_absent=True)
    for member in found.members:
        login, _, role = member.partition(":")
        if login in desk.agents:
            _put(unit, desk, case, (desk.agents[login], role), by)
    return None


def remove(unit: Unit, case: Any, login: str, by: By) -> Refusal | None:
    """An agent, in force or not, is a member no more."""
    found = members.by_login(unit, case.id).get(login)
    if found is None:
        return Refusal(f"{login!r} is no member of this case", is_absent=True)
    members.remove(unit, case.id, found.agent_id)
    _tell(unit, case, (login, found.role, None), by)
    return None


def may_write(desk: Snapshot, agent: AgentRow, team_id: int, role: str | None) -> bool:
    """Whether an agent may answer in a case: their team's, or one in which they have a role with write access."""
    if team_id in agent.team_ids:
        return True
    return team_id in desk.teams and any(one.name == role and one.access == "write" for one in desk.sections.roles)


def _put(unit: Unit, desk: Snapshot, case: Any, member: tuple[AgentRow, str], by: By) -> None:
    agent, role = member
    before = members.roles(unit, case.id).get(agent.id)
    if before != role:
        members.put(unit, case.id, agent.id, role)
        _tell(unit, case, (agent.value.login, before, role), by)
        telling.happened(unit, desk, case, (MEMBER, role, f"{agent.value.login} as {role}"), by)


def _tell(unit: Unit, case: Any, change: tuple[str, str | None, str | None], by: By) -> None:
    login, before, after = change
    told: dict[str, object] = {"member": login, "before": before, "after": after}
    cases.add_event(unit, case.id, Event(by.actor, "member", told), by.now)
