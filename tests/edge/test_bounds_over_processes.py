# SPDX-License-Identifier: Apache-2.0
"""Bounds that hold over all processes of a listener together, also after one of them was killed."""

import contextlib
import fcntl
import os
import resource
import signal
import socket

import pytest

from tests.support.dns import DnsZone
from tests.support.installation import Installation
from tests.support.smtp_client import RawClient, stuffed
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SLOTS = 6
PER_ADDRESS = 3
CONTENT = b"From: carl@customer.example\r\nTo: support@firm.example\r\nSubject: tractor\r\n\r\nIt is broken.\r\n"


@pytest.fixture
def run_mx(tmp_path, tls_files):
    """run_mx(limits, **mx) starts the processes of the MX alone."""
    zone, made = DnsZone(), []

    def run_mx(limits, **mx):
        config = {"limits": limits, "mx": {"proxy_protocol_from": ["127.0.0.1"], **mx}}
        one = Installation(tmp_path, nameservers=[zone.address], tls=tls_files, config=config)
        made.append(one)
        one.set_up(zone)
        one.start("mx")
        return one

    yield run_mx
    for one in made:
        one.close()
    zone.close()


@pytest.fixture
def narrow(run_mx):
    """Two processes with six connections in all and three of one address."""
    return run_mx({"max_connections": SLOTS, "max_connections_per_address": PER_ADDRESS, "stress_at": 100}, processes=2)


@pytest.fixture
def crowd(narrow):
    """crowd(peer) is a client of that address in the midst of a content, or None where it was turned away."""
    with contextlib.ExitStack() as clients:

        def join(peer):
            client = clients.enter_context(RawClient(("127.0.0.1", narrow.mx_port), proxy=(peer, 1234)))
            if client.greeting.code != 220:
                assert (client.greeting.code, client.greeting.text[:5]) == (421, "4.7.0")
                return None
            assert client.ehlo().code == 250
            for line in ("MAIL FROM:<carl@customer.example>", "RCPT TO:<support@firm.example>", "DATA"):
                assert client.command(line).code < 400
            return client

        yield join


@contextlib.contextmanager
def asleep(process):
    """While it sleeps, every connection goes to the other."""
    os.kill(process, signal.SIGSTOP)
    yield
    os.kill(process, signal.SIGCONT)


def is_alive(client):
    """Whether the server holds the connection still; it says nothing amid a content."""
    client.sock.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        return client.sock.recv(1, socket.MSG_PEEK) != b""
    return True


def test_connections_are_counted_over_both_processes(crowd):
    clients = [crowd(f"192.0.2.{number}") for number in range(SLOTS)]
    assert None not in clients
    assert [crowd(f"198.51.100.{number}") for number in range(6)] == [None] * 6
    assert clients[0].send_content(CONTENT).code == 250
    clients[0].quit()
    assert wait_until(lambda: crowd("198.51.100.9"), "the slot that is free again")
    assert all(is_alive(client) for client in clients[1:])


def test_connections_of_one_address_are_counted_over_both_processes(crowd):
    assert sum(crowd("192.0.2.1") is not None for _ in range(12)) == PER_ADDRESS
    assert crowd("192.0.2.2") is not None


def test_a_killed_process_takes_no_slot_with_it(narrow, crowd):
    """Its slots are free once the supervisor has buried it; those of the other process stay taken."""
    one, other = narrow.programs[0].children()
    with asleep(other):
        mortal = [crowd(f"192.0.2.{number}") for number in range(2)]
    with asleep(one):
        others = [crowd(f"192.0.2.{number}") for number in range(2, SLOTS)]
    os.kill(one, signal.SIGKILL)
    narrow.programs[0].wait_for_line("starting it again")
    lost = [client for client in (*mortal, *others) if not is_alive(client)]
    assert lost == mortal
    newcomers = [f"198.51.100.{number}" for number in range(len(lost))]
    assert all(wait_until(lambda peer=peer: crowd(peer), "a slot of the dead") for peer in newcomers)
    assert crowd("203.0.113.1") is None


def test_a_process_may_open_more_files_than_a_login_shell_grants(run_mx):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    try:
        house = run_mx({"max_connections": 100_000}, processes=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (child,) = house.programs[0].children()
    assert resource.prlimit(child, resource.RLIMIT_NOFILE) == (hard, hard)
    said = house.programs[0].lines("limits.max_connections is 100000, but this host grants")
    assert len(said) == (hard < 100_064)


def test_low_disk_is_452_at_mail_and_one_line_in_the_log(run_mx):
    house = run_mx({"min_free_disk": "1000GB"}, processes=1)
    with house.mx(proxy=("192.0.2.1", 1234)) as client:
        for _ in range(3):
            answer = client.command("MAIL FROM:<carl@customer.example>")
            assert (answer.code, answer.text.split()[0]) == (452, "4.3.1")
    said = house.programs[0].lines("no mail is taken")
    assert len(said) == 1
    assert "limits.min_free_disk is 1000000 MB" in said[0]


@contextlib.contextmanager
def held_writers(path):
    """Nobody else can write to SQLite, as if its disk hung."""
    with path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_a_slow_store_is_452_at_mail_and_what_waits_for_it_is_still_accepted(run_mx):
    house = run_mx({"slow_store": "100ms"}, processes=1)

    def mail_from():
        answer = second.command("MAIL FROM:<carl@customer.example>")
        second.command("RSET")
        return answer.code

    with house.mx(proxy=("192.0.2.1", 1)) as first, house.mx(proxy=("192.0.2.2", 2)) as second:
        with held_writers(house.directory / "casegate.db.writer"):
            for line in ("MAIL FROM:<carl@customer.example>", "RCPT TO:<support@firm.example>", "DATA"):
                assert first.command(line).code < 400
            first.send(stuffed(CONTENT))
            wait_until(lambda: mail_from() == 452, "the store to be called slow")
        assert first.read().code == 250
        wait_until(lambda: mail_from() == 250, "mail to be taken again")
