# SPDX-License-Identifier: Apache-2.0
"""A contact becomes two: whoever takes part in a conversation through being one with another does so no more.

Enters: contacts under lock, their addresses given to others already. Leaves: who left, in the timeline of each case. A
mail that lets somebody in through their contact holds it until it is accepted (storage/filing.py), so it is there for
this to see, or finds the contact parted.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from storage import case_changes, cases, filing, threads
from storage.address import key_of
from storage.cases import Event
from storage.database import Unit
from storage.schema import participant, thread
from storage.schema_cases import case
from storage.schema_desk import contact


def lock(unit: Unit, contact_ids: Collection[int], case_ids: Collection[int]) -> dict[int, Any]:
    """The contacts by id, locked together with these cases of theirs.

    Cases first, as jobs do, then contacts, each by number: two of these cannot deadlock. Whoever only refers to a
    contact does not wait.
    """
    case_changes.lock(unit, (), (), case_ids)
    rows = select(contact).where(contact.c.id.in_(contact_ids)).order_by(contact.c.id).with_for_update(key_share=True)
    return {row.id: row for row in unit.execute(rows)}


def cases_of(unit: Unit, contact_ids: Collection[int]) -> Sequence[int]:
    """The cases of these contacts."""
    return unit.execute(select(case.c.id).where(case.c.contact_id.in_(contact_ids)).order_by(case.c.id)).scalars().all()


def let_go(unit: Unit, keys: Collection[str], actor: str, now: datetime) -> tuple[int, ...]:
    """Of these addresses, which contacts had that were parted; the numbers of the cases in which somebody left."""
    left = [_let_go(unit, place, actor, now) for place in _only_through(unit, keys)]
    return tuple(sorted({number for number in left if number is not None}))


def _only_through(unit: Unit, keys: Collection[str]) -> list[tuple[Any, str]]:
    """(thread, address) where one of these takes part and none of its contact by itself; its own cases stay its own."""
    rows = unit.execute(_LET_IN, {"keys": list(keys)}).all()
    theirs = {row.key: set(filing.same_person(unit, row.key)) for row in rows}
    return [
        (row, row.key)
        for row in rows
        if not theirs[row.key] & {one.key for one in threads.participants(unit, row.id, "customer") if not one.through}
        and key_of(case_changes.began_with(unit, row.token)) != row.key
    ]


def _let_go(unit: Unit, place: tuple[Any, str], actor: str, now: datetime) -> int | None:
    """They and whom they brought take part in this thread no more; the number of its case."""
    row, key = place
    gone = threads.remove_through(unit, row.id, key)
    if row.case_id is None:
        return None
    told: dict[str, object] = {"people": gone, "reason": "contacts parted"}
    cases.add_event(unit, row.case_id, Event(actor, "left", told), now)
    return case_changes.number_of(unit, row.case_id)


_LET_IN = (
    select(thread.c.id, thread.c.token, thread.c.case_id, participant.c.key)
    .join(participant, participant.c.thread_id == thread.c.id)
    .where(participant.c.through != "", participant.c.through.in_(bindparam("keys", expanding=True)))
    .where(participant.c.role == "customer", participant.c.through == participant.c.key)
    .order_by(thread.c.id, participant.c.key)
)
