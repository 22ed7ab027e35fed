# SPDX-License-Identifier: Apache-2.0
"""Clients that send what is no SMTP, too early or for too long: what they hear, and what the log says of it."""

import asyncio
import logging
import os
import socket
import ssl

import pytest

from gateway.lines import Deadlines, Gone, Lines
from tests.gateway.smtp.conftest import Client

MUCH = b"x" * 70 + b"\r\n"


async def begun(client, verb=b"EHLO"):
    """As far as the recipients of a mail."""
    assert (await client.say(verb + b" a")).startswith(b"250")
    for line in (b"MAIL FROM:<>", b"RCPT TO:<ann@firm.example>", b"RCPT TO:<bob@firm.example>"):
        assert (await client.say(line)).startswith(b"250")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        # where the chunk ends cannot be told
        (b"BDAT\t4000000\r\n", b"501 5.5.4"),
        (b"BDAT x\r\n", b"501 5.5.4"),
        # a client that does not wait, with a whole mail
        (b"EHLO a\r\nMAIL FROM:<>\r\n", b"554 5.5.0"),
        # a browser
        (b"POST / HTTP/1.1\r\n", b"554 5.5.1"),
    ],
)
async def test_who_sends_on_still_hears_why(start, octets, code):
    client = await (await start()).connect()
    await begun(client)
    await client.send(octets + MUCH * 60_000)
    assert (await client.response()).startswith(code)
    assert await client.response() == b""


async def test_a_content_far_too_big_is_refused_for_each_recipient_over_lmtp(start_local, receiver):
    client = await (await start_local(max_size_octets=1000)).connect()
    await begun(client, b"LHLO")
    assert (await client.say(b"DATA")).startswith(b"354")
    await client.send(MUCH * 3000)
    said = [await client.response() for _ in range(4)]
    assert [one[:9] for one in said] == [b"552 5.3.4", b"552 5.3.4", b"421 4.7.0", b""]
    assert receiver.mails == []


def at_once(port, octets):
    """Connected, and with this in the server's socket before its loop has turned."""
    if isinstance(port, int):
        there = socket.create_connection(("127.0.0.1", port))
    else:
        there = socket.socket(socket.AF_UNIX)
        there.connect(port)
    there.sendall(octets)
    there.setblocking(False)
    return there


@pytest.mark.parametrize("how", ["LMTP", "submission"])
async def test_input_before_the_banner_is_seen_without_a_delay(start, start_local, one_login, how):
    running = await (start_local() if how == "LMTP" else start(one_login))
    there = at_once(running.port, b"LHLO a\r\nMAIL FROM:<>\r\n")
    connect = asyncio.open_connection if how == "submission" else asyncio.open_unix_connection
    client = Client(*await connect(sock=there))
    running.clients.append(client)
    assert (await client.response()).startswith(b"554 5.5.1 Wait for the greeting")
    assert await client.response() == b""


async def handshake(port, context, early):
    """Implicit TLS by hand: what comes early leaves with the end of the handshake."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="gw.example")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            incoming.write(await reader.read(65536))
    tls.write(early)
    writer.write(outgoing.read())
    return tls, incoming, reader, writer


async def test_input_before_the_banner_is_seen_after_the_handshake(start, one_login, server_tls, client_tls):
    running = await start(one_login, tls=server_tls, tls_implicit=True)
    tls, incoming, reader, writer = await handshake(running.port, client_tls, b"EHLO a\r\n")
    said = b""
    while not said:
        incoming.write(await reader.read(65536))
        try:
            said = tls.read(65536)
        except ssl.SSLWantReadError:
            continue
    writer.close()
    assert said.startswith(b"554 5.5.1 Wait for the greeting")


async def broken_record(client):
    """Octets that are no TLS, below TLS."""
    raw = client.writer.transport.get_extra_info("socket")
    os.write(raw.fileno(), b"\x17\x03\x03\x00\x20" + b"x" * 32)


@pytest.mark.parametrize("where", ["between commands", "amid DATA", "amid BDAT"])
async def test_a_broken_tls_record_is_one_line_and_no_traceback(start, server_tls, client_tls, caplog, where):
    caplog.set_level(logging.INFO)
    running = await start(tls=server_tls)
    client = await running.connect()
    await client.say(b"EHLO a")
    await client.start_tls(client_tls)
    await begun(client)
    if where == "amid DATA":
        assert (await client.say(b"DATA")).startswith(b"354")
    elif where == "amid BDAT":
        await client.send(b"BDAT 1000\r\nHello")
    task = next(iter(running.edge.open)).task
    await broken_record(client)
    await asyncio.wait_for(asyncio.wait([task]), 10)
    assert [row.getMessage().split(": ")[1:] for row in caplog.records if "broke" in row.getMessage()] == [
        ["the connection broke", "SSLError"]
    ]
    assert not [row for row in caplog.records if row.levelno >= logging.ERROR or row.exc_info]


async def nothing():
    """Nothing waits to be sent."""


@pytest.mark.parametrize("error", [TimeoutError(110, "Connection timed out"), ConnectionResetError(), ssl.SSLError()])
async def test_an_error_of_the_connection_is_no_deadline_of_ours(error):
    stream = asyncio.StreamReader()
    lines = Lines(stream, Deadlines, nothing)
    stream.set_exception(error)
    with pytest.raises(Gone):
        await lines.command()
