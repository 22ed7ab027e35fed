# SPDX-License-Identifier: Apache-2.0
"""A new case for a mail: its team and queue, what it begins with, and the case it stands beside.

Enters: the message's row, in a thread that has no case. Leaves: the case, and the first lines of its timeline.
"""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from handlers import contacting, targets, telling
from handlers.acting import casegate
from handlers.office import Office
from storage import cases, contacts, threads
from storage.address import key_of
from storage.cases import Event, Opening
from storage.database import Unit
from storage.desk import TeamRow


def open_case(unit: Unit, row: Any, office: Office, now: datetime, *, in_fallback: bool = False) -> Any:
    """Made, told of and linked; it waits in the queue of its team, or where what nobody could route waits."""
    team = _team_of(unit, row, office)
    queue = cases.FALLBACK_QUEUE if team is None or in_fallback else team.value.name
    contact_id = contacting.contact_of(unit, row, office)
    opening = replace(_opening(unit, row, office, team, queue), contact_id=contact_id)
    if contact_id is not None and not opening.contact_name:
        opening = replace(opening, contact_name=contacts.contact_name(unit, key_of(opening.contact_address)))
    case = cases.make(unit, opening, now)
    cases.add_event(unit, case.id, Event("casegate", "created", {"team": team.value.name if team else ""}), now)
    _link(unit, case, row, now)
    case = targets.begin(unit, office.desk, case, now)
    telling.begun(unit, office.desk, case, casegate(now))
    return case


def _link(unit: Unit, case: Any, row: Any, now: datetime) -> None:
    """Both timelines tell of a link."""
    other = cases.of_thread(unit, row.linked_thread_id) if row.linked_thread_id is not None else None
    if other is None:
        return
    cases.add_link(unit, case.id, other.id, row.link_kind)
    back = cases.BACK.get(row.link_kind, row.link_kind)
    for one, number, kind in ((case, other.number, row.link_kind), (other, case.number, back)):
        told = {"kind": kind, "number": number}
        cases.add_event(unit, one.id, Event("casegate", "linked", told), now)


def _opening(unit: Unit, row: Any, office: Office, team: TeamRow | None, queue: str) -> Opening:
    """The first values are those of the address; it may be one that is no more."""
    came_by = _routing_address(row) or _address_of_linked(unit, row)
    address = office.routing_addresses.get(key_of(came_by))
    handling = office.desk.handling_of(address.value if address is not None else None)
    return Opening(
        thread_id=row.thread_id,
        thread_token=threads.token_of(unit, row.thread_id),
        team_id=team.id if team is not None else cases.some_team(unit),
        queue=queue,
        contact_name=row.author_name,
        contact_address=row.author_address,
        routing_address=came_by,
        subject=row.subject,
        priority=handling.priority,
        tags=handling.tags or (),
        fields=office.desk.sections.first_fields(handling),
    )


def _team_of(unit: Unit, row: Any, office: Office) -> TeamRow | None:
    """The team of the routing address, else of the case it points to, else the first; None in a desk without teams."""
    address = office.routing_addresses.get(key_of(_routing_address(row)))
    if address is not None:
        return office.desk.teams[address.team_id]
    linked = cases.of_thread(unit, row.linked_thread_id) if row.linked_thread_id is not None else None
    if linked is not None and linked.team_id in office.desk.teams:
        return office.desk.teams[linked.team_id]
    return office.desk.teams[min(office.desk.teams)] if office.desk.teams else None


def _routing_address(row: Any) -> str:
    """The first routing address that accepted the mail; in annotate mode none may have."""
    named = [verdict for verdict in json.loads(row.recipients) if verdict["routing_address"]]
    accepted = [verdict for verdict in named if verdict["disposition"] == "accept"]
    return next((str(verdict["routing_address"]) for verdict in accepted + named), "")


def _address_of_linked(unit: Unit, row: Any) -> str:
    linked = cases.of_thread(unit, row.linked_thread_id) if row.linked_thread_id is not None else None
    return str(linked.routing_address) if linked is not None else ""
