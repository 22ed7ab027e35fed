# SPDX-License-Identifier: Apache-2.0
"""Serves listening sockets that several forked processes share, each with its own loop.

Enter: Listenings, then an Edge for the connections. Leaves: nothing while it serves; on `stop` the sockets are closed,
idle sessions hear 421, mails on their way have the grace period, the rest hears 421 and is cut. Whom the kernel has
already let in is left to the processes that follow, or hears 421 where none does.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Sequence

from gateway.edge import Edge
from gateway.listening import Listening
from gateway.smtpd import Smtpd

log = logging.getLogger(__name__)

ACCEPT_AT_ONCE = 4  # a small number shares a burst between the processes
ACCEPT_PAUSE_S = 1.0  # when no descriptor or no memory is left
GRACE_S = 30.0  # at a stop; shorter than the supervisor's
_CREDENTIALS = struct.Struct("=iII")  # struct ucred: process, user, group


async def serve(
    sockets: Sequence[Listening],
    edge: Edge,
    stop: asyncio.Event,
    grace_s: float = GRACE_S,
    hurry: asyncio.Event | None = None,
) -> None:
    """Serve until `stop` is set, then drain; `hurry` ends the grace before its time."""
    acceptors = [_Acceptor(each, edge) for each in sockets]
    await stop.wait()
    edge.stop()
    for acceptor in acceptors:
        await acceptor.close()
    drained = asyncio.ensure_future(edge.drained())
    hurried = asyncio.ensure_future((hurry or asyncio.Event()).wait())
    await asyncio.wait((drained, hurried), timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    if not drained.done():
        await edge.cut()
        await drained


class _Acceptor:
    """Accepts on one socket and forgets nobody; asyncio's server drops those it has accepted but not yet presented."""

    def __init__(self, bound: Listening, edge: Edge) -> None:
        self._bound, self._edge = bound, edge
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[None]] = set()
        self._closed = False
        self._begin()

    def _begin(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._bound, self._accept_some)

    def _accept_some(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            if not self._accept_one():
                return

    def _accept_one(self) -> bool:
        """Whether there may be another."""
        try:
            client, _ = self._bound.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:
            return True
        except OSError as error:
            log.error("nobody can be accepted now: %s", error.strerror)
            self._loop.remove_reader(self._bound)
            self._loop.call_later(ACCEPT_PAUSE_S, self._begin)
            return False
        client.setblocking(False)
        task = self._loop.create_task(self._present(client))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        return True

    async def _present(self, client: socket.socket) -> None:
        user = _user_of(client) if client.family == socket.AF_UNIX else None
        try:
            _, smtpd = await self._loop.connect_accepted_socket(lambda: Smtpd(self._edge), client)
        except OSError as error:
            log.info("a connection ended before it began: %s", error)
            client.close()
            return
        if user is not None and smtpd in self._edge.open:
            log.info("%s: opened by user id %d", smtpd.client.id, user)

    async def close(self) -> None:
        """Nothing is awaited between the last look into the queue and the end of the socket."""
        self._closed = True
        self._loop.remove_reader(self._bound)
        while self._bound.is_last and self._accept_one():
            pass
        self._bound.close()
        if self._arriving:
            await asyncio.wait(self._arriving)


def _user_of(client: socket.socket) -> int:
    """Who has opened a Unix socket, by the word of the kernel (unix(7))."""
    _pid, user, _group = _CREDENTIALS.unpack(
        client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return int(user)
