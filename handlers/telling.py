# SPDX-License-Identifier: Apache-2.0
"""Who is told of a change of a case, by the desk's rules ([[tell]]): members by their role, and agents by name.

Enters: a case before and after. Leaves: a note for each agent, in the same unit of work; the sweep makes a mail of it
(handlers/telling_mail.py). Nobody is told of what they did themselves, and of one change once.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from handlers.acting import By
from storage import members
from storage.case_values import HAPPENINGS, TELLING_FIELDS, WATCHED, Telling
from storage.database import Unit
from storage.desk import Snapshot

Change = dict[str, object]


def follow(unit: Unit, desk: Snapshot, before: Any, after: Any, by: By) -> None:
    """Note for each agent whom a rule names what they are to be told."""
    _note(unit, desk, after, lambda telling: _change(desk, telling, before, after), by)


def begun(unit: Unit, desk: Snapshot, case: Any, by: By) -> None:
    """The same of a new case: it becomes all that it begins with."""
    _note(unit, desk, case, lambda telling: _change(desk, telling, None, case), by)


def watched(unit: Unit, desk: Snapshot, case: Any, team: str, by: By) -> None:
    """The same of a case that this team begins to watch."""
    happened(unit, desk, case, (WATCHED, team, team), by)


def happened(unit: Unit, desk: Snapshot, case: Any, what: tuple[str, str, str], by: By) -> None:
    """The same of what is no value of the case: (field, what a rule may say that it becomes, what is told)."""
    field, becomes, shown = what
    change: Change = {"field": field, "before": "", "after": shown}
    _note(unit, desk, case, lambda one: change if one.field == field and one.becomes in ("", becomes) else None, by)


def _note(unit: Unit, desk: Snapshot, case: Any, news: Callable[[Telling], Change | None], by: By) -> None:
    told: dict[int, list[Change]] = {}
    roles: dict[int, str] | None = None
    for telling in dict.fromkeys(desk.sections.tellings):
        change = news(telling)
        if change is None:
            continue
        if roles is None:
            roles = members.roles(unit, case.id)
        for agent_id in _whom(desk, telling, roles, by):
            changes = told.setdefault(agent_id, [])
            if change not in changes:
                changes.append(change)
    for agent_id, changes in told.items():
        detail: dict[str, object] = {"actor": by.actor, "reason": by.because, "changes": changes}
        members.notify(unit, case.id, agent_id, detail, by.now)


def _change(desk: Snapshot, telling: Telling, before: Any, after: Any) -> Change | None:
    """What this rule has to tell; a new case is told of only by a rule that says what it waits for."""
    old, new = (_value(desk, one, telling.field) if one is not None else "" for one in (before, after))
    if old == new or (before is None and not telling.becomes) or (telling.field == "missed" and not new):
        return None
    if telling.becomes and telling.becomes != new and not _becomes_kind(telling, before, after):
        return None
    return {"field": telling.field, "before": old, "after": new}


def _becomes_kind(telling: Telling, before: Any, after: Any) -> bool:
    """A desk's own status counts as what it is."""
    is_new = before is None or before.status_kind != after.status_kind
    return telling.field == "status" and is_new and telling.becomes == after.status_kind


def _whom(desk: Snapshot, telling: Telling, roles: dict[int, str], by: By) -> Iterator[int]:
    for row in desk.agents.values():
        is_named = row.value.login in telling.agents or roles.get(row.id) in telling.roles
        if is_named and by.actor != f"agent:{row.value.login}":
            yield row.id


def _value(desk: Snapshot, case: Any, field: str) -> str:
    """A value as people read it; nothing is an empty text."""
    if field == "owner":
        owner = desk.agent_by_id(case.owner_id)
        return owner.value.login if owner is not None else ""
    if field == "team":
        team = desk.teams.get(case.team_id)
        return team.value.name if team is not None else ""
    if field in HAPPENINGS:
        return ""  # told where it happens
    if field in TELLING_FIELDS:
        return str(getattr(case, field) or "")
    return str(json.loads(case.fields).get(field, ""))
