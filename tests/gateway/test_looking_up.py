# SPDX-License-Identifier: Apache-2.0
"""How the questions of one mail are asked: together, few at a time, and no longer than the mail may wait."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.looking_up import QUESTIONS_OF_ONE_MAIL, URGENT_OF_ONE_MAIL, look_up
from handlers.book import Book, Missing, question
from handlers.ports import Answer, Found, Question
from tests.support.edge import until
from tests.support.waiting import PATIENCE_S

YES = Answer(Found.YES, (b"yes",))
LONG_S = 60.0  # no test waits for it


class Checks:
    """Runs one function of the book in place of the checks."""

    def __init__(self, run: Callable[[Book], object]) -> None:
        self.run = run


class Names:
    """A resolver: names in `silent` are never answered, all others at once; `most` were under way at a time."""

    def __init__(self, *silent: str) -> None:
        self.silent, self.asked, self.now, self.most = silent, [], 0, 0

    def known(self, question: Question) -> None:
        return None

    async def ask(self, question: Question) -> Answer:
        self.asked.append(question.name)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await (asyncio.Event().wait() if question.name in self.silent else asyncio.sleep(0))
        finally:
            self.now -= 1
        return YES


def independent(*checks: Callable[[Book], object]) -> Checks:
    """Each runs as far as it gets, as in handlers/authentication.py."""

    def run(book: Book) -> None:
        wanted: list[Question] = []
        for check in checks:
            try:
                check(book)
            except Missing as missing:
                wanted += missing.questions
        if wanted:
            raise Missing(wanted)

    return Checks(run)


async def test_what_is_missing_is_asked_together_and_written_down():
    names = Names()
    book = await look_up(Checks(lambda book: book.ask_all_of("A", ["a.example", "b.example"])), names, LONG_S)
    assert names.asked == ["a.example", "b.example"]
    assert set(book.answers.values()) == {YES}


async def test_few_questions_of_one_mail_are_on_their_way_at_a_time():
    names = Names()
    await look_up(Checks(lambda book: book.ask_all_of("A", [f"n{n}.example" for n in range(50)])), names, LONG_S)
    assert len(names.asked) == 50
    assert names.most == QUESTIONS_OF_ONE_MAIL


async def test_a_silent_name_holds_up_only_the_check_that_asked_for_it():
    names = Names("silent.example")
    steps = [f"step{n}.example" for n in range(3)]

    def walk(book: Book) -> None:
        for step in steps:
            book.ask("A", step)

    async with asyncio.timeout(PATIENCE_S):
        book = await look_up(independent(lambda book: book.ask("A", "silent.example"), walk), names, 2.0)
    found = {one.name: answer.found for one, answer in book.answers.items()}
    assert found == {**dict.fromkeys(steps, Found.YES), "silent.example": Found.TEMPORARY}
    await until(lambda: names.now == 0)


def urgently(wanted: list[str], urgent: list[str]) -> Checks:
    """Both are wanted from the start; the sender may have named the urgent ones too."""

    def run(book: Book) -> None:
        first = [question("TXT", name) for name in urgent]
        missing = book.unknown([*(question("TXT", name) for name in wanted), *first])
        if missing:
            raise Missing(missing, first)

    return Checks(run)


@pytest.mark.parametrize("wanted", [[], ["_dmarc.a.example"]])
async def test_what_the_check_of_the_author_asks_waits_for_no_place(wanted: list[str]):
    silent = [f"s{n}.example" for n in range(30)]
    names = Names(*silent)
    book = await look_up(urgently(silent + wanted, ["_dmarc.a.example"]), names, 0.5)
    assert {one.name for one, answer in book.answers.items() if answer is YES} == {"_dmarc.a.example"}


async def test_no_name_that_a_sender_chooses_gets_round_the_bound():
    names = Names(*(f"_dmarc.s{n}.example" for n in range(30)))
    await look_up(Checks(lambda book: book.ask_all_of("TXT", names.silent)), names, 0.01)
    assert names.most == QUESTIONS_OF_ONE_MAIL


async def test_urgent_questions_have_a_bound_of_their_own():
    silent = [f"{kind}{n}.example" for n in range(30) for kind in "su"]
    names = Names(*silent)
    await look_up(urgently(silent[::2], silent[1::2]), names, 0.01)
    assert names.most == QUESTIONS_OF_ONE_MAIL + URGENT_OF_ONE_MAIL


async def test_when_the_time_is_up_nothing_more_is_asked():
    names = Names("a.example")

    def walk(book: Book) -> None:
        for step in ("a.example", "b.example", "c.example"):
            book.ask("A", step)

    book = await look_up(Checks(walk), names, 0.01)
    assert names.asked == ["a.example"]
    assert {answer.found for answer in book.answers.values()} == {Found.TEMPORARY}


async def test_a_fault_of_the_resolver_is_raised_and_not_asked_again():
    class Broken(Names):
        async def ask(self, question: Question) -> Answer:
            raise RuntimeError(question.name)

    with pytest.raises(RuntimeError, match=r"a\.example"):
        await look_up(Checks(lambda book: book.ask("A", "a.example")), Broken(), LONG_S)


async def test_who_is_cancelled_leaves_no_question_behind():
    names = Names("a.example")
    task = asyncio.create_task(look_up(Checks(lambda book: book.ask("A", "a.example")), names, LONG_S))
    await until(lambda: names.asked)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: names.now == 0)
