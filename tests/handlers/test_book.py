# SPDX-License-Identifier: Apache-2.0
"""The book of answers: what is missing is named together, and a mail has its bounds."""

import pytest

from handlers.book import MAX_OCTETS, MAX_QUESTIONS, Book, Missing, question, unanswered
from handlers.ports import Answer, Found

YES = Answer(Found.YES, (b"192.0.2.1",))


def test_all_that_is_missing_is_named_at_once():
    book = Book()
    book.write(question("A", "b.example"), YES)
    with pytest.raises(Missing) as missing:
        book.ask_all_of("A", ["a.example", "b.example", "c.example"])
    assert [one.name for one in missing.value.questions] == ["a.example", "c.example"]


def test_a_name_has_one_form():
    book = Book()
    book.write(question("A", "A.example."), YES)
    assert book.ask("A", "a.EXAMPLE") is YES


def test_what_is_known_is_looked_at_and_stands_in_the_book():
    book = Book(lambda one: YES if one.name == "a.example" else None)
    assert book.unknown([question("A", "a.example"), question("A", "b.example")]) == [question("A", "b.example")]
    assert list(book.answers) == [question("A", "a.example")]


@pytest.mark.parametrize(
    ("fill", "count"),
    [
        (YES, MAX_QUESTIONS),
        # few answers, but great ones; many short records are as dear as long ones
        (Answer(Found.YES, (b"x" * 10_000,)), MAX_OCTETS // 10_000),
        (Answer(Found.YES, (b"",) * 1000), MAX_OCTETS // 16_000 + 1),
    ],
)
def test_beyond_its_bounds_every_answer_is_a_temporary_error(fill, count):
    book = Book(lambda _: fill)
    for number in range(count):
        assert book.ask("A", f"n{number}.example") is fill
    assert book.ask("A", "more.example").found is Found.TEMPORARY
    assert book.ask("A", "n0.example") is fill


def test_for_a_mail_that_is_refused_anyway_nothing_is_asked():
    assert unanswered().ask("TXT", "a.example") == Answer(Found.TEMPORARY)
