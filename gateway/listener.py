# SPDX-License-Identifier: Apache-2.0
"""Listening sockets: bound once by the parent, served by any number of forked processes, each with its own loop.

Enter: `host:port` or `[v6]:port`, then an Edge that makes the connections. Leaves: nothing while it serves; on `stop`
the sockets are closed, idle sessions hear 421, mails on their way have the grace period, the rest is cut. Fails:
OSError when the address cannot be bound, ValueError when it is none.
"""

import asyncio
import errno
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from gateway.edge import Edge
from gateway.smtpd import Smtpd

BUSY = (errno.EADDRINUSE, errno.EADDRNOTAVAIL)  # another process still has it, or the network is not up yet
BACKLOG = 512
ACCEPT_AT_ONCE = 4  # asyncio accepts up to its backlog in one go: a small number shares a burst between the processes
GRACE_S = 30.0


class CannotListen(Exception):
    """The address is not free now; a later try may work. The text is for the operator."""


def bind(address: str) -> socket.socket:
    """A listening socket that forked children inherit; port 0 takes a free one."""
    host, port = _split(address)
    v6 = ":" in host
    bound = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if v6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        bound.setblocking(False)
        bound.set_inheritable(True)
    except OSError:
        bound.close()
        raise
    return bound


def _split(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not host:port or [v6]:port")
    v6 = host.startswith("[") and host.endswith("]")
    parsed = ip_address(host[1:-1] if v6 else host)  # raises ValueError: names are not resolved here
    if v6 != (parsed.version == 6):
        raise ValueError(f"{address!r} is not host:port or [v6]:port")
    return str(parsed), int(port)


async def serve(sockets: Sequence[socket.socket], edge: Edge, stop: asyncio.Event, grace_s: float = GRACE_S) -> None:
    """Serve until `stop` is set, then drain."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(lambda: Smtpd(edge), sock=each, backlog=ACCEPT_AT_ONCE) for each in sockets]
    for each in sockets:
        each.listen(BACKLOG)  # create_server has just set the smaller one
    await stop.wait()
    for server in servers:
        server.close()
    edge.stop()
    try:
        async with asyncio.timeout(grace_s):
            await edge.drained()
    except TimeoutError:
        await edge.cut()
