# SPDX-License-Identifier: Apache-2.0
"""What is stored of the judging: it reads back as it was, and a stranger cannot make it large."""

import json
from types import SimpleNamespace

import pytest

from handlers import trace
from handlers.arrival import Note
from handlers.book import question
from handlers.ports import Answer, Found
from handlers.results import Authentication
from storage.threads import Candidate, Decision, Proof
from storage.trace import Facts, facts_of, with_facts


def judged(notes: tuple[Note, ...] = (), answers: tuple = ()):
    """As much of a judged mail as the trace is made of."""
    return SimpleNamespace(notes=notes, authentication=Authentication(answers=answers))


NOTES = (Note("admission", "support@firm.example: accept", 'accept_from = "anyone" of the address'),)
ANSWERS = (
    (question("TXT", "s1._domainkey.customer.example"), Answer(Found.YES, (b"v=DKIM1; p=\xff\x00", b"second"))),
    (question("A", "nowhere.example"), Answer(Found.NO_NAME)),
    (question("MX", "late.example"), Answer(Found.TEMPORARY)),
)


def test_what_is_stored_reads_back_as_it_was():
    assert trace.read(trace.trace_json(judged(NOTES, ANSWERS))) == trace.Trace(NOTES, ANSWERS)


def test_a_mail_that_was_never_judged_has_an_empty_trace():
    assert trace.read("") == trace.Trace()


TOO_LARGE = [
    # One record that no honest zone publishes.
    ((b"x" * 9000,), 1, 1),
    # Many records of one answer.
    ((b"x" * 8000,) * 7, 1, 1),
    # Many answers, each of a tolerable size: the first are kept.
    ((b"x" * 8000,), 250, 244),
]


@pytest.mark.parametrize(("records", "answers", "cut"), TOO_LARGE)
def test_records_beyond_the_bound_are_left_out_and_said_to_be(records, answers, cut):
    asked = [(question("TXT", f"n{number}.evil.example"), Answer(Found.YES, records)) for number in range(answers)]
    stored = trace.trace_json(judged(answers=tuple(asked)))
    assert len(stored) < 100_000
    back = trace.read(stored)
    assert len(back.cut) == cut
    assert len(back.answers) == answers - cut


def test_what_follows_a_record_that_was_left_out_is_kept():
    big = (question("TXT", "big.evil.example"), Answer(Found.YES, (b"x" * 9000,)))
    assert trace.read(trace.trace_json(judged(answers=(big, *ANSWERS)))).answers == ANSWERS


def test_notes_are_bounded_in_number_and_length():
    many = tuple(Note("admission", f"{number}@firm.example: accept", "x" * 10_000) for number in range(1000))
    stored = trace.trace_json(judged(many))
    assert len(stored) < 200_000
    back = trace.read(stored)
    assert len(back.notes) == trace.MAX_NOTES
    assert back.notes[0].because == "x" * (trace.MAX_TEXT - 1) + "…"


FACTS = [
    # Nothing pointed anywhere, and nobody had to know of the domain.
    Facts((), decided=(None, None)),
    # Two threads, one with evidence where the author takes part.
    Facts((Candidate(7, True, True), Candidate(3, False, False, True)), domain_passed=True, decided=(7, None)),
    Facts((Candidate(7, False, True),), domain_passed=False, decided=(None, 7)),
]


@pytest.mark.parametrize("facts", FACTS)
def test_what_the_thread_decision_rested_on_reads_back_as_it_was(facts):
    decision, told = Decision(Proof.PROVEN, *facts.decided), trace.trace_json(judged(NOTES, ANSWERS))
    stored = with_facts(told, facts.candidates, decision, domain_passed=facts.domain_passed)
    assert facts_of(stored) == facts
    assert trace.read(stored) == trace.Trace(NOTES, ANSWERS)
    assert json.loads(stored).keys() == {"notes", "dns", "thread"}


def test_a_mail_that_was_kept_out_of_the_threads_has_no_such_facts():
    assert facts_of(trace.trace_json(judged(NOTES))) is None
    assert facts_of("") is None
