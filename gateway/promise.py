# SPDX-License-Identifier: Apache-2.0
"""From octets to the durable commit: large content first, in its own short transactions, then the group commit.

Whoever awaits a promise may say 250 when it returns; any exception means that nothing was promised, and what arrived is
abandoned or left to the sweep.
"""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TypeVar

from storage import content
from storage.commit_group import GroupCommitter
from storage.content import Content
from storage.database import Unit
from storage.states import Move

T = TypeVar("T")

CHUNKS_AT_ONCE = 4  # of all contents of a process: a commit group with more of them holds small mail back

# Threads of their own: big pieces of many mails must not stand before the short questions of small ones.
_heavy = ThreadPoolExecutor(2, "heavy")


async def keep(committer: GroupCommitter, move: Move, do: Callable[[Unit], T]) -> T:
    """Do this in the next commit group; returns once it is durable."""
    return await asyncio.wrap_future(committer.submit(move, do))


async def heavy(do: Callable[[], T]) -> T:
    """Do in a thread what would hold the loop."""
    return await asyncio.get_running_loop().run_in_executor(_heavy, do)


class Store:
    """Where the large contents of one process arrive, a few chunks at once."""

    def __init__(self, committer: GroupCommitter) -> None:
        self.committer = committer
        self.room = asyncio.Semaphore(CHUNKS_AT_ONCE)


class Arriving:
    """One large content on its way to the store; it holds one chunk while the caller gathers the next.

    `see` is shown each chunk, in order and in a thread.
    """

    def __init__(self, store: Store, now: datetime, see: Callable[[bytes], None]) -> None:
        self._store, self._now, self._see = store, now, see
        self._hash, self._size, self._position = hashlib.sha256(), 0, 0
        self._id: int | None = None
        self._under_way: asyncio.Task[None] | None = None

    @property
    def held_octets(self) -> int:
        """How much of the content is in memory."""
        return content.CHUNK_OCTETS if self._under_way is not None and not self._under_way.done() else 0

    async def add(self, chunk: bytes) -> None:
        """Take one chunk; waits until the one before it is durable, and raises what became of that."""
        await self._settled()
        self._under_way = asyncio.create_task(self._write(chunk))

    async def finish(self) -> Content:
        """All chunks are durable."""
        await self._settled()
        return Content(self._hash.digest(), self._size, id=self._id)

    async def abandon(self) -> None:
        """Delete what arrived."""
        if self._under_way is not None:
            await asyncio.gather(self._under_way, return_exceptions=True)
        if (content_id := self._id) is not None:
            self._id = None
            await keep(self._store.committer, Move.FORGET, lambda unit: content.abandon(unit, content_id))

    async def _settled(self) -> None:
        if self._under_way is not None:
            await asyncio.shield(self._under_way)  # whoever is cancelled here still abandons what arrived

    async def _write(self, chunk: bytes) -> None:
        async with self._store.room:
            packed = await heavy(lambda: self._pack(chunk))
            if self._id is None:
                self._id = await keep(self._store.committer, Move.ARRIVE, lambda unit: content.arrive(unit, self._now))
            content_id, position = self._id, self._position
            await keep(
                self._store.committer, Move.ARRIVE, lambda unit: content.add_chunk(unit, content_id, position, packed)
            )
            self._position += 1

    def _pack(self, chunk: bytes) -> bytes:
        self._see(chunk)
        self._hash.update(chunk)
        self._size += len(chunk)
        return content.pack(chunk)


async def arrive(committer: GroupCommitter, what: Content, now: datetime) -> Content:
    """Write content of more than one chunk ahead, as `arriving`."""
    if len(what.chunks) <= 1:
        return what
    content_id = await keep(committer, Move.ARRIVE, lambda unit: content.arrive(unit, now))
    for position, chunk in enumerate(what.chunks):
        await _add(committer, content_id, position, chunk)
    return Content(what.sha256, what.size_octets, id=content_id)


async def _add(committer: GroupCommitter, content_id: int, position: int, chunk: bytes) -> None:
    await keep(committer, Move.ARRIVE, lambda unit: content.add_chunk(unit, content_id, position, chunk))
