# SPDX-License-Identifier: Apache-2.0
"""Sockets that several processes share, and a stop that loses no mail."""

import asyncio
import contextlib
import ipaddress
import os
import signal
import socket
import struct

import pytest

from gateway.listener import serve
from gateway.listening import Listening, bind
from gateway.receiver import EdgeSettings
from gateway.smtpd import Edge
from storage.response import R550_NO_SUCH_ADDRESS

LOOPBACK = ipaddress.ip_network("127.0.0.0/8")


@pytest.mark.parametrize(
    "address", ["", "localhost:25", "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", "::1:25", "[::1]"]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError):
        bind(address)


@pytest.mark.parametrize(("address", "family"), [("127.0.0.1:0", socket.AF_INET), ("[::1]:0", socket.AF_INET6)])
def test_both_families_are_bound_and_shared(address, family):
    with bind(address) as bound:
        assert bound.family == family
        assert not bound.get_inheritable()  # by a program that we start; a fork has it anyway
        assert not bound.getblocking()


def test_a_port_in_use_is_an_os_error():
    with bind("127.0.0.1:0") as bound, pytest.raises(OSError, match="in use"):
        bind(f"127.0.0.1:{bound.getsockname()[1]}")


async def test_on_stop_idle_sessions_hear_421_and_a_mail_on_its_way_is_finished(start, receiver):
    running = await start()
    idle, busy = await running.connect(), await running.connect()
    await busy.send(b"EHLO a\r\n")
    await busy.response()
    await busy.send(b"MAIL FROM:<>\r\nRCPT TO:<a@firm.example>\r\n")
    for _ in range(2):
        await busy.response()
    running.stop.set()
    assert (await idle.response()).startswith(b"421 4.3.2")
    assert await idle.response() == b""
    assert (await busy.say(b"DATA")).startswith(b"354")
    assert (await busy.say(b"Hello\r\n.")).startswith(b"250 2.6.0")
    assert (await busy.response()).startswith(b"421 4.3.2")
    await asyncio.wait_for(running.task, 5)
    assert len(receiver.mails) == 1
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", running.port)


class Remembered:
    """Stands for the session log."""

    def __init__(self, edge):
        self.outcomes, edge.session_log = [], self

    def ended(self, _listener, _session, tally):
        self.outcomes.append(tally.outcome())


TO_SUPPORT = (b"MAIL FROM:<>", b"RCPT TO:<a@firm.example>")


@pytest.mark.parametrize(
    ("said", "begun"),
    [
        # Between two commands of a mail.
        ((b"MAIL FROM:<>",), b""),
        # In its content.
        ((*TO_SUPPORT, b"DATA"), b"Subject: He"),
        # In a chunk, and between two chunks.
        (TO_SUPPORT, b"BDAT 9 LAST\r\nSub"),
        ((*TO_SUPPORT, b"BDAT 2\r\n"), b""),
    ],
)
async def test_after_the_grace_the_rest_hears_421_and_is_logged_with_its_id(start, receiver, caplog, said, begun):
    caplog.set_level("INFO")
    running = await start(grace_s=0.1)
    kept = Remembered(running.edge)
    client = await running.connect()
    for line in (b"EHLO a", *said):
        assert (await client.say(line))[:3] in (b"250", b"354")
    await client.send(begun)
    (connection,) = running.edge.open
    running.stop.set()
    assert (await client.response()).startswith(b"421 4.3.2 ")
    assert await client.response() == b""
    await client.close()
    await asyncio.wait_for(running.task, 5)
    assert [outcome.value for outcome in kept.outcomes] == ["shutdown"]
    assert [line for line in caplog.messages if connection.client.id in line and "421 4.3.2" in line]
    assert receiver.mails == []
    assert receiver.begun == receiver.abandoned


async def test_a_content_that_never_pauses_hears_421_at_the_end_of_the_grace(start):
    running = await start(grace_s=0.1)
    client = await running.connect()
    await client.say(b"EHLO a")
    await client.send(b"MAIL FROM:<>\r\nRCPT TO:<a@firm.example>\r\nDATA\r\n")
    for _ in range(3):
        await client.response()
    running.stop.set()
    answer = asyncio.create_task(client.response())
    while not answer.done():
        await client.send(b"x" * 78 + b"\r\n")
        await asyncio.sleep(0)
    assert answer.result().startswith(b"421 4.3.2 ")


async def test_who_is_answered_by_nobody_when_the_grace_ends_is_cut_and_logged(start, receiver, caplog):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def asks_a_slow_store(*_args):
        asked.set()
        await go_on.wait()

    receiver.on_sender = asks_a_slow_store
    running = await start(grace_s=0.05)
    kept = Remembered(running.edge)
    client = await running.connect()
    await client.say(b"EHLO a")
    await client.send(b"MAIL FROM:<>\r\n")
    await asked.wait()
    (connection,) = running.edge.open
    running.stop.set()
    assert await client.reader.read() == b""
    assert f"{connection.client.id}: cut before it was answered" in caplog.messages
    await running.task
    assert [outcome.value for outcome in kept.outcomes] == ["shutdown"]


async def test_a_long_grace_ends_when_a_stop_follows(start):
    running = await start(grace_s=3600)
    client = await running.connect()
    await client.say(b"EHLO a")
    await client.say(b"MAIL FROM:<>")
    running.stop.set()
    running.hurry.set()
    assert (await client.response()).startswith(b"421 4.3.2 ")


async def silent_before_the_greeting(start, tls):
    return await start(grace_s=3600, greet_delay_s=60), (), b"421 4.3.2 "


async def silent_before_the_proxy_header(start, tls):
    return await start(grace_s=3600, proxy_from=(LOOPBACK,)), (), b"421 4.3.2 "


async def silent_in_the_handshake(start, tls):
    return await start(grace_s=3600, tls=tls, tls_implicit=True), (), b""


async def silent_after_starttls(start, tls):
    return await start(grace_s=3600, tls=tls), (b"EHLO a", b"STARTTLS"), b""


@pytest.mark.parametrize(
    "silent",
    [
        silent_before_the_greeting,
        silent_before_the_proxy_header,
        # Nothing can be said to these two.
        silent_in_the_handshake,
        silent_after_starttls,
    ],
)
async def test_a_stop_waits_for_nobody_who_has_no_mail_on_its_way(start, server_tls, silent):
    running, said, heard = await silent(start, server_tls)
    client = await running.connect(greet=bool(said))
    for line in said:
        assert (await client.say(line)).startswith(b"2")
    async with asyncio.timeout(5):
        while not running.edge.open:  # noqa: ASYNC110
            await asyncio.sleep(0)
        running.stop.set()
        with contextlib.suppress(ConnectionResetError):
            assert (await client.response()).startswith(heard)
        await running.task


async def test_a_stop_amid_an_answer_is_heard_behind_it(start, receiver):
    running = await start(grace_s=3600)

    async def stops(*_args):
        running.stop.set()
        return R550_NO_SUCH_ADDRESS

    receiver.on_sender = stops
    client = await running.connect()
    await client.say(b"EHLO a")
    assert (await client.say(b"MAIL FROM:<>")).startswith(b"550 ")
    assert (await client.response()).startswith(b"421 4.3.2 ")
    await asyncio.wait_for(running.task, 5)


async def test_a_client_that_is_gone_before_it_is_accepted_has_no_session(start, receiver):
    running = await start(proxy_from=(LOOPBACK,))
    running.edge.session_log = kept = Remembered(running.edge)
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@firm.example>\r\nBDAT 3 LAST\r\nA:b")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    other = await running.connect(greet=False)
    await other.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 25\r\n")
    assert (await other.response()).startswith(b"220 ")
    assert (kept.outcomes, receiver.begun, len(running.edge.open)) == ([], 0, 1)


def waiting_at(bound, clients=10):
    """Clients that the kernel has let in and nobody has accepted."""
    return [socket.create_connection(bound.getsockname(), timeout=10) for _ in range(clients)]


async def stopped_at_once(bound, receiver):
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(serve([bound], Edge(EdgeSettings("gw.example"), receiver), stop), 10)


async def test_the_last_to_stop_says_421_to_those_whom_nobody_has_accepted_yet(receiver):
    bound = bind("127.0.0.1:0")
    clients = waiting_at(bound)
    bound.last_call()
    await stopped_at_once(bound, receiver)
    for client in clients:
        with client:
            assert client.recv(200).startswith(b"421 4.3.2")


async def test_who_is_followed_by_others_leaves_them_those_whom_nobody_has_accepted_yet(receiver):
    with bind("127.0.0.1:0") as bound:
        clients = waiting_at(bound)
        await stopped_at_once(Listening.inherited(os.dup(bound.fileno())), receiver)
        for client in clients:
            accepted, _ = bound.accept()
            accepted.close()
            client.close()


async def serve_until_term(bound, name, receiver):
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve([bound], Edge(EdgeSettings(name), receiver), stop)


def forked(bound, name, receiver):
    """A child that serves on the inherited socket, as the supervisor makes it."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        asyncio.run(serve_until_term(bound, name, receiver))
        code = 0
    finally:
        os._exit(code)


def names_met(port, sessions):
    """Hold several sessions open at once and say who greeted them."""
    held = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(sessions)]
    try:
        return {connection.recv(200).split()[1] for connection in held}
    finally:
        for connection in held:
            connection.close()


def test_two_forked_processes_share_one_listening_socket(receiver):
    with bind("127.0.0.1:0") as bound:
        children = [forked(bound, name, receiver) for name in ("one.example", "two.example")]
        try:
            met = set()
            for _ in range(50):
                met |= names_met(bound.getsockname()[1], 20)
                if len(met) == 2:
                    break
            assert met == {b"one.example", b"two.example"}
        finally:
            for child in children:
                os.kill(child, signal.SIGTERM)
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [0, 0]
