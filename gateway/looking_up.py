# SPDX-License-Identifier: Apache-2.0
"""The questions that the checks of one mail want answered, asked of DNS: all that are known at once, within one bound.

What has no answer when the time is up is a temporary error, for this mail alone.
"""

import asyncio

from handlers.authentication import Checks
from handlers.book import Book, Missing
from handlers.ports import Answer, Found, Question, Resolver


async def look_up(checks: Checks, resolver: Resolver, timeout_s: float) -> Book:
    """A book in which the checks miss nothing."""
    book = Book(resolver.known)
    deadline = asyncio.get_running_loop().time() + timeout_s
    while True:
        try:
            checks.run(book)
        except Missing as missing:
            await _ask(missing.questions, book, resolver, deadline)
        else:
            return book


async def _ask(questions: tuple[Question, ...], book: Book, resolver: Resolver, deadline: float) -> None:
    tasks = {asyncio.ensure_future(resolver.ask(one)): one for one in questions}
    left = max(0.0, deadline - asyncio.get_running_loop().time())
    done, late = await asyncio.wait(tasks, timeout=left)
    for task in done:
        book.write(tasks[task], task.result())
    for task in late:
        task.cancel()
        book.write(tasks[task], Answer(Found.TEMPORARY))
