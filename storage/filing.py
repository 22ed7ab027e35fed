# SPDX-License-Identifier: Apache-2.0
"""What the handling of addresses asks of the store when a thread is decided: whose rules hold, and who has what open.

A thread is under the rules of the address that its case came in by, whatever address a mail for it names: who may
choose the door must not choose the rules. Only what no thread is known for is under those of the address it came to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import bindparam, func, select, update

from storage import threads
from storage.address import key_of
from storage.case_values import DEFAULT_HANDLING, Handling
from storage.database import Unit
from storage.schema import message, message_key, thread
from storage.schema_cases import case
from storage.schema_desk import contact, contact_address
from storage.threads import Author, Candidate, OtherTopic

MAX_SUBJECTS = 50  # the newest of a thread
MAX_OF_CONTACT = 200  # cases, the newest

NEW_CASE, CONTACT = "new_case", "contact"


@dataclass(frozen=True, slots=True)
class Filing:
    """The handling of each address of the desk by Address.key, and the desk's; `here` are those that take the mail.

    `other_topic` tells whether the mail is about something else than subjects are; None: it is not. `is_inside`: the
    author is of our own people, who write for many customers: who they are points nowhere.
    """

    by_address: Mapping[str, Handling] = field(default_factory=dict)
    desk: Handling = DEFAULT_HANDLING
    here: tuple[str, ...] = ()
    other_topic: OtherTopic | None = None
    is_inside: bool = False

    def of(self, address: str) -> Handling:
        """The handling of an address by its key."""
        return self.by_address.get(address, self.desk)

    @property
    def by_contact(self) -> tuple[str, ...]:
        """The addresses it came to at which a proven author needs no pointer."""
        return () if self.is_inside else tuple(key for key in self.here if self.of(key).thread_by == CONTACT)


def described(unit: Unit, found: Sequence[Candidate], filing: Filing) -> list[Candidate]:
    """The candidates with the address whose rules hold for each, and whether the mail is about something else."""
    if not found:
        return []
    cases = {row.id: row for row in unit.execute(_CASES, {"threads": [one.thread_id for one in found]})}
    return [_described(unit, one, cases.get(one.thread_id), filing) for one in found]


def _described(unit: Unit, one: Candidate, its_case: Any, filing: Filing) -> Candidate:
    address = key_of(its_case.routing_address) if its_case is not None else next(iter(filing.here), "")
    handling = filing.of(address)
    asks = handling.topic_change == NEW_CASE and not one.is_shown and not one.is_bounce
    is_other = asks and filing.other_topic is not None and filing.other_topic(_subjects(unit, one, its_case))
    return replace(one, address=address, joins=handling.threads or "standard", is_other_topic=is_other)


def _subjects(unit: Unit, one: Candidate, its_case: Any) -> list[str]:
    known = list(unit.execute(_SUBJECTS, {"t": one.thread_id}).scalars())
    return [*known, its_case.subject] if its_case is not None else known


def open_case(unit: Unit, author: Author, filing: Filing) -> Candidate | None:
    """The thread of the latest case that a proven author has open at an address where that is pointer enough."""
    doors = filing.by_contact
    if author.person is None or not author.aligned or not doors:
        return None
    hold_contact(unit, author.person.key)
    row = unit.execute(_OPEN_CASE, {"k": author.person.key, "doors": list(doors)}).first()
    if row is not None:
        thread_id = int(row.id)
    else:  # one that was begun a moment ago, whose case no job has made yet
        begun = [one for door in doors for one in unit.execute(_BEGUN, _door(door, _whose(unit, author))).scalars()]
        if not begun:
            return None
        thread_id = int(begun[0])
    is_there = bool(threads.with_any(unit, [thread_id], [author.person.key]))
    return Candidate(thread_id, evidence=False, participant=True, is_alternate=not is_there, by_contact=True)


def begin_at_door(unit: Unit, thread_id: int, author: Author, filing: Filing) -> bool:
    """Remember a new thread as the latest of this author here; False: another transaction has begun one meanwhile."""
    is_first = True
    for door in filing.by_contact if author.aligned and author.person is not None else ():
        values = _door(door, _whose(unit, author))
        row = {"hash": values["h"], "author": values["a"], "thread_id": thread_id, "names_message": False}
        before = threads.NEW_KEY.write(unit, row).scalars().one()  # waits for whoever writes the same at this moment
        is_first = is_first and (before == thread_id or unit.execute(_BEGUN, values).first() is None)
        unit.execute(_MOVE_DOOR, {**values, "t": thread_id})
    return is_first


def same_person(unit: Unit, key: str) -> list[str]:
    """The addresses of the contact that has this one: only the desk file and operators give a contact several."""
    return list(unit.execute(_SAME_PERSON, {"k": key}).scalars())


def _whose(unit: Unit, author: Author) -> str:
    key = author.person.key if author.person is not None else ""
    return min([key, *same_person(unit, key)])


def _door(address: str, author: str) -> dict[str, Any]:
    """The key of a first mail to an address, which no Message-ID can have: those hold no space."""
    return {"h": threads.key_of(f"first mail to {address}"), "a": author}


def with_people(unit: Unit, found: Sequence[Candidate], author: Author) -> list[Candidate]:
    """The candidates in which an author takes part under another address of theirs; only for a proven author."""
    if author.person is None or not author.aligned or all(one.participant for one in found):
        return list(found)
    inside = _through_contact(unit, found, author.person.key)
    if inside and hold_contact(unit, author.person.key):
        inside = _through_contact(unit, found, author.person.key)
    return [
        replace(one, participant=True, is_alternate=True) if not one.participant and one.thread_id in inside else one
        for one in found
    ]


def _through_contact(unit: Unit, found: Sequence[Candidate], key: str) -> frozenset[int]:
    others = [one for one in same_person(unit, key) if one != key]
    return threads.with_any(unit, [one.thread_id for one in found], others) if others else frozenset()


def hold_contact(unit: Unit, key: str) -> bool:
    """Let nobody part or merge the contact of this address before the mail is accepted; whether it may be another now.

    Only a store with many writers has to be asked (PostgreSQL): whoever parts contacts locks them first, so either they
    wait and see whom this mail lets in (storage/contact_parting.py), or this mail waits and looks again.
    """
    if unit.dialect.name == "sqlite":
        return False
    held: set[int] = set()
    while (contact_id := unit.execute(_OWNER, {"k": key}).scalar()) is not None and contact_id not in held:
        unit.execute(_HOLD, {"i": contact_id})
        held.add(contact_id)
    return True


_CASES = (
    select(thread.c.id, case.c.routing_address, case.c.subject)
    .join(case, case.c.id == thread.c.case_id)
    .where(thread.c.id.in_(bindparam("threads", expanding=True)))
)
_SUBJECTS = (
    select(message.c.subject)
    .where(message.c.thread_id == bindparam("t"))
    .order_by(message.c.seq.desc())
    .limit(MAX_SUBJECTS)
)
_OF_CONTACT = (
    select(case.c.number, case.c.thread_token, case.c.ended_at, func.lower(case.c.routing_address).label("door"))
    .join(contact_address, contact_address.c.contact_id == case.c.contact_id)
    .where(contact_address.c.key == bindparam("k"))
    .order_by(case.c.number.desc())
    .limit(MAX_OF_CONTACT)
    .subquery()
)
_OPEN_CASE = (
    select(thread.c.id)
    .join(_OF_CONTACT, _OF_CONTACT.c.thread_token == thread.c.token)
    .where(_OF_CONTACT.c.ended_at.is_(None), _OF_CONTACT.c.door.in_(bindparam("doors", expanding=True)))
    .order_by(_OF_CONTACT.c.number.desc())
    .limit(1)
)
_DOOR_KEY = (message_key.c.hash == bindparam("h"), message_key.c.author == bindparam("a"))
_BEGUN = (
    select(thread.c.id)
    .join(message_key, message_key.c.thread_id == thread.c.id)
    .where(*_DOOR_KEY, thread.c.case_id.is_(None))
)
_MOVE_DOOR = update(message_key).where(*_DOOR_KEY).values(thread_id=bindparam("t"))
_OWNER = select(contact_address.c.contact_id).where(contact_address.c.key == bindparam("k"))
_HOLD = select(contact.c.id).where(contact.c.id == bindparam("i")).with_for_update(read=True)
_OWN_CONTACT = select(contact_address.c.contact_id).where(contact_address.c.key == bindparam("k")).scalar_subquery()
_SAME_PERSON = select(contact_address.c.key).where(contact_address.c.contact_id == _OWN_CONTACT).limit(50)
