# SPDX-License-Identifier: Apache-2.0
"""The edge: what all connections of one listener share in one process.

Enters: connections that come, name their client and go. Leaves: who is turned away, the deadlines and bounds in force,
and a drain that lets mail on its way come to its end. What a Receiver has begun runs on whatever becomes of its
connection.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from gateway.lines import Deadlines
from gateway.receiver import Authenticator, EdgeSettings, Receiver
from storage.envelope import Session
from storage.response import R421_SHUTTING_DOWN, R421_TOO_MANY_CONNECTIONS, Response

log = logging.getLogger(__name__)

T = TypeVar("T")


class Connection(Protocol):
    """What the edge asks of one connection."""

    task: asyncio.Task[None]

    def leave_if_idle(self) -> None:
        """Say 421 and close, unless a mail is on its way."""
        ...

    def abort(self) -> None:
        """Cut the connection now."""
        ...


class Edge:
    """Settings, deciders, and the connections that are open."""

    def __init__(self, settings: EdgeSettings, receiver: Receiver, authenticator: Authenticator | None = None) -> None:
        self.settings = settings
        self.receiver = receiver
        self.authenticator = authenticator
        self.stopping = False
        self.open: set[Connection] = set()
        self._promises: set[asyncio.Task[Any]] = set()

    @property
    def deadlines(self) -> Deadlines:
        """Those in force now."""
        return self.settings.deadlines

    @property
    def max_errors(self) -> int:
        """How many refusals a session may collect now."""
        return self.settings.max_errors

    def enter(self, connection: Connection) -> Response | None:
        """A connection has come; the response turns it away."""
        if self.stopping:
            return R421_SHUTTING_DOWN
        if len(self.open) >= self.settings.max_connections:
            return R421_TOO_MANY_CONNECTIONS
        self.open.add(connection)
        return None

    def name(self, connection: Connection, peer: str) -> Response | None:
        """The client's address is known, from the socket or from a PROXY header; the response turns it away."""
        return None

    def leave(self, connection: Connection) -> None:
        """The connection's task has ended."""
        self.open.discard(connection)

    async def finish(self, session: Session, answer: Coroutine[Any, Any, T]) -> T:
        """Await an answer that must come to its end although its session may be cancelled meanwhile."""
        return await asyncio.shield(self.keep(session, answer))

    def keep(self, session: Session, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run this to its end, which a drain waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._promises.add(task)
        task.add_done_callback(self._promises.discard)
        task.add_done_callback(lambda done: _log_failure(done, session.id))
        return task

    def stop(self) -> None:
        """Send idle sessions away, let the others finish their mail."""
        self.stopping = True
        for connection in tuple(self.open):
            connection.leave_if_idle()

    async def drained(self) -> None:
        """Returns when no session is open and no promise is pending."""
        while self.open or self._promises:
            await asyncio.wait([*(connection.task for connection in self.open), *self._promises])

    async def cut(self) -> None:
        """Close what is left; what a Receiver has begun still comes to its end."""
        for connection in tuple(self.open):
            connection.abort()
        await self.drained()


def _log_failure(task: asyncio.Task[Any], session_id: str) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s: the content could not be judged", session_id, exc_info=error)
