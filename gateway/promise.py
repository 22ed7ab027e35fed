# SPDX-License-Identifier: Apache-2.0
"""From a judged mail to the durable commit: large content first, in its own short transactions, then the group commit.

Whoever awaits a promise may say 250 when it returns; any exception means that nothing was promised.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from storage import content
from storage.commit_group import GroupCommitter
from storage.database import Unit
from storage.states import Move

T = TypeVar("T")


async def keep(committer: GroupCommitter, move: Move, do: Callable[[Unit], T]) -> T:
    """Do this in the next commit group; returns once it is durable."""
    return await asyncio.wrap_future(committer.submit(move, do))


async def arrive(committer: GroupCommitter, octets: bytes, now: datetime) -> int | None:
    """Write large content ahead as `arriving`; returns its id, or None for content small enough to go along."""
    if len(octets) <= content.CHUNK_OCTETS:
        return None
    content_id = await keep(committer, Move.ARRIVE, lambda unit: content.arrive(unit, octets, now))
    for position, chunk in enumerate(content.chunks(octets)):
        await _add(committer, content_id, position, chunk)
    return content_id


async def _add(committer: GroupCommitter, content_id: int, position: int, chunk: bytes) -> None:
    await keep(committer, Move.ARRIVE, lambda unit: content.add_chunk(unit, content_id, position, chunk))
