# SPDX-License-Identifier: Apache-2.0
"""Sockets that several processes share, and a stop that loses no mail."""

import asyncio
import os
import signal
import socket

import pytest

from gateway.listener import serve
from gateway.listening import Listening, bind
from gateway.receiver import EdgeSettings
from gateway.smtpd import Edge


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


async def test_after_the_grace_the_rest_is_cut(start):
    running = await start(grace_s=0.05)
    client = await running.connect()
    await client.say(b"EHLO a")
    await client.say(b"MAIL FROM:<>")
    running.stop.set()
    await asyncio.wait_for(running.task, 5)
    assert await client.reader.read() == b""


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
