# SPDX-License-Identifier: Apache-2.0
"""DNS as the checks of one mail see it: a book of answers.

A check is a plain function of the mail and the book. Where a page is still empty it stops with Missing, which names the
questions; whoever runs the checks asks them, writes the answers down and runs it again. So a check does no I/O, all
questions that are known at once are asked at once, and with the answers that were stored the same mail can be judged
again later. Bounded: beyond MAX_QUESTIONS, or MAX_OCTETS of answers, every answer is a temporary error.
"""

from collections.abc import Callable, Iterable, Mapping

from handlers.ports import Answer, Found, Question

MAX_QUESTIONS = 250
MAX_OCTETS = 250_000
RECORD_OCTETS = 16  # what a record costs beside its text

Known = Callable[[Question], Answer | None]


class Missing(Exception):
    """The answers to these questions are wanted; the `urgent` among them wait for no other question of the mail."""

    def __init__(self, questions: Iterable[Question], urgent: Iterable[Question] = ()) -> None:
        super().__init__()
        self.questions = tuple(questions)
        self.urgent = frozenset(urgent)


class Book:
    """The answers of one mail; `known` is asked first, for example the resolver's cache."""

    def __init__(self, known: Known = lambda _: None) -> None:
        self._known = known
        self._answers: dict[Question, Answer] = {}
        self._octets = 0

    @property
    def answers(self) -> Mapping[Question, Answer]:
        """All that was looked at so far, in that order."""
        return self._answers

    def write(self, question: Question, answer: Answer) -> None:
        """Note what DNS said."""
        self._answers[question] = answer
        self._octets += sum(map(len, answer.records)) + RECORD_OCTETS * len(answer.records)

    def ask(self, kind: str, name: str) -> Answer:
        """The answer; raises Missing where it is not there yet."""
        one = question(kind, name)
        answer = self._look(one)
        if answer is None:
            raise Missing([one])
        return answer

    def ask_all(self, questions: Iterable[Question]) -> tuple[Answer, ...]:
        """The answers to several questions; raises one Missing for all that are not there yet."""
        found = [(one, self._look(one)) for one in questions]
        missing = [one for one, answer in found if answer is None]
        if missing:
            raise Missing(missing)
        return tuple(answer for _, answer in found if answer is not None)

    def ask_all_of(self, kind: str, names: Iterable[str]) -> tuple[Answer, ...]:
        """The answers about several names; raises one Missing for all that are not there yet."""
        return self.ask_all([question(kind, name) for name in names])

    def unknown(self, questions: Iterable[Question]) -> list[Question]:
        """Those of them that would be missing."""
        return [one for one in questions if self._look(one) is None]

    def _look(self, one: Question) -> Answer | None:
        answer = self._answers.get(one)
        if answer is None:
            is_full = len(self._answers) >= MAX_QUESTIONS or self._octets >= MAX_OCTETS
            answer = Answer(Found.TEMPORARY) if is_full else self._known(one)
            if answer is not None:
                self.write(one, answer)
        return answer


def unanswered() -> Book:
    """For a mail that is refused anyway: DNS is not asked."""
    return Book(lambda _: Answer(Found.TEMPORARY))


def question(kind: str, name: str) -> Question:
    """A question in its one form: a name in lower case without its final dot."""
    return Question(kind, name.lower().removesuffix("."))
