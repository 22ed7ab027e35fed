# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end: the peer's IP address, and the client that a listed proxy names (PROXY v1 and v2).

Enters: a transport, or a header that aiosmtpd has read. Leaves: plain text addresses; "local" for a local socket; None
where the client has gone before it was asked.
"""

import asyncio
import socket
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from aiosmtpd.proxy_protocol import AF, PROTO, V2_CMD, ProxyData

from gateway.receiver import EdgeSettings, Network

REMEMBERED = 4096


def peer_of(transport: asyncio.BaseTransport) -> str | None:
    """The client's IP address in its plain form; "local" for a local socket, which has none; None: it has gone."""
    if transport.get_extra_info("socket").family == socket.AF_UNIX:
        return "local"
    name = transport.get_extra_info("peername")  # the kernel names no peer of a connection that was reset
    return _plain(str(name[0])) if name else None


def is_listed(peer: str, settings: EdgeSettings) -> bool:
    return is_within(peer, settings.proxy_from)


def is_within(peer: str, networks: tuple[Network, ...]) -> bool:
    """Whether the peer has an address, and in one of these."""
    if not networks or peer == "local":
        return False
    address = _parsed(peer)
    return any(address in network for network in networks)


# A flood comes from the same addresses again and again, and parsing one costs more than all the rest of refusing it.
_parsed = lru_cache(REMEMBERED)(ip_address)


@lru_cache(REMEMBERED)
def _plain(name: str) -> str:
    address = ip_address(name.partition("%")[0])
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def proxied_peer(header: ProxyData) -> str | None:
    """The client's address; "" where the proxy speaks for itself (LOCAL, UNKNOWN); None for a bad header."""
    if not header.valid:
        return None
    if header.command == V2_CMD.LOCAL or header.family in (AF.UNSPEC, AF.UNIX):
        return ""
    return _plain(str(header.src_addr)) if header.protocol == PROTO.STREAM else None
