# SPDX-License-Identifier: Apache-2.0
"""The one way to change what a case holds: the row, the timeline with before and after, and all that hangs on it.

Enters: the case as it was read under lock, and the values that it shall have. Leaves: the case as it is now. Mail,
jobs, replies and the command line all come here. Doing it twice changes nothing the second time.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers import targets, telling
from handlers.acting import By
from storage import cases, desk_names
from storage.case_values import ENDED_KINDS
from storage.cases import Event
from storage.database import Unit
from storage.desk import Snapshot

# Columns that the timeline tells under a name of their own, and those that others tell of.
_EVENTS = {
    "fields": "field",
    "owner_id": "assigned",
    "queue": "queued",
    "team_id": "team",
    "contact_address": "contact",
    "contact_name": "contact",
}
_SILENT = frozenset({"status_kind", "status_at", "ended_at", "contact_id", "copies_due_at"}) | {
    "responded_at",
    "response_due_at",
    "resolution_due_at",
    "paused_at",
    "due_at",
    "pauses",
    "alarm_at",
    "target",
}
_TOLD_WITH = {"contact_name": "contact_address", "outcome_note": "outcome"}


@dataclass(frozen=True, slots=True)
class _Names:
    """What people call an agent and a team; of whom the desk has no more, the store knows."""

    unit: Unit
    desk: Snapshot

    def login(self, agent_id: int | None) -> str | None:
        row = self.desk.agent_by_id(agent_id)
        return row.value.login if row is not None else desk_names.login_of(self.unit, agent_id)

    def team(self, team_id: int | None) -> str | None:
        row = self.desk.teams.get(team_id or 0)
        return row.value.name if row is not None else desk_names.team_of(self.unit, team_id)


def change(unit: Unit, desk: Snapshot, case: Any, wanted: Mapping[str, object], by: By) -> Any:
    """Write what differs, tell the timeline, and let follow what hangs on it."""
    differing = {name: value for name, value in wanted.items() if getattr(case, name) != value}
    if not differing:
        return case
    if "status" in differing:
        differing |= _with_status(desk, case, differing, by.now)
    cases.write(unit, case.id, differing)
    if "tags" in differing:
        cases.write_tags(unit, case.id, json.loads(str(differing["tags"])))
    after = cases.lock(unit, case.id)
    for name in _told(differing):
        for event in _events(_Names(unit, desk), case, after, name, by):
            cases.add_event(unit, case.id, event, by.now)
    return follow(unit, desk, case, after, by)


def follow(unit: Unit, desk: Snapshot, before: Any, after: Any, by: By) -> Any:
    """What every change may bring with it: other targets, and notes of all that differs. The case as it is then."""
    after = targets.follow(unit, desk, before, after, by)
    telling.follow(unit, desk, before, after, by)
    return after


def _with_status(desk: Snapshot, case: Any, differing: Mapping[str, object], now: datetime) -> dict[str, object]:
    """A status brings its kind; how a case ended is no longer true once it has not."""
    kind = desk.sections.kind_of(str(differing["status"])) or case.status_kind
    if kind in ENDED_KINDS:
        return {"status_kind": kind, "status_at": now, "ended_at": case.ended_at or now}
    voided = {name: "" for name in ("outcome", "outcome_note") if getattr(case, name)}
    return {**voided, "status_kind": kind, "status_at": now, "ended_at": None, **_own(differing)}


def _own(differing: Mapping[str, object]) -> dict[str, object]:
    """What the change itself says of the outcome."""
    return {name: differing[name] for name in ("outcome", "outcome_note") if name in differing}


def _told(differing: Mapping[str, object]) -> list[str]:
    """One line for two columns that change together, such as owner and queue: who has an owner waits for none."""
    told = [name for name in differing if name not in _SILENT]
    for name, other in _TOLD_WITH.items():
        if name in told and other in told:
            told.remove(name)
    if differing.get("owner_id") is not None and differing.get("queue", "") is None:
        told.remove("queue")
    if differing.get("queue") is not None and differing.get("owner_id", 0) is None:
        told.remove("owner_id")
    return told


def _events(names: _Names, before: Any, after: Any, name: str, by: By) -> list[Event]:
    told = _DIFFERENCES.get(name, _one_difference)(names, before, after, name)
    because: dict[str, object] = {"reason": by.because} if by.because else {}
    return [Event(by.actor, _EVENTS.get(name, name), one | because) for one in told]


def _one_difference(names: _Names, before: Any, after: Any, name: str) -> list[dict[str, object]]:
    old, new = _shown(names, name, before), _shown(names, name, after)
    told: dict[str, object] = {"before": old, "after": new}
    if name in _ALSO:
        told[_ALSO[name]] = new
    if name == "outcome":
        told["note"] = after.outcome_note
    if name == "queue" and after.owner_id is None and before.owner_id is not None:
        told["owner"] = _shown(names, "owner_id", before)  # who gave way to the queue
    return [told]


def _of_tags(_known: _Names, before: Any, after: Any, _name: str) -> list[dict[str, object]]:
    old, new = json.loads(before.tags), json.loads(after.tags)
    added, removed = [one for one in new if one not in old], [one for one in old if one not in new]
    return [{"before": old, "after": new, "added": added, "removed": removed}]


def _of_fields(_known: _Names, before: Any, after: Any, _name: str) -> list[dict[str, object]]:
    old, new = json.loads(before.fields), json.loads(after.fields)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [{"field": name, "before": old.get(name), "after": new.get(name)} for name in names]


_ALSO = {"owner_id": "agent", "queue": "queue"}
_DIFFERENCES = {"tags": _of_tags, "fields": _of_fields}


def _shown(names: _Names, name: str, case: Any) -> object:
    """What people read: logins and names in place of database ids, of whom the desk has no more too; times as text."""
    value = getattr(case, name)
    if name == "owner_id":
        return names.login(value)
    if name == "team_id":
        return names.team(value)
    if name in ("contact_address", "contact_name"):
        return f"{case.contact_name} <{case.contact_address}>" if case.contact_name else case.contact_address
    return value.isoformat() if isinstance(value, datetime) else value
