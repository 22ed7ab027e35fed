# SPDX-License-Identifier: Apache-2.0
"""Judge a stored mail again, by the policy of another office, and tell what would be otherwise. Writes nothing.

Enter: the message's row, its octets, a Place. DNS is not asked: what was stored answers, and what was not looked up
then is told. The clock is that of the arrival, and the thread is decided by what its decision rested on then. Not
judged again: the bounds of the session, recipients refused then, rates (who was over one is over it again).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from handlers import intake, judgement, proof, trace
from handlers.admission import row_of
from handlers.arrival import Incoming, Note
from handlers.assembling import assemble
from handlers.book import Book
from handlers.destinations import Destination, destination
from handlers.inspection import Inspection
from handlers.judgement import Difference, Judgement
from handlers.office import Lookups, Office
from handlers.policy import Bench, judge
from handlers.ports import Answer, Found, Question
from handlers.rates import OVER_RATE, AsThen, counted_at
from handlers.ways import ABOUT_ADDRESSES
from storage.address import parse, tolerated
from storage.envelope import Envelope, Session, Wish
from storage.filing import CONTACT, NEW_CASE, Filing
from storage.placing import Placing
from storage.threads import Candidate
from storage.trace import Facts, facts_of

Pieces = Iterable[bytes]


class Threads(Protocol):
    """What is asked of the threads as they are."""

    def candidates(self, placing: Placing) -> Sequence[Candidate]:
        """The threads that a mail would be offered now."""
        ...

    def domain_had_passed(self, domain: str, at: datetime) -> bool:
        """Whether an author of this domain had passed aligned before then."""
        ...

    def token_of(self, thread_id: int) -> str:
        """The thread's ID."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where mail is judged again."""

    office: Office
    lookups: Lookups
    threads: Threads


@dataclass(frozen=True, slots=True)
class Replayed:
    """What would be otherwise; `not_looked_up` are the questions that nobody asked then, or whose answers are lost."""

    differences: tuple[Difference, ...]
    not_looked_up: tuple[Question, ...] = ()


def replay(row: Any, pieces: Pieces, place: Place) -> Replayed:
    """Judge one inbound message again and compare."""
    told = trace.read(row.trace)
    book = _Asked(dict(told.answers))
    mail, unknown = _judged(row, pieces, place, (Book(book.known), told.notes))
    facts = facts_of(row.trace)
    before = judgement.then(row, told.notes, _thread_then(row, facts, place))
    if mail is None:
        after = judgement.refused_to_all(unknown)
    else:
        after = judgement.now(mail, unknown, _thread_now(row, mail, facts, place))
    if judgement.was_released(row, told.notes):
        after = judgement.held_back(after)
    return Replayed(judgement.differences(before, after), tuple(book.missed))


class _Asked:
    """The stored answers; remembers what they lack."""

    def __init__(self, answers: dict[Question, Answer]) -> None:
        self._answers = answers
        self.missed: dict[Question, None] = {}

    def known(self, question: Question) -> Answer:
        answer = self._answers.get(question)
        if answer is None:
            self.missed[question] = None
            return Answer(Found.TEMPORARY)
        return answer


def _judged(
    row: Any, pieces: Pieces, place: Place, stored: tuple[Book, Sequence[Note]]
) -> tuple[Incoming | None, dict[str, str]]:
    """The mail after the last step, and what RCPT would say to the recipients that are nobody's; None: to all."""
    office = place.office
    inspection = Inspection(office.limits, office.authentication.dkim, row.received_at)
    for piece in pieces:
        inspection.feed(piece)
    envelope = envelope_of(row)
    found = [(one, destination(office, one, row.received_at)) for one in envelope.recipients]
    taking = tuple(one for _, one in found if isinstance(one, Destination))
    unknown = {str(address): str(one) for address, one in found if not isinstance(one, Destination)}
    if not taking:
        return None, unknown
    mail = assemble(inspection, session_of(row), envelope, taking, office)
    book, notes = stored
    return judge(mail, Bench(office, book, place.lookups, _rates_then(notes, taking, place.lookups))), unknown


def _rates_then(notes: Sequence[Note], taking: Sequence[Destination], lookups: Lookups) -> AsThen:
    """What had come before is not known any more; who was over a rate then is so now, where that rate still holds."""
    spent = {}
    for to in taking:
        begins = f"for {to.address}: {OVER_RATE} "
        note = next((one.because for one in notes if one.because.startswith(begins)), "")
        if note:
            spent[counted_at(row_of(to, lookups))] = note
    return AsThen(spent)


def session_of(row: Any) -> Session:
    """The session as it was stored."""
    stored = json.loads(row.session)
    return Session(**{name: stored[name] for name in Session.__slots__ if name in stored})


def envelope_of(row: Any) -> Envelope:
    """The envelope as it was stored."""
    stored = json.loads(row.recipients)
    wishes = tuple(Wish(tuple(one.get("notify", ())), one.get("orcpt", "")) for one in stored)
    recipients = tuple(parse(one["address"]) for one in stored)
    reverse_path = tolerated(row.reverse_path) if row.reverse_path else None  # policy.mode may have been "annotate"
    return Envelope(reverse_path, recipients, row.id, row.ret, row.envid, wishes)


def _thread_then(row: Any, facts: Facts | None, place: Place) -> Judgement:
    """Nothing of mail that was kept out of the threads, or that came before this was written down."""
    if facts is None:
        return Judgement()
    if facts.decided is not None:
        return _thread(row.proof, *facts.decided, place)
    joined = any(one.thread_id == row.thread_id for one in facts.candidates)
    return _thread(row.proof, row.thread_id if joined else None, row.linked_thread_id, place)


def _thread_now(row: Any, mail: Incoming, facts: Facts | None, place: Place) -> Judgement:
    """Decided by the facts of then; a mail that was kept out of the threads is looked at as if it were let in now."""
    was_decided = row.thread_id is not None
    if mail.classification in ABOUT_ADDRESSES:  # which belongs to no thread
        return Judgement()
    if mail.refusal is not None or mail.disposition != "accept" or (facts is None and was_decided):
        return Judgement()
    placing = intake.placing(mail, place.office)
    author = placing.author
    candidates = _as_then(facts, placing.filing) if facts is not None else place.threads.candidates(placing)
    passed = facts.domain_passed if facts is not None else None
    if passed is None:
        domain = author.person.key.rpartition("@")[2] if author.person is not None else ""
        passed = place.threads.domain_had_passed(domain, row.received_at)
    decision = proof.decide(author, candidates, passed)
    return _thread(decision.proof.value, decision.join, decision.link_to, place)


def _as_then(facts: Facts, filing: Filing) -> list[Candidate]:
    """The candidates of then under the rules of now; what was not looked at then is not known."""
    rules = [(one, filing.of(one.address)) for one in facts.candidates]
    return [
        replace(one, joins=rule.threads, is_other_topic=one.is_other_topic and rule.topic_change == NEW_CASE)
        for one, rule in rules
        if rule.thread_by == CONTACT or not one.by_contact
    ]


def _thread(proof_: str, joined: int | None, linked: int | None, place: Place) -> Judgement:
    thread = f"joins {place.threads.token_of(joined)}" if joined is not None else "a new one"
    beside = f" beside {place.threads.token_of(linked)}" if linked is not None else ""
    return Judgement({"proof": proof_, "thread": thread + beside})
