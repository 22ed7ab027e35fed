# SPDX-License-Identifier: Apache-2.0
"""Who waits for its client, and for how long: where there is no room left, one of them makes it.

Enters: a connection, each time it begins to wait, with how much would be lost. Leaves: the one to send away. Outside a
mail that is whoever has waited longest; amid one, and amid a content, only who has been silent for longer than a
living client is. Nobody goes whose octets have come and are not read yet. Costs the same however many wait.
"""

import time
from collections import OrderedDict
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

PATIENCE_S = 0.5  # amid a mail a living client needs a round trip for its next command
LOOKS = 8  # at those who turn out to be busy, before nobody is found


class Rank(Enum):
    """What it waits for."""

    COMMAND = auto()  # or the handshake, or the answer of a login: no mail is on its way
    MAIL = auto()  # the next command, between MAIL and the content
    CONTENT = auto()
    LARGE = auto()  # a content that has memory reserved


class _Waits(Protocol):
    @property
    def may_go(self) -> bool: ...


C = TypeVar("C", bound=_Waits)


class Waiting(Generic[C]):
    """A queue for each rank, the longest wait first."""

    def __init__(self) -> None:
        self._queues: dict[Rank, OrderedDict[C, float]] = {rank: OrderedDict() for rank in Rank}

    def add(self, connection: C, rank: Rank) -> None:
        """It waits from now on."""
        self.drop(connection)
        self._queues[rank][connection] = time.monotonic()

    def drop(self, connection: C) -> None:
        """It waits no longer."""
        for queue in self._queues.values():
            queue.pop(connection, None)

    def dispensable(self) -> C | None:
        """Who makes room for a newcomer: the silent before those that a newcomer would be as well."""
        return (
            self.silent(Rank.COMMAND)
            or self.silent(Rank.MAIL, Rank.CONTENT, Rank.LARGE)
            or self._first(Rank.COMMAND, time.monotonic())
        )

    def silent(self, *ranks: Rank) -> C | None:
        """Who of these has waited longest, and longer than a living client needs."""
        before = time.monotonic() - PATIENCE_S
        found = [(self._queues[rank][one], one) for rank in ranks if (one := self._first(rank, before)) is not None]
        return min(found, key=lambda each: each[0])[1] if found else None

    def _first(self, rank: Rank, before: float) -> C | None:
        """The longest waiting of those that began before; who is busy just now begins again."""
        queue = self._queues[rank]
        for _ in range(min(LOOKS, len(queue))):
            connection, since = next(iter(queue.items()))
            if since >= before:
                return None
            if connection.may_go:
                return connection
            queue.move_to_end(connection)
            queue[connection] = time.monotonic()
        return None
