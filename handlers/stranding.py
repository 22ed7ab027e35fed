# SPDX-License-Identifier: Apache-2.0
"""What becomes of open cases when the desk loses their owner or their team: somebody has them again.

Enters: the desk as it is in force. Leaves: each case in its team's queue, where the next available agent gets it; of a
team that is gone, with its owner in a team of theirs, else in the fallback queue. Doing it twice is harmless.
"""

from collections import Counter
from typing import Any

from handlers import changing
from handlers.acting import By
from storage import cases, stranded
from storage.case_values import LIVE_KINDS
from storage.cases import FALLBACK_QUEUE
from storage.database import Unit
from storage.desk import Snapshot

AT_ONCE = 50  # cases in one transaction: mail that arrives goes between


def words(unit: Unit, desk: Snapshot) -> list[str]:
    """A line for each team of what is going to become of its cases."""
    went = Counter((row.team, _where(desk, row)) for row in stranded.found(unit))
    return [f"team {team}: {_cases(number)} {where}" for (team, where), number in sorted(went.items())]


def free_some(unit: Unit, desk: Snapshot, by: By) -> bool:
    """Give away some of them; False where there were none."""
    rows = stranded.found(unit, AT_ONCE)
    for row in rows:
        case = cases.lock(unit, row.id)
        if case is not None:
            free(unit, desk, case, by)
    return bool(rows)


def free(unit: Unit, desk: Snapshot, case: Any, by: By) -> Any:
    """The case, given away if nobody has it any more."""
    return changing.change(unit, desk, case, _wanted(desk, case), by) if _is_stranded(desk, case) else case


def _is_stranded(desk: Snapshot, case: Any) -> bool:
    if case.status_kind not in LIVE_KINDS:
        return False
    if case.owner_id is None:
        return case.team_id not in desk.teams and case.queue not in (None, FALLBACK_QUEUE)
    owner = desk.agent_by_id(case.owner_id)
    return owner is None or case.team_id not in owner.team_ids


def _wanted(desk: Snapshot, case: Any) -> dict[str, object]:
    """An owner who is there keeps a case whose team is gone; a team that is there keeps a case whose owner is gone."""
    team, owner = desk.teams.get(case.team_id), desk.agent_by_id(case.owner_id)
    if team is None and owner is not None and owner.team_ids:
        return {"team_id": desk.first_team_of(owner)}
    return {"owner_id": None, "queue": team.value.name if team is not None else FALLBACK_QUEUE}


def _where(desk: Snapshot, row: Any) -> str:
    wanted = _wanted(desk, row)
    if "team_id" in wanted:
        return f"with their owners in team {desk.teams[int(str(wanted['team_id']))].value.name}"
    return f"of nobody now, in queue {wanted['queue']}"


def _cases(number: int) -> str:
    return "1 open case" if number == 1 else f"{number} open cases"
