# SPDX-License-Identifier: Apache-2.0
"""Whose a case is: an agent's, a team's, or nobody's while it waits in a work queue.

Enters: a case under lock and to whom it shall go. Leaves: the case as it is now, with a mark where its new owner is to
get copies of all mail so far (handlers/handing.py), or a Refusal before anything is written.
"""

from dataclasses import dataclass
from typing import Any

from handlers import changing
from handlers.acting import By
from handlers.case_edits import Columns, Refusal
from storage.cases import FALLBACK_QUEUE
from storage.database import Unit
from storage.desk import AgentRow, Snapshot, TeamRow


@dataclass(frozen=True, slots=True)
class Giving:
    """To an agent, to a team, into a work queue, or back to where it waits for somebody."""

    to: str | None = None
    team: str | None = None
    queue: str | None = None
    nobody: bool = False


def give(unit: Unit, desk: Snapshot, case: Any, wish: Giving, by: By) -> Any:
    """Change owner, team and queue as one."""
    wanted = _wanted(desk, case, wish)
    if isinstance(wanted, Refusal):
        return wanted
    if wanted["owner_id"] not in (None, case.owner_id):
        wanted["copies_due_at"] = by.now
    return changing.change(unit, desk, case, wanted, by)


def _wanted(desk: Snapshot, case: Any, wish: Giving) -> Columns | Refusal:
    if (wish.to is not None) + (wish.queue is not None) + wish.nobody > 1:
        return Refusal("one of --to, --queue and --nobody")
    if wish == Giving():
        return Refusal("to whom? --to, --team, --queue or --nobody")
    team = _named(desk, wish.team) if wish.team is not None else desk.teams.get(case.team_id)
    if isinstance(team, Refusal):
        return team
    if wish.to is not None:
        return _to_agent(desk, wish, team)
    if wish.queue is not None:
        return _to_queue(desk, case, wish, team)
    owner = desk.agent_by_id(case.owner_id)
    if not wish.nobody and owner is not None and team is not None and team.id in owner.team_ids:
        return {"team_id": team.id, "owner_id": owner.id, "queue": None}
    return _waiting(case, team, team.value.name if team is not None else FALLBACK_QUEUE)


def _to_agent(desk: Snapshot, wish: Giving, team: TeamRow | None) -> Columns | Refusal:
    """A case goes with its owner: into a team of theirs, if it is not in one."""
    agent = desk.agents.get(wish.to or "")
    if agent is None:
        return Refusal(f"no agent {wish.to!r}: see casegate agent list", is_absent=True)
    if team is not None and team.id in agent.team_ids:
        return {"team_id": team.id, "owner_id": agent.id, "queue": None}
    if wish.team is not None:
        return Refusal(f"agent {wish.to} is not of team {wish.team}, but of {_teams_of(agent) or 'none'}")
    if not agent.team_ids:
        return Refusal(f"agent {wish.to} is of no team")
    return {"team_id": desk.first_team_of(agent), "owner_id": agent.id, "queue": None}


def _to_queue(desk: Snapshot, case: Any, wish: Giving, team: TeamRow | None) -> Columns | Refusal:
    """The queue of a team is that team's; the fallback queue is everybody's."""
    if wish.queue == FALLBACK_QUEUE:
        return _waiting(case, team, FALLBACK_QUEUE)
    its = next((row for row in desk.teams.values() if row.value.name == wish.queue), None)
    if its is None:
        known = ", ".join([*(row.value.name for row in desk.teams.values()), FALLBACK_QUEUE])
        return Refusal(f"no work queue {wish.queue!r}; there are: {known}", is_absent=True)
    if wish.team not in (None, wish.queue):
        return Refusal(f"the work queue {wish.queue} is not of team {wish.team}")
    return _waiting(case, its, its.value.name)


def _waiting(case: Any, team: TeamRow | None, queue: str) -> Columns:
    return {"team_id": team.id if team is not None else case.team_id, "owner_id": None, "queue": queue}


def _named(desk: Snapshot, name: str) -> TeamRow | Refusal:
    found = next((row for row in desk.teams.values() if row.value.name == name), None)
    return found or Refusal(f"no team {name!r}: see casegate team list", is_absent=True)


def _teams_of(agent: AgentRow) -> str:
    return ", ".join(agent.value.teams)
