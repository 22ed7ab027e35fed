# SPDX-License-Identifier: Apache-2.0
"""Where a mail goes, decided and written inside the transaction that accepts it or lets it out of the quarantine.

Enters: what was judged of the mail. Leaves: its thread, found or made, with the keys and participants by which later
mail finds it, and the trace with what the decision rests on. Fails: ThreadRace, after which the next try joins.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from storage import filing, pointing, threads, trace
from storage.database import Unit
from storage.filing import Filing
from storage.threads import Author, Candidate, Decide, Decision, Person, Pointer, Proof


@dataclass(frozen=True, slots=True)
class Placing:
    """What the thread decision rests on; `new_token` names the thread if it becomes a new one."""

    author: Author
    pointers: tuple[Pointer, ...]
    own_key: bytes | None
    referred_keys: tuple[bytes, ...]
    copied: tuple[Person, ...]
    new_token: str
    filing: Filing = field(default_factory=Filing)
    hints: tuple[bytes, ...] = ()  # keys that say little: they lead the same author here later, and race with nobody


class Placeable(Protocol):
    """What the thread decision is made for: a mail that arrives, or one that leaves the quarantine."""

    @property
    def id(self) -> str: ...

    @property
    def received_at(self) -> datetime: ...

    @property
    def placing(self) -> Placing: ...

    @property
    def trace(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Placed:
    """The thread that a mail belongs to, how that was decided, and the mail's trace with what it rests on."""

    thread_id: int | None
    token: str
    decision: Decision
    trace: str


def place(unit: Unit, arrival: Placeable, decide: Decide) -> Placed:
    """Find or make the thread; raises ThreadRace when a concurrent transaction made it meanwhile."""
    placing, author = arrival.placing, arrival.placing.author
    domain = author.person.key.rpartition("@")[2] if author.person else ""
    found = candidates(unit, placing)
    matters = bool(found) and not author.aligned
    passed_before = matters and threads.domain_has_passed(unit, domain)
    decision = decide(author, found, passed_before)
    told = trace.with_facts(arrival.trace, found, decision, domain_passed=passed_before if matters else None)
    if decision.join is not None:
        thread_id, token = decision.join, threads.token_of(unit, decision.join)
    else:
        token = placing.new_token
        thread_id = threads.make(unit, token, arrival.received_at)
    _remember(unit, arrival, thread_id, (decision, found))
    _join(unit, arrival, thread_id, (decision, found))
    if author.aligned:
        threads.remember_domain(unit, domain, arrival.received_at)
    return Placed(thread_id, token, decision, told)


def candidates(unit: Unit, placing: Placing) -> list[Candidate]:
    """The threads that the mail points to, or that its proven author needs not point to."""
    found = filing.with_people(unit, pointing.candidates(unit, placing.pointers, placing.author), placing.author)
    if not _points(found):
        own = filing.open_case(unit, placing.author, placing.filing)
        found = [own, *(one for one in found if one.thread_id != own.thread_id)] if own is not None else found
    return filing.described(unit, found, placing.filing)


def _points(found: list[Candidate]) -> bool:
    """Whether anything in the mail points to a thread that not just an unproven stranger wrote in."""
    return any(one.participant or not one.is_strangers for one in found)


def _remember(unit: Unit, arrival: Placeable, thread_id: int, made: tuple[Decision, list[Candidate]]) -> None:
    """The keys by which later mail finds the thread.

    Raises ThreadRace where one leads to a thread that was not there when the decision was made.
    """
    (decision, found), placing = made, arrival.placing
    author = placing.author
    proven = decision.proof is Proof.PROVEN and author.person is not None
    owner = author.person.key if proven and author.person else f"?{arrival.id}"
    elsewhere = threads.add_keys(unit, thread_id, owner, placing.own_key, placing.referred_keys if proven else ())
    if proven:
        threads.add_keys(unit, thread_id, owner, None, placing.hints)
    if decision.join is not None:
        return
    if elsewhere - {one.thread_id for one in found}:
        raise threads.ThreadRace
    if proven and not filing.begin_at_door(unit, thread_id, author, placing.filing) and not _points(found):
        raise threads.ThreadRace


def _join(unit: Unit, arrival: Placeable, thread_id: int, made: tuple[Decision, list[Candidate]]) -> None:
    """The author of a new thread belongs to it, one who takes part by another address, and whom a proven one copies."""
    decision, found = made
    people = list(arrival.placing.copied) if decision.proof is Proof.PROVEN else []
    author = arrival.placing.author.person
    is_alternate = any(one.is_alternate for one in found if one.thread_id == decision.join)
    if (decision.join is None or is_alternate) and author is not None:
        people.insert(0, author)
    if (
        decision.join is not None and author is not None and people
    ):  # who came by another comes no further than that one
        through = author.key if is_alternate else threads.let_in_through(unit, thread_id, author.key)
        people = [replace(one, through=through) for one in people]
        if through and filing.hold_contact(unit, through) and not is_alternate:
            is_parted = not threads.let_in_through(unit, thread_id, author.key)
            people = [] if is_parted else people
    threads.add_participants(unit, thread_id, "customer", people)
