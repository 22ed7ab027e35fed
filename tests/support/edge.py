# SPDX-License-Identifier: Apache-2.0
"""What tests of the edge say to begin a mail, and how they let its loop turn."""

import asyncio
from collections.abc import Callable

from tests.support.waiting import PATIENCE_S

OPENING = (b"EHLO a", b"MAIL FROM:<a@sender.example>", b"RCPT TO:<b@firm.example>")


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until it is so."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)
