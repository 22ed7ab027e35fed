# SPDX-License-Identifier: Apache-2.0
"""A case that somebody makes by hand, with its thread: an agent's answer reaches the contact, and theirs comes back.

Enters: what the case begins with, and the ID of its thread. Leaves: the case; or a Refusal, and the caller leaves the
unit of work. To name a contact is an operator's word: they are a known contact from now on.
"""

from dataclasses import dataclass, field
from typing import Any

from handlers import case_edits, giving, targets, telling
from handlers.acting import By
from handlers.case_edits import Edit, Refusal
from handlers.giving import Giving
from storage import cases, contacts, threads
from storage.cases import Event, Opening
from storage.database import Unit
from storage.desk import AddressRow, Snapshot
from storage.threads import Person

MOST_TEXT_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class Making:
    """What a case shall be; `address` is the key of the routing address that it belongs to."""

    address: str
    contact: Person
    subject: str
    text: str = ""
    edit: Edit = field(default_factory=Edit)
    giving: Giving = field(default_factory=Giving)


def make(unit: Unit, desk: Snapshot, token: str, wish: Making, by: By) -> Any:
    """The case, with the values of its address and over them those that are wished for."""
    address = desk.addresses.get(wish.address) or desk.aliases.get(wish.address)
    if address is None:
        return Refusal(f"no routing address {wish.address!r}: see casegate address list", is_absent=True)
    fault = case_edits.contact_fault(desk, wish.contact) or case_edits.subject_fault(wish.subject) or _fault(wish.text)
    if fault:
        return Refusal(fault)
    thread = (threads.make(unit, token, by.now), token)
    threads.add_participants(unit, thread[0], "customer", [wish.contact])
    case = _open(unit, desk, _opening(unit, desk, address, wish, thread), wish.text, by)
    if wish.edit != Edit():
        case = case_edits.edit(unit, desk, case, wish.edit, by)
    if wish.giving != Giving() and not isinstance(case, Refusal):
        case = giving.give(unit, desk, case, wish.giving, by)
    return case


def _fault(text: str) -> str:
    return f"a text has at most {MOST_TEXT_CHARACTERS} characters" if len(text) > MOST_TEXT_CHARACTERS else ""


def _opening(unit: Unit, desk: Snapshot, address: AddressRow, wish: Making, thread: tuple[int, str]) -> Opening:
    handling = desk.handling_of(address.value)
    person = wish.contact
    return Opening(
        thread_id=thread[0],
        thread_token=thread[1],
        team_id=address.team_id,
        queue=desk.teams[address.team_id].value.name,
        contact_id=contacts.confirm_contact(unit, person.name, person.address),
        contact_name=person.name or contacts.contact_name(unit, person.key),
        contact_address=person.address,
        routing_address=str(address.value.address),
        subject=wish.subject.strip(),
        priority=handling.priority,
        tags=handling.tags or (),
        fields=desk.sections.first_fields(handling),
        source="hand",
    )


def _open(unit: Unit, desk: Snapshot, opening: Opening, text: str, by: By) -> Any:
    case = cases.make(unit, opening, by.now)
    told: dict[str, object] = {"team": desk.teams[opening.team_id].value.name, "source": opening.source}
    if text.strip():
        told["comment"] = cases.add_text(unit, case.id, by.actor, text.strip(), by.now)
    cases.add_event(unit, case.id, Event(by.actor, "created", told), by.now)
    case = targets.begin(unit, desk, case, by.now)
    telling.begun(unit, desk, case, by)
    return case
