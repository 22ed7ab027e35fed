# SPDX-License-Identifier: Apache-2.0
"""A draft on its way in: a small one is gathered in memory, a large one goes to the store while it comes.

So however many agents send large mail at the same time, what waits for its turn to be rewritten waits on disk. Enters:
pieces of content. Leaves: the whole, as octets or as content that arrived; of what is refused, nothing stays.
"""

from collections.abc import Awaitable, Callable

from gateway.promise import Arriving
from storage.content import CHUNK_OCTETS, Content
from storage.envelope import Envelope
from storage.response import Response

Decide = Callable[[bytes | Content], Awaitable[Response]]


class Drafting:
    """gateway.receiver.Intake of one draft; beyond `most` octets `arriving` opens what takes it."""

    def __init__(self, arriving: Callable[[], Arriving], most: int, envelope: Envelope, decide: Decide) -> None:
        self._opens, self._most = arriving, most
        self._copies, self._decide = len(envelope.recipients), decide
        self._held = bytearray()
        self._arriving: Arriving | None = None

    @property
    def held_octets(self) -> int:
        return len(self._held) + (self._arriving.held_octets if self._arriving is not None else 0)

    async def write(self, octets: bytes) -> None:
        self._held += octets
        if self._arriving is None and len(self._held) > self._most:
            self._arriving = self._opens()
        while self._arriving is not None and len(self._held) >= CHUNK_OCTETS:
            await self._arriving.add(self._take(CHUNK_OCTETS))

    async def finish(self) -> tuple[Response, ...]:
        response = None
        try:
            response = await self._decide(await self._whole())
        finally:
            if response is None or not response.is_positive:
                await self.abandon()
        return (response,) * self._copies

    async def abandon(self) -> None:
        self._held.clear()
        if self._arriving is not None:
            arriving, self._arriving = self._arriving, None
            await arriving.abandon()

    async def _whole(self) -> bytes | Content:
        if self._arriving is None:
            return self._take(len(self._held))
        if self._held:
            await self._arriving.add(self._take(len(self._held)))
        return await self._arriving.finish()

    def _take(self, size: int) -> bytes:
        octets = bytes(memoryview(self._held)[:size])
        del self._held[:size]
        return octets
