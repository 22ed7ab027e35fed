# SPDX-License-Identifier: Apache-2.0
"""Serves listening sockets that several forked processes share, each with its own loop.

Enter: Listenings, then an Edge for the connections. Leaves: nothing while it serves; on `stop` the sockets are closed,
idle sessions hear 421, mails on their way have the grace period, the rest is cut. Whom the kernel has already let in
is left to the processes that follow, or hears 421 where none does.
"""

import asyncio
import socket
from collections.abc import Sequence

from gateway.edge import Edge
from gateway.listening import Listening
from gateway.smtpd import Smtpd

ACCEPT_AT_ONCE = 4  # a small number shares a burst between the processes
GRACE_S = 30.0  # shorter than the supervisor's


async def serve(sockets: Sequence[Listening], edge: Edge, stop: asyncio.Event, grace_s: float = GRACE_S) -> None:
    """Serve until `stop` is set, then drain."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Smtpd(edge), sock=each, backlog=ACCEPT_AT_ONCE) for each in sockets]
    await stop.wait()
    edge.stop()
    for each, server in zip(sockets, servers, strict=True):
        if each.is_last:
            await _send_queue_away(each, edge)
        server.close()
    try:
        async with asyncio.timeout(grace_s):
            await edge.drained()
    except TimeoutError:
        await edge.cut()


async def _send_queue_away(bound: Listening, edge: Edge) -> None:
    """421 for those whom nobody will serve; the edge has stopped, and nothing is awaited after the last of them."""
    loop = asyncio.get_running_loop()
    while (waiting := _accepted(bound)) is not None:
        await loop.connect_accepted_socket(lambda: Smtpd(edge), waiting)


def _accepted(bound: Listening) -> socket.socket | None:
    while True:
        try:
            waiting, _ = bound.accept()
        except ConnectionAbortedError:
            continue
        except OSError:  # nobody waits, or no descriptor is left
            return None
        waiting.setblocking(False)
        return waiting
