# SPDX-License-Identifier: Apache-2.0
"""How soon a case is to be answered and resolved, in the business hours of the desk, paused while it waits for others.

Enters: a case that was opened, or has changed. Leaves: its due times. They are always counted from the case's opening:
the target's seconds and those it was paused. It counts while a case is new or open; what was missed stays told.
"""

from datetime import datetime
from typing import Any

from handlers import business_time
from handlers.acting import By
from storage import cases
from storage.case_values import ENDED_KINDS, Calendar, Target
from storage.database import Unit
from storage.desk import Snapshot

RUNNING_KINDS = ("new", "open")
FIRST_RESPONSE, RESOLUTION = "first_response", "resolution"


def begin(unit: Unit, desk: Snapshot, case: Any, now: datetime) -> None:
    """The targets of a case that has just been opened."""
    if desk.sections.targets:
        _write(unit, desk, case, _due(desk, case, 0))


def follow(unit: Unit, desk: Snapshot, before: Any, after: Any, by: By) -> None:
    """Pause, resume or end the targets of a case that has changed."""
    if not (desk.sections.targets or after.target):
        return
    paused_s, paused_at = int(after.paused_s), after.paused_at
    is_running = after.status_kind in RUNNING_KINDS
    if is_running and paused_at is not None:
        paused_s += business_time.between(paused_at, by.now, _calendar(desk, _target(desk, after)))
        paused_at = None
    elif not is_running and paused_at is None:
        paused_at = by.now
    wanted = {"paused_s": paused_s, "paused_at": paused_at}
    _write(unit, desk, after, {**wanted, **_due(desk, after, paused_s, is_paused=not is_running)})


def _due(desk: Snapshot, case: Any, paused_s: int, *, is_paused: bool = False) -> dict[str, object]:
    """When what is due: each target, and the next of those that are not yet met."""
    target = _target(desk, case)
    response = _at(desk, case, target, target.first_response if target else 0, paused_s)
    resolution = _at(desk, case, target, target.resolution if target else 0, paused_s)
    open_ones = [] if is_paused else [at for at in (_unmet(response, case.responded_at), resolution) if at is not None]
    return {
        "target": target.name if target else "",
        "response_due_at": response,
        "resolution_due_at": resolution,
        "due_at": min(open_ones, default=None),
    }


def _unmet(due_at: datetime | None, met_at: datetime | None) -> datetime | None:
    return due_at if met_at is None else None


def _at(desk: Snapshot, case: Any, target: Target | None, seconds: int, paused_s: int) -> datetime | None:
    if not seconds:
        return None
    return business_time.after(case.created_at, seconds + paused_s, _calendar(desk, target))


def _target(desk: Snapshot, case: Any) -> Target | None:
    """That of the routing address by its name, else the first that fits."""
    address = desk.addresses.get(case.routing_address.lower()) or desk.aliases.get(case.routing_address.lower())
    named = desk.handling_of(address.value if address is not None else None).target
    found = [one for one in desk.sections.targets if one.name == named] if named else []
    return next(iter(found or [one for one in desk.sections.targets if _fits(desk, one, case)]), None)


def _fits(desk: Snapshot, target: Target, case: Any) -> bool:
    """What a target names must hold; of several of a kind one is enough."""
    team = desk.teams.get(case.team_id)
    has = (
        (target.priorities, case.priority),
        (target.addresses, case.routing_address),
        (target.teams, team.value.name if team is not None else ""),
    )
    return all(value.lower() in (one.lower() for one in wanted) for wanted, value in has if wanted)


def _calendar(desk: Snapshot, target: Target | None) -> Calendar | None:
    if target is None or not target.calendar:
        return None
    return next((one for one in desk.sections.calendars if one.name == target.calendar), None)


def _write(unit: Unit, desk: Snapshot, case: Any, wanted: dict[str, object]) -> None:
    """What differs; what is due anew is told anew when it is missed."""
    differing = {name: value for name, value in wanted.items() if getattr(case, name) != value}
    if "due_at" in differing:
        differing["alarm_at"] = differing["due_at"]
    if differing:
        cases.write(unit, case.id, differing)


def missed(case: Any, now: datetime) -> str:
    """Which target of the case has passed, the later one where both have; empty: none, or it is met or paused."""
    if case.paused_at is not None or case.status_kind in ENDED_KINDS:
        return ""
    if case.resolution_due_at is not None and case.resolution_due_at <= now:
        return RESOLUTION
    is_late = case.responded_at is None and case.response_due_at is not None and case.response_due_at <= now
    return FIRST_RESPONSE if is_late else ""


def next_alarm(case: Any, now: datetime) -> datetime | None:
    """When the next target that is not yet missed will be."""
    later = [at for at in (_unmet(case.response_due_at, case.responded_at), case.resolution_due_at) if at is not None]
    return min((at for at in later if at > now), default=None)
