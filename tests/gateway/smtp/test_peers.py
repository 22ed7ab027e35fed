# SPDX-License-Identifier: Apache-2.0
"""Who is at the other end, in one form whatever names it."""

import asyncio
import ipaddress
import socket

import pytest
from aiosmtpd.proxy_protocol import get_proxy

from gateway.peers import is_within, peer_of, proxied_peer


class Transport(asyncio.BaseTransport):
    """Of a socket of this family, whose peer has this name."""

    def __init__(self, family, name):
        super().__init__({"socket": socket.socket(family), "peername": name})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.get_extra_info("socket").close()


@pytest.mark.parametrize(
    ("family", "name", "peer"),
    [
        (socket.AF_INET, ("192.0.2.7", 1), "192.0.2.7"),
        (socket.AF_INET6, ("2001:DB8:0::7", 1, 0, 0), "2001:db8::7"),
        # one listener for both families
        (socket.AF_INET6, ("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (socket.AF_INET6, ("fe80::1%eth0", 1, 0, 2), "fe80::1"),
        (socket.AF_UNIX, "", "local"),
        # reset before it was accepted: it is not from here
        (socket.AF_INET, None, None),
        (socket.AF_INET6, None, None),
    ],
)
def test_the_peer_of_a_socket(family, name, peer):
    with Transport(family, name) as transport:
        assert peer_of(transport) == peer


@pytest.mark.parametrize(
    ("line", "peer"),
    [
        (b"PROXY TCP4 192.0.2.7 192.0.2.1 1 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 1 25\r\n", "2001:db8::7"),
        # a proxy that listens for both families
        (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 25\r\n", "192.0.2.7"),
        (b"PROXY UNKNOWN\r\n", ""),
    ],
)
async def test_the_peer_that_a_proxy_names(line, peer):
    stream = asyncio.StreamReader()
    stream.feed_data(line)
    assert proxied_peer(await get_proxy(stream)) == peer


def test_a_mapped_peer_is_within_the_network_of_its_plain_address():
    with Transport(socket.AF_INET6, ("::ffff:192.0.2.7", 1, 0, 0)) as transport:
        assert is_within(peer_of(transport), (ipaddress.ip_network("192.0.2.0/24"),))
