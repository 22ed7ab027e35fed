# SPDX-License-Identifier: Apache-2.0
"""The one way to change what a case holds: the row, the timeline with before and after, and all that hangs on it.

Enters: the case as it was read under lock, and the values that it shall have. Leaves: the case as it is now. Mail,
jobs, replies and the command line all come here. Doing it twice changes nothing the second time.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from handlers import targets, telling
from handlers.acting import By
from storage import cases
from storage.case_values import ENDED_KINDS
from storage.cases import Event
from storage.database import Unit
from storage.desk import Snapshot

Follow = Callable[[Unit, Snapshot, Any, Any, By], None]  # desk, the case before and after

# What every change may bring with it, in this order.
FOLLOWS: tuple[Follow, ...] = (targets.follow, telling.follow)

# Columns that the timeline tells under a name of their own, and those that others tell of.
_EVENTS = {"owner_id": "assigned", "queue": "queued", "team_id": "team", "contact_id": "contact"}
_SILENT = frozenset({"status_kind", "status_at", "ended_at", "outcome_note", "contact_name", "contact_address"}) | {
    "responded_at",
    "response_due_at",
    "resolution_due_at",
    "paused_at",
    "due_at",
}


def change(unit: Unit, desk: Snapshot, case: Any, wanted: Mapping[str, object], by: By) -> Any:
    """Write what differs, tell the timeline, and let follow what hangs on it."""
    differing = {name: value for name, value in wanted.items() if getattr(case, name) != value}
    if not differing:
        return case
    if "status" in differing:
        differing |= _with_status(desk, case, str(differing["status"]), by.now)
    cases.write(unit, case.id, differing)
    after = cases.lock(unit, case.id)
    for name in _told(differing):
        cases.add_event(unit, case.id, _event(desk, case, after, name, by), by.now)
    for follow in FOLLOWS:
        follow(unit, desk, case, after, by)
    return after


def _with_status(desk: Snapshot, case: Any, status: str, now: datetime) -> dict[str, object]:
    kind = desk.sections.kind_of(status) or case.status_kind
    ended_at = (case.ended_at or now) if kind in ENDED_KINDS else None
    return {"status_kind": kind, "status_at": now, "ended_at": ended_at}


def _told(differing: Mapping[str, object]) -> list[str]:
    """A case that gets an owner leaves its queue, and one that is queued may lose its owner: one line for both."""
    told = [name for name in differing if name not in _SILENT]
    if differing.get("owner_id") is not None and differing.get("queue", "") is None:
        told.remove("queue")
    if differing.get("queue") is not None and differing.get("owner_id", 0) is None:
        told.remove("owner_id")
    return told


def _event(desk: Snapshot, before: Any, after: Any, name: str, by: By) -> Event:
    old, new = _shown(desk, name, getattr(before, name)), _shown(desk, name, getattr(after, name))
    told: dict[str, object] = {"before": old, "after": new}
    if name in _ALSO:
        told[_ALSO[name]] = new
    if name == "outcome":
        told["note"] = after.outcome_note
    if by.because:
        told["reason"] = by.because
    return Event(by.actor, _EVENTS.get(name, name), told)


_ALSO = {"owner_id": "agent", "queue": "queue"}


def _shown(desk: Snapshot, name: str, value: Any) -> object:
    """What people read: logins and names in place of database ids, times as text."""
    if name == "owner_id":
        owner = desk.agent_by_id(value)
        return owner.value.login if owner is not None else None
    if name == "team_id":
        team = desk.teams.get(value)
        return team.value.name if team is not None else None
    return value.isoformat() if isinstance(value, datetime) else value
