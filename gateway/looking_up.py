# SPDX-License-Identifier: Apache-2.0
"""The questions that the checks of one mail want answered, asked of DNS: all that are known at once, within one bound.

Enters: the checks and a resolver. Leaves: a book in which they miss nothing. What has no answer when the time is up is
a temporary error, for this mail alone. A name that nobody answers for delays only the check that asked for it; and of
one mail a few questions are on their way at a time, so that it takes little of what all mails share (gateway/dns.py).
"""

import asyncio

from handlers.authentication import Checks
from handlers.book import Book, Missing
from handlers.ports import Answer, Found, Question, Resolver

QUESTIONS_OF_ONE_MAIL = 8  # as many mails as one address may have connections, and half of the places are free
URGENT_OF_ONE_MAIL = 2  # beside those: what the check of the author asks waits for nothing that the sender chose
PATIENCE_S = 0.25  # with the slowest of several questions, before the checks go on with what has come


async def look_up(checks: Checks, resolver: Resolver, timeout_s: float) -> Book:
    """A book in which the checks miss nothing."""
    book = Book(resolver.known)
    inquiry: _Inquiry | None = None
    try:
        while True:
            try:
                checks.run(book)
            except Missing as missing:
                inquiry = inquiry or _Inquiry(book, resolver, timeout_s)
                await inquiry.ask(missing)
            else:
                return book
    finally:
        if inquiry is not None:
            inquiry.end()


class _Inquiry:
    """The questions of one mail that are on their way; each answer is written down when it comes."""

    def __init__(self, book: Book, resolver: Resolver, timeout_s: float) -> None:
        self._book, self._resolver = book, resolver
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + timeout_s
        self._room, self._ahead = asyncio.Semaphore(QUESTIONS_OF_ONE_MAIL), asyncio.Semaphore(URGENT_OF_ONE_MAIL)
        self._under_way: dict[tuple[Question, bool], asyncio.Task[None]] = {}

    async def ask(self, missing: Missing) -> None:
        """Returns when there is something new in the book."""
        left = self._deadline - self._loop.time()
        if left <= 0:
            for one in missing.questions:
                self._book.write(one, Answer(Found.TEMPORARY))
            return
        for one in missing.questions:
            key = (one, one in missing.urgent)  # one that waits for its turn is asked anew when it becomes urgent
            if key not in self._under_way:
                self._under_way[key] = self._loop.create_task(self._answer(one, is_urgent=key[1]))
        tasks = set(self._under_way.values())
        done, _ = await asyncio.wait(tasks, timeout=min(left, PATIENCE_S))
        if not done:
            left -= PATIENCE_S
            done, _ = await asyncio.wait(tasks, timeout=max(0.0, left), return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # a bug of ours, if it raises

    def end(self) -> None:
        """Nobody waits for the rest."""
        for task in self._under_way.values():
            task.cancel()

    async def _answer(self, one: Question, *, is_urgent: bool) -> None:
        async with self._ahead if is_urgent else self._room:
            answer = await self._resolver.ask(one)
        if one not in self._book.answers:
            self._book.write(one, answer)
        del self._under_way[one, is_urgent]
