# SPDX-License-Identifier: Apache-2.0
"""How soon a case is to be answered and resolved, in the business hours of the desk, paused while it waits for others.

Enters: a case that was opened, or has changed. Leaves: its due times. They are always counted from the case's opening:
the target's seconds beside its pauses, in the calendar of the target that holds now. Time counts while a
target holds for the case and it is new or open; what was missed stays told. A late case that ended and is opened again
has all its time anew.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from handlers import pauses
from handlers.acting import By
from storage import cases
from storage.case_values import ENDED_KINDS, FIRST_RESPONSE, RESOLUTION, Calendar, Target
from storage.cases import Event
from storage.database import Unit
from storage.desk import Snapshot

RUNNING_KINDS = ("new", "open")


def begin(unit: Unit, desk: Snapshot, case: Any, now: datetime) -> Any:
    """The targets of a case that has just been opened; the case with them."""
    return _write(unit, case, _due(desk, case, pauses.NONE), now) if desk.sections.targets else case


def follow(unit: Unit, desk: Snapshot, before: Any, after: Any, by: By) -> Any:
    """Pause, resume, change or end the targets of a case that has changed; the case with them."""
    if after.missed and before.status_kind in ENDED_KINDS and after.status_kind not in ENDED_KINDS:
        after = _anew(unit, after)
    target = _target(desk, after)
    if target is None and not after.target:
        return after
    is_counted = target is not None and after.status_kind in RUNNING_KINDS
    wanted = _paused(after, by.now, is_counted=is_counted)
    case = _write(unit, after, wanted | _due(desk, after, str(wanted["pauses"]), is_paused=not is_counted), by.now)
    if case.target != after.target:
        told: dict[str, object] = {"before": after.target, "after": case.target}
        because: dict[str, object] = {"reason": by.because} if by.because else {}
        cases.add_event(unit, case.id, Event(by.actor, "target", told | because), by.now)
    return case


def give_back(unit: Unit, desk: Snapshot, case_id: int, clock: Mapping[str, object], by: By) -> None:
    """What a case had missed and how it was paused, and by them when it is due."""
    cases.write(unit, case_id, dict(clock))
    case = cases.lock(unit, case_id)
    follow(unit, desk, case, case, by)


def _anew(unit: Unit, case: Any) -> Any:
    """All that was before is one pause, and what is missed from now on is another miss."""
    cases.write(unit, case.id, {"missed": "", "pauses": pauses.NONE, "paused_at": case.created_at})
    return cases.lock(unit, case.id)


def _paused(case: Any, now: datetime, *, is_counted: bool) -> dict[str, object]:
    """Time without a target counts for none that comes later: a case that never had one is paused since its opening."""
    since = case.paused_at or (None if case.target else case.created_at)
    if not is_counted:
        return {"pauses": case.pauses, "paused_at": since or now}
    column = pauses.with_one(case.pauses, since, now) if since is not None else case.pauses
    return {"pauses": column, "paused_at": None}


def _due(desk: Snapshot, case: Any, paused: str, *, is_paused: bool = False) -> dict[str, object]:
    """When what is due: each target, and the next of those that are not yet met."""
    target = _target(desk, case)
    response = _at(desk, case, target, target.first_response if target else 0, paused)
    if response is not None and case.responded_at is not None:
        response = case.response_due_at or response  # what was met, or missed, is not put off by what comes later
    resolution = _at(desk, case, target, target.resolution if target else 0, paused)
    open_ones = [] if is_paused else [at for at in (_unmet(response, case.responded_at), resolution) if at is not None]
    return {
        "target": target.name if target else "",
        "response_due_at": response,
        "resolution_due_at": resolution,
        "due_at": min(open_ones, default=None),
    }


def _unmet(due_at: datetime | None, met_at: datetime | None) -> datetime | None:
    return due_at if met_at is None else None


def _at(desk: Snapshot, case: Any, target: Target | None, seconds: int, paused: str) -> datetime | None:
    if not seconds:
        return None
    return pauses.due(paused, case.created_at, seconds, _calendar(desk, target))


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


def _write(unit: Unit, case: Any, wanted: dict[str, object], now: datetime) -> Any:
    """What differs; what is due anew is told anew when it is missed. An alarm that has come stays for the sweep."""
    differing = {name: value for name, value in wanted.items() if getattr(case, name) != value}
    if "due_at" in differing and (case.alarm_at is None or case.alarm_at > now):
        differing["alarm_at"] = differing["due_at"]
    if not differing:
        return case
    cases.write(unit, case.id, differing)
    return cases.lock(unit, case.id)


def missed(case: Any, now: datetime) -> str:
    """Which target of the case has passed, the later one where both have; empty: none, or it is met or paused."""
    if case.paused_at is not None or case.status_kind in ENDED_KINDS:
        return ""
    if case.resolution_due_at is not None and case.resolution_due_at <= now:
        return RESOLUTION
    is_late = case.responded_at is None and case.response_due_at is not None and case.response_due_at <= now
    return FIRST_RESPONSE if is_late else ""


def next_alarm(case: Any, now: datetime) -> datetime | None:
    """When the next target that is not yet missed will be; None while it is paused."""
    if case.paused_at is not None or case.status_kind in ENDED_KINDS:
        return None
    later = [at for at in (_unmet(case.response_due_at, case.responded_at), case.resolution_due_at) if at is not None]
    return min((at for at in later if at > now), default=None)
