# SPDX-License-Identifier: Apache-2.0
"""The bounds of a listener at its sockets: who is turned away, and who makes room."""

import asyncio
import contextlib
import ipaddress
from types import SimpleNamespace

import pytest

import gateway.edge
import gateway.supply
import gateway.waiting
from gateway.edge import Edge, TurnedAway
from gateway.receiver import EdgeSettings
from gateway.register import Register
from gateway.seat import Memory, Seat, SeatedReceiver
from gateway.supply import Floor, Supply
from storage.address import parse
from storage.envelope import Envelope, Session
from storage.response import R250_SENDER_OK, R421_MAKE_ROOM, R452_NO_STORAGE
from tests.support.cost import seconds
from tests.support.edge import OPENING, until

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


async def proxied(running, peer):
    """A client whose address a proxy names, and the first response it hears."""
    client = await running.connect(greet=False)
    family = "TCP6" if ":" in peer else "TCP4"
    here = "::1" if ":" in peer else "127.0.0.1"
    await client.send(f"PROXY {family} {peer} {here} 1234 25\r\n".encode())
    return client, await client.response()


@pytest.mark.parametrize(
    ("peers", "caps"),
    [
        pytest.param(["192.0.2.1"] * 3, {"max_connections_per_address": 2}, id="one address"),
        pytest.param(["192.0.2.1", "192.0.2.2", "192.0.2.3"], {"max_connections_per_subnet": 2}, id="one /24"),
        pytest.param(["2001:db8::1", "2001:db8::2", "2001:db8::3"], {"max_connections_per_subnet": 2}, id="one /64"),
    ],
)
async def test_the_third_of_one_network_is_turned_away_and_others_are_not(start, peers, caps):
    running = await start(proxy_from=LOOPBACK, **caps)
    first, greeting = await proxied(running, peers[0])
    assert greeting.startswith(b"220 ")
    assert (await proxied(running, peers[1]))[1].startswith(b"220 ")
    third, refusal = await proxied(running, peers[2])
    assert refusal.startswith(b"421 4.7.0 Too many connections from your network")
    assert await third.response() == b""
    assert (await proxied(running, "198.51.100.1"))[1].startswith(b"220 ")
    await first.say(b"QUIT")
    await until(lambda: len(running.edge.open) == 2)
    assert (await proxied(running, peers[2]))[1].startswith(b"220 ")


async def test_a_client_that_has_its_share_takes_nobody_elses_place(start):
    """Each from an address of its own; with no slot left, one more from any of them would be a swap of strangers."""
    running = await start(max_connections=3, max_connections_per_address=1)

    async def greeting(host):
        client = await running.connect(greet=False, host=host)
        return await client.response()

    for host in ("127.0.0.1", "127.0.1.1", "127.0.2.1"):
        assert (await greeting(host)).startswith(b"220 ")
    waiting = tuple(running.clients)
    assert (await greeting("127.0.2.1")).startswith(b"421 4.7.0 Too many connections from your network")
    for client in waiting:
        assert (await client.say(b"NOOP")).startswith(b"250 ")
    assert (await greeting("127.0.3.1")).startswith(b"220 ")


async def test_who_comes_without_a_proxy_is_counted_at_once(start):
    running = await start(max_connections_per_address=1)
    await running.connect()
    assert (await (await running.connect(greet=False)).response()).startswith(b"421 4.7.0")


async def test_own_hosts_are_not_counted(start):
    running = await start(max_connections_per_address=1, unlimited_from=LOOPBACK)
    for _ in range(3):
        await running.connect()


async def test_who_has_waited_longest_without_a_mail_makes_room(start):
    running = await start(max_connections=3, stress_at_percent=100)
    busy, first, second = [await running.connect() for _ in range(3)]
    for line in OPENING:
        assert (await busy.say(line)).startswith(b"250")
    assert (await first.say(b"NOOP")).startswith(b"250")  # so that the second has waited longest
    third = await running.connect()
    assert (await second.response()).startswith(b"421 4.7.0 Too busy to wait for you")
    assert await second.response() == b""
    fourth = await running.connect()
    assert (await first.response()).startswith(b"421 4.7.0")
    assert (await busy.say(b"DATA")).startswith(b"354")
    assert (await busy.say(b"a: b\r\n\r\nc\r\n.")).startswith(b"250")
    assert (await third.say(b"NOOP")).startswith(b"250")
    assert (await fourth.say(b"NOOP")).startswith(b"250")


async def test_who_stops_amid_a_mail_makes_room_when_nobody_else_can(start, monkeypatch):
    monkeypatch.setattr(gateway.waiting, "PATIENCE_S", 0.0)
    running = await start(max_connections=2, stress_at_percent=100)
    stops, sends = await running.connect(), await running.connect()
    for line in OPENING:
        assert (await stops.say(line)).startswith(b"250")
    for line in OPENING:
        assert (await sends.say(line)).startswith(b"250")
    assert (await sends.say(b"DATA")).startswith(b"354")
    await running.connect()
    assert (await stops.response()).startswith(b"421 4.7.0 Too busy")
    assert (await sends.say(b"a: b\r\n\r\nc\r\n.")).startswith(b"250")


async def silent_in_the_handshake(running, _tls):
    client = await running.connect()
    await client.say(b"EHLO a")
    assert (await client.say(b"STARTTLS")).startswith(b"220 ")
    return client


async def silent_in_implicit_tls(running, _tls):
    client = await running.connect(greet=False)
    await until(lambda: running.edge.open)
    return client


async def silent_in_a_login(running, tls):
    client = await running.connect()
    await client.start_tls(tls)
    await client.say(b"EHLO a")
    assert (await client.say(b"AUTH LOGIN")).startswith(b"334")
    return client


def silent_after(*lines):
    async def connect(running, _tls):
        client = await running.connect()
        for line in (*OPENING, *lines):
            assert (await client.say(line))[:1] in b"23"
        return client

    return connect


async def silent_in_a_chunk(running, _tls):
    client = await silent_after()(running, None)
    await client.send(b"BDAT 100\r\na: b\r\n")
    return client


async def silent_before_the_greeting(running, _tls):
    return await silent_in_implicit_tls(running, None)


BUSY = b"421 4.7.0 Too busy to wait for you"


@pytest.mark.parametrize(
    ("silent", "settings", "hears"),
    [
        # Nothing can be said in the midst of a handshake.
        pytest.param(silent_in_the_handshake, {}, b"", id="handshake"),
        pytest.param(silent_in_implicit_tls, {"tls_implicit": True}, b"", id="implicit TLS"),
        pytest.param(silent_in_a_login, {}, BUSY, id="login"),
        pytest.param(silent_after(b"DATA"), {}, BUSY, id="DATA"),
        pytest.param(silent_in_a_chunk, {}, BUSY, id="chunk"),
        pytest.param(silent_after(b"BDAT 6\r\na: b"), {}, BUSY, id="between chunks"),
        # In clear text, and as it should be in place of a greeting.
        pytest.param(silent_before_the_greeting, {"greet_delay_s": 60}, BUSY, id="before the greeting"),
    ],
)
async def test_whoever_is_silent_makes_room_wherever_it_is(
    start, one_login, server_tls, client_tls, monkeypatch, silent, settings, hears
):
    monkeypatch.setattr(gateway.waiting, "PATIENCE_S", 0.0)
    authenticator = one_login if silent is silent_in_a_login else None
    running = await start(authenticator, tls=server_tls, max_connections=1, stress_at_percent=100, **settings)
    client = await silent(running, client_tls)
    (connection,) = running.edge.open
    await until(lambda: connection.may_go)
    newcomer = Idler()
    assert running.edge.enter(newcomer, Session("s", "local")) is None
    with contextlib.suppress(ConnectionError):
        assert (await client.response())[: len(BUSY)] == hears
    await until(lambda: connection not in running.edge.open)
    assert running.edge._register.used() == (1, 0)
    running.edge.leave(newcomer)
    assert running.edge._register.used() == (0, 0)


async def test_whoever_brings_a_content_does_not_make_room(start, monkeypatch):
    running = await start(max_connections=1, stress_at_percent=100)
    client = await silent_after(b"DATA")(running, None)
    assert running.edge.enter(Idler(), Session("s", "local")) is not None
    assert (await client.say(b"a: b\r\n\r\nc\r\n.")).startswith(b"250")


async def test_nobody_goes_whose_next_octets_have_come(start):
    """Its task is awake and has not run yet."""
    running = await start(max_connections=1, stress_at_percent=100)
    client = await running.connect()
    (connection,) = running.edge.open
    await until(lambda: connection.may_go)
    connection._reader.feed_data(b"NOOP\r\n")
    assert running.edge.enter(Idler(), Session("s", "local")) is not None
    assert (await client.response()).startswith(b"250")


async def test_whoever_made_room_does_nothing_more(start, receiver):
    """However much of a mail it has sent by then; the slot is the newcomer's alone."""
    running = await start(max_connections=1, stress_at_percent=100)
    client = await running.connect()
    await client.say(b"EHLO a")
    (connection,) = running.edge.open
    await until(lambda: connection.may_go)
    newcomer = Idler()
    assert running.edge.enter(newcomer, Session("s", "local")) is None
    connection._reader.feed_data(b"\r\n".join((*OPENING[1:], b"BDAT 6 LAST\r\na: b\r\n")))
    assert (await client.response()).startswith(b"421 4.7.0")
    assert await client.response() == b""
    await until(lambda: connection not in running.edge.open)
    assert (receiver.begun, running.edge._register.used().slots) == (0, 1)
    running.edge.leave(newcomer)
    assert running.edge._register.used().slots == 0


async def test_a_seat_that_was_handed_over_begins_and_holds_nothing(receiver):
    register = Register(1)
    lost = Seat(register, register.enter(), Memory(1_000_000))
    newcomer = Seat(register, lost.hand_over(), Memory(1_000_000))
    assert newcomer.hold(200_000)
    answer = await SeatedReceiver(receiver, lost, None).begin(Session("s", "local"), Envelope(None, ()))
    assert answer is R421_MAKE_ROOM
    assert not lost.share()
    assert not lost.hold(200_000)
    assert lost.hold(0)
    lost.leave()
    assert lost.hand_over() is None
    assert register.used() == (1, 196_608)


async def test_what_fails_after_a_commit_is_no_answer_to_it(receiver, monkeypatch, caplog):
    register = Register(1)
    seat = Seat(register, register.enter(), Memory(1_000_000))
    intake = await SeatedReceiver(receiver, seat, None).begin(
        Session("s", "local"), Envelope(None, (parse("b@firm.example"),))
    )
    monkeypatch.setattr(register, "leave", None)
    seat.leave()
    receiver.on_content = accepted
    assert await intake.finish() == (R250_SENDER_OK,)
    assert "could not be given back" in caplog.text


async def accepted(_session, _envelope, _content):
    return R250_SENDER_OK


async def test_who_is_turned_away_stands_in_the_log_of_a_process_without_connections(receiver, monkeypatch, caplog):
    """Other processes have them all."""
    monkeypatch.setattr(gateway.edge, "TICK_S", 0.0)
    register = Register(1)
    register.enter()
    edge = Edge(EdgeSettings("gw.example"), receiver, register=register)
    assert edge.enter(Idler(), Session("s", "192.0.2.1")) is not None
    await until(lambda: "turned away 1: connections" in caplog.text)


async def test_tls_holds_no_more_than_two_records_for_each_client(start, server_tls, client_tls):
    running = await start(tls=server_tls)
    client = await running.connect()
    await client.say(b"EHLO a")
    await client.start_tls(client_tls)
    assert (await client.say(b"EHLO a")).startswith(b"250")
    (connection,) = running.edge.open
    assert len(connection._tls_protocol._ssl_buffer) <= 32_768


async def test_a_slot_is_free_only_when_the_last_content_is_judged(start, receiver):
    """A client that leaves after the final dot frees no memory yet."""
    judged = asyncio.Event()

    async def judge(_session, _envelope, _content):
        await judged.wait()
        return R452_NO_STORAGE

    receiver.on_content = judge
    running = await start(max_connections=1, stress_at_percent=100)
    client = await running.connect()
    for line in (*OPENING, b"DATA"):
        await client.say(line)
    await client.send(b"a: b\r\n\r\nc\r\n.\r\n")
    await until(lambda: running.edge._promises)
    for connection in tuple(running.edge.open):
        connection.abort()
    await until(lambda: not running.edge.open)
    assert (await (await running.connect(greet=False)).response()).startswith(b"421 4.7.0")
    judged.set()
    await until(lambda: not running.edge._promises)
    await running.connect()


class Idler:
    """A connection that waits for ever."""

    client = Session("s", "local")
    may_go = True

    def send_away(self, response):
        """Nothing more is heard of it."""

    def tighten(self):
        """It has no deadline."""


async def test_making_room_among_thousands_costs_as_much_as_among_ten(receiver):
    """And so does turning away: a flood finds nothing here that grows."""

    def newcomers(slots):
        edge = Edge(EdgeSettings("gw.example", max_connections=slots, stress_at_percent=100), receiver)
        for _ in range(slots - 1):
            edge.enter(Idler(), Session("s", "local"))
        return lambda: [edge.enter(Idler(), Session("s", "local")) for _ in range(2000)]

    assert seconds(newcomers(5000)) < 6 * seconds(newcomers(10))


def test_however_many_are_turned_away_the_log_has_a_line_for_each_reason(caplog):
    turned_away = TurnedAway()
    for number in range(1000):
        turned_away.note("connections", Session(f"s{number}", "192.0.2.1"))
    turned_away.note("made room for others", Session("t1", "192.0.2.2"))
    turned_away.tell()
    turned_away.tell()
    assert [record.getMessage() for record in caplog.records] == [
        "turned away 1000: connections; the last at s999 from 192.0.2.1",
        "turned away 1: made room for others; the last at t1 from 192.0.2.2",
    ]


@pytest.mark.parametrize(
    ("place", "floor", "oldest_s", "said"),
    [
        pytest.param("", Floor(0, 10), 0, None, id="room"),
        pytest.param("", Floor(10**18, 10), 0, "MB free, limits.min_free_disk is", id="low disk"),
        pytest.param("gone", Floor(0, 10), 0, "No such file", id="no disk"),
        pytest.param("", Floor(0, 10), 11, "a commit has waited for 11 s", id="slow store"),
    ],
)
def test_mail_is_refused_where_it_could_not_be_stored_and_once_in_the_log(
    tmp_path, caplog, place, floor, oldest_s, said
):
    supply = Supply([tmp_path / place], lambda: oldest_s, floor)
    answers = {supply.refusal() for _ in range(100)}
    assert answers == {None if said is None else R452_NO_STORAGE}
    assert len(caplog.records) == (said is not None)
    assert said is None or said in caplog.text


def test_the_disk_is_asked_once_a_second_however_many_mails_begin(tmp_path, monkeypatch):
    asked = []
    real = gateway.supply.os.statvfs
    monkeypatch.setattr(gateway.supply.os, "statvfs", lambda place: asked.append(place) or real(place))
    monkeypatch.setattr(gateway.supply, "LOOK_EVERY_S", 3600.0)
    supply = Supply([tmp_path, tmp_path], lambda: 0, Floor(0, 10))
    for _ in range(1000):
        supply.refusal()
    assert asked == [tmp_path]


# (files that the system can have in all, files left): some count none and say 0 of 0.
@pytest.mark.parametrize(("files", "left", "refused"), [(1_000_000, 99, True), (1_000_000, 100, False), (0, 0, False)])
def test_a_file_system_without_inodes_takes_no_mail_either(tmp_path, monkeypatch, files, left, refused):
    found = SimpleNamespace(f_bavail=10**9, f_frsize=4096, f_files=files, f_favail=left)
    monkeypatch.setattr(gateway.supply.os, "statvfs", lambda _place: found)
    answer = Supply([tmp_path], lambda: 0, Floor(0, 10)).refusal()
    assert answer == (R452_NO_STORAGE if refused else None)
