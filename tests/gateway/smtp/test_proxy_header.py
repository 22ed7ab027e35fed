# SPDX-License-Identifier: Apache-2.0
"""The PROXY header: required from those who are listed, refused from all others (A20)."""

import asyncio
import ipaddress
import ssl

import pytest

from gateway.lines import Deadlines

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)
MAIL = b"EHLO client.example", b"MAIL FROM:<carl@customer.example>", b"RCPT TO:<support@firm.example>", b"DATA", b"."


@pytest.mark.parametrize(
    ("header", "peer"),
    [
        # version 1
        (b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n", "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 4000 25\r\n", "2001:db8::7"),
        # the proxy does not know: its own address counts
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
        # version 2: TCP over IPv4, and LOCAL (a health check)
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\x0f\xa0\0\x19", "192.0.2.7"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "127.0.0.1"),
    ],
)
async def test_a20_a_listed_proxy_names_the_client(start, receiver, header, peer):
    client = await (await start(proxy_from=LOOPBACK)).connect(greet=False)
    await client.send(header)
    assert (await client.response()).startswith(b"220")
    for line in MAIL:
        await client.say(line)
    assert receiver.mails[0][0].peer == peer


@pytest.mark.parametrize(
    "octets",
    [b"EHLO a\r\n", b"PROXY TCP4 no where 1 2\r\n", b"PROXY TCP4 \r\n", b"PROXY " + b"x" * 5000 + b"\r\n", b""],
)
async def test_a20_a_listed_proxy_without_a_good_header_is_cut(start, octets):
    client = await (await start(proxy_from=LOOPBACK, deadlines=Deadlines(proxy_s=0.05))).connect(greet=False)
    await client.send(octets)
    assert await client.reader.read() == b""


async def test_a20_proxy_comes_before_implicit_tls_even_in_one_segment(start, server_tls, client_tls):
    running = await start(tls=server_tls, tls_implicit=True, proxy_from=LOOPBACK)
    client = await running.connect(greet=False)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_tls.wrap_bio(incoming, outgoing, server_hostname="gw.example")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    await client.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\n" + outgoing.read())
    while True:
        incoming.write(await asyncio.wait_for(client.reader.read(65536), 5))
        try:
            tls.do_handshake()
            await client.send(outgoing.read())
            greeting = tls.read()
            break
        except ssl.SSLWantReadError:
            await client.send(outgoing.read())
    assert greeting.startswith(b"220 gw.example")
