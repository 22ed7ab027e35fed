# SPDX-License-Identifier: Apache-2.0
"""Stress, and the memory of all mails together: what tightens by itself, and what small mail never feels."""

import ipaddress
import logging

import pytest

import gateway.waiting
from gateway.lines import Deadlines
from gateway.stress import Stress
from tests.support.edge import OPENING, until

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


async def test_stress_shortens_also_the_waits_under_way_and_says_so(start, caplog):
    running = await start(
        max_connections=5, stress_at_percent=80, stress_timeout_s=0.05, deadlines=Deadlines(command_s=300)
    )
    idle = [await running.connect() for _ in range(3)]
    last = await running.connect()
    for client in (*idle, last):
        assert (await client.response()).startswith(b"421 4.7.0 Too busy")
    assert "stress: 4 of 5 connections are taken" in caplog.text
    with caplog.at_level(logging.WARNING):
        await until(lambda: "stress is over" in caplog.text)
    patient = await running.connect()
    assert (await patient.say(b"NOOP")).startswith(b"250")


async def test_stress_also_ends_the_wait_for_a_content_and_for_a_login(start, one_login, server_tls, client_tls):
    running = await start(
        one_login,
        tls=server_tls,
        max_connections=3,
        stress_at_percent=100,
        stress_timeout_s=0.05,
        unlimited_from=LOOPBACK,
    )
    client = await running.connect()
    await client.start_tls(client_tls)
    await client.say(b"EHLO a")
    assert (await client.say(b"AUTH PLAIN AGFubgBjb3JyZWN0IGhvcnNl")).startswith(b"235")
    for line in OPENING[1:]:
        await client.say(line)
    assert (await client.say(b"DATA")).startswith(b"354")
    asks = await running.connect()
    await asks.start_tls(client_tls)
    await asks.say(b"EHLO a")
    assert (await asks.say(b"AUTH LOGIN")).startswith(b"334")
    await running.connect()
    assert (await client.response()).startswith(b"421 4.4.2")
    assert (await asks.response()).startswith(b"421 4.7.0 Too busy")


async def test_stress_ends_a_session_at_the_second_refusal(start):
    running = await start(max_connections=2, stress_at_percent=50, max_errors=20)
    client = await running.connect()
    await client.say(b"WHAT")
    assert (await client.say(b"WHAT")).startswith(b"500")
    assert (await client.response()).startswith(b"421")


@pytest.mark.parametrize(
    ("taken", "is_on"),
    [
        pytest.param([79], [False], id="below"),
        pytest.param([80, 100, 61, 60, 59, 79], [True, True, True, True, False, False], id="until far below"),
        pytest.param([80, 59, 80], [True, False, True], id="and again"),
    ],
)
def test_stress_begins_high_and_ends_low(taken, is_on):
    stress = Stress(at_percent=80, timeout_s=10)
    assert [(stress.look(one), stress.is_on)[1] for one in taken] == is_on


def test_stress_makes_no_deadline_longer():
    usual = Deadlines(command_s=2, session_s=5, content_idle_s=3, content_grace_s=1, handshake_s=4)
    tight = Stress(at_percent=80, timeout_s=10).deadlines(usual)
    assert (tight.command_s, tight.session_s, tight.content_idle_s) == (2, 5, 3)
    assert (tight.content_grace_s, tight.handshake_s) == (1, 4)
    assert tight.content_octets_per_s > usual.content_octets_per_s


async def test_a_content_that_outgrows_the_memory_of_all_is_452_and_the_session_goes_on(start, receiver):
    running = await start(memory_octets=131_072)
    client = await running.connect()
    for line in OPENING:
        await client.say(line)
    assert (await client.say(b"DATA")).startswith(b"354")
    await client.send(b"a: b\r\n\r\n" + b"x" * 70 * 4000 + b"\r\n.\r\n")
    assert (await client.response()).startswith(b"452 4.3.1")
    assert receiver.mails == []
    assert running.edge._register.used().octets == 0
    for line in OPENING[1:]:
        await client.say(line)
    assert (await client.say(b"DATA")).startswith(b"354")
    assert (await client.say(b"a: b\r\n\r\nsmall\r\n.")).startswith(b"250")


async def holding(running, octets):
    """A client in the midst of a content of about so many octets, all of which are in memory."""
    client = await running.connect()
    for line in (*OPENING, b"DATA"):
        await client.say(line)
    await client.send(b"a: b\r\n\r\n" + b"x" * 69 * (octets // 72) + b"\r\n")
    return client


async def test_small_mail_is_taken_where_the_memory_is_gone(start, receiver):
    running = await start(memory_octets=131_072, max_line_octets=1_000_000)
    first = await holding(running, 190_000)
    await until(lambda: running.edge._register.used().octets == 131_072)
    second = await running.connect()
    for line in (*OPENING, b"DATA"):
        assert (await second.say(line))[:1] in b"23"
    assert (await second.say(b"a: b\r\n\r\nsmall\r\n.")).startswith(b"250")
    assert (await first.say(b".")).startswith(b"250")


async def test_a_content_that_brings_nothing_makes_room_in_memory(start, receiver, monkeypatch):
    monkeypatch.setattr(gateway.waiting, "PATIENCE_S", 0.0)
    running = await start(memory_octets=131_072)
    first = await holding(running, 190_000)
    await until(lambda: running.edge._register.used().octets == 131_072)
    second = await holding(running, 190_000)
    assert (await first.response()).startswith(b"421 4.7.0 Too busy")
    assert (await second.say(b".")).startswith(b"250")
    await until(lambda: running.edge._register.used() == (1, 0))
    assert receiver.abandoned == 1


async def test_memory_that_runs_out_is_stress(start, caplog):
    running = await start(memory_octets=131_072)
    await holding(running, 190_000)
    await until(lambda: running.edge._register.used().octets == 131_072)
    await running.connect()
    assert "stress: 2 of 2000 connections are taken, mails hold 0 of 0 MB" in caplog.text
