# SPDX-License-Identifier: Apache-2.0
"""Clients that mean harm, each with the answer it gets and what it may cost beside a plain mail of the same octets.

The cost is that of the MX process alone, measured from outside. A client whose octets come at once costs more a command
than a mail does an octet; so commands are compared with mails by number, contents by size.
"""

import contextlib
import re
import select
import socket
import struct
from collections.abc import Iterator

import pytest

from tests.support.installation import Installation
from tests.support.meter import cost_of, family
from tests.support.people import mail
from tests.support.smtp_client import Disconnected, RawClient, beginning
from tests.support.waiting import PATIENCE_S, wait_until

SUPPORT, CARL = "support@firm.example", "carl@customer.example"
MEGABYTE = 1_000_000
MAX_SIZE = 4 * MEGABYTE
ROOM = 24 * MEGABYTE  # what any mail may cost in memory: pages of the database, of zlib, of Python


@pytest.fixture(scope="module")
def house(build) -> Installation:
    """One MX process."""
    made = build({"mx": {"processes": 1, "max_size": "4MB"}, "limits": {"max_connections": 3000}})
    made.stop()
    made.start("mx")
    return made


@pytest.fixture(scope="module")
def hasty(build) -> Installation:
    """One MX process, with deadlines short enough to be met."""
    limits = {"command_timeout": "1s", "content_idle_timeout": "1s", "content_timeout": "2s", "max_connections": 3000}
    made = build({"mx": {"processes": 1}, "limits": limits})
    made.stop()
    made.start("mx")
    return made


@pytest.fixture
def pids(house) -> list[int]:
    return family(house.programs[0].pid)[1:]


def stored(house) -> int:
    return len(house.json("message", "list", "--limit", "1000"))


def at_data(house) -> RawClient:
    with beginning(house.mx()) as client:
        client.command(f"MAIL FROM:<{CARL}>")
        client.command(f"RCPT TO:<{SUPPORT}>")
        assert client.command("DATA").code == 354
    return client


def take(house, content: bytes, code: int) -> None:
    """Send a content and expect this code."""
    with house.mx() as client:
        answer = client.send_mail(CARL, [SUPPORT], content)
        assert answer.code == code, answer


def plain(octets: int) -> bytes:
    line = "The tractor does not start since the rain of Tuesday, and the harvest will not wait.\n"
    return mail(CARL, SUPPORT, "Tractor", line * (octets // (len(line) + 1)))


def reset(client: RawClient) -> None:
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def alive(house) -> None:
    """The house still takes mail, and nothing in its log says that it broke."""
    take(house, plain(1000), 250)
    assert not [line for line in house.programs[0].log if "Traceback" in line]


def test_who_half_closes_in_the_content_gets_no_250_and_leaves_nothing(house):
    before = stored(house)
    with at_data(house) as client:
        client.send(b"Subject: half\r\n\r\nhalf")
        client.sock.shutdown(socket.SHUT_WR)
        with pytest.raises(Disconnected):
            client.read()
    assert stored(house) == before
    alive(house)


def test_who_half_closes_after_the_final_dot_hears_250(house):
    with at_data(house) as client:
        client.send(plain(500) + b".\r\n")
        client.sock.shutdown(socket.SHUT_WR)
        assert client.read().code == 250


@pytest.mark.parametrize("octets", [b"", b"Subject: x\r\n\r\nhalf", b"x" * MEGABYTE], ids=["none", "some", "many"])
def test_who_resets_the_connection_in_the_content_leaves_nothing(house, octets):
    before = stored(house)
    client = at_data(house)
    with contextlib.suppress(OSError):
        client.send(octets)
    reset(client)
    alive(house)
    assert stored(house) == before + 1


def test_who_resets_the_connection_after_the_final_dot_left_one_mail_or_none(house):
    before = stored(house)
    client = at_data(house)
    client.send(plain(2000) + b".\r\n")
    reset(client)
    alive(house)
    assert stored(house) - before in (1, 2)


@pytest.mark.parametrize("octets", [b"", b"MAIL FROM:<"], ids=["a command", "a path"])
def test_a_command_that_trickles_in_meets_one_deadline(hasty, octets):
    with RawClient(("127.0.0.1", hasty.mx_port)) as client:
        client.send(octets)
        answer = trickle(client)
        assert answer.code == 421, answer
        assert client.is_closed()


def begun(house) -> RawClient | None:
    """A client amid its content, if it came so far within the deadlines."""
    with contextlib.suppress(AssertionError, Disconnected):
        return at_data(house)
    return None


def test_a_content_that_trickles_in_meets_the_absolute_deadline(hasty):
    before = stored(hasty)
    with wait_until(lambda: begun(hasty), "a client that is quick enough") as client:
        client.send(b"Subject: slow\r\n\r\n")
        assert trickle(client).code == 421
        assert client.is_closed()
    assert stored(hasty) == before


def trickle(client: RawClient):
    """An octet each time the server has been silent for a moment."""
    while True:
        try:
            return client.read(timeout=0.2)
        except TimeoutError:
            with contextlib.suppress(ConnectionError):  # it has said 421 and gone
                client.send(b"x")


def test_an_endless_command_line_costs_little_and_is_answered(house, pids):
    def attack():
        with house.mx() as client:
            for _ in range(16):
                client.send(b"x" * MEGABYTE)
            client.send(b"\r\n")
            assert client.read().code == 500

    spent, fair = cost_of(pids, attack), cost_of(pids, lambda: take(house, plain(4 * MEGABYTE - 1000), 250))
    assert spent.memory < ROOM
    assert spent.cpu_s < 5 * fair.cpu_s, (spent, fair)


def test_a_content_without_end_is_read_for_a_while_then_refused_and_closed(house, pids):
    def attack():
        with at_data(house) as client:
            client.send(b"Subject: endless\r\n\r\n")
            sent = 0
            while not select.select([client.sock], [], [], 0)[0]:
                assert sent < 64
                client.send(b"x" * MEGABYTE)
                sent += 1
            with contextlib.suppress(ConnectionError):  # what lies unread on its side makes the system reset ours
                assert client.read().code == 552
                assert client.read().code == 421

    fair = cost_of(pids, lambda: take(house, plain(4 * MEGABYTE - 1000), 250))
    spent = cost_of(pids, attack)
    assert spent.memory < ROOM
    assert spent.cpu_s < 10 * fair.cpu_s, (spent, fair)
    alive(house)


def spelling(number: int) -> bytes:
    """One of the 128 ways to write the letters of support, which are as many mailboxes until somebody decides."""
    letters = "".join(c.upper() if number >> place & 1 else c for place, c in enumerate("support"))
    return f"RCPT TO:<{letters}@firm.example>\r\n".encode()


def test_ten_thousand_recipients_are_each_answered_and_cost_less_than_as_many_mails(house, pids):
    count, taken = 10_000, 100

    def attack():
        with house.mx() as client:
            client.command(f"MAIL FROM:<{CARL}>")
            codes = []
            for start in range(0, count, 500):
                numbers = (n if n < taken else taken + n % 28 for n in range(start, start + 500))
                client.send(b"".join(map(spelling, numbers)))
                codes += [client.read().code for _ in range(500)]
            assert codes == [250] * taken + [452] * (count - taken)

    fair = cost_of(pids, lambda: [take(house, plain(1000 + n), 250) for n in range(20)])
    spent = cost_of(pids, attack)
    assert spent.cpu_s / count < fair.cpu_s / 20, (spent, fair)
    assert spent.memory < ROOM


def test_unknown_recipients_end_the_session(house):
    with house.mx() as client:
        client.command(f"MAIL FROM:<{CARL}>")
        assert [client.command(f"RCPT TO:<nobody{n}@firm.example>").code for n in range(10)] == [550] * 10
        assert client.read().code == 421
        assert client.is_closed()


def deep(depth: int) -> bytes:
    """Multiparts, each inside the one before."""
    lines = ["MIME-Version: 1.0"]
    for n in range(depth):
        lines += [f'Content-Type: multipart/mixed; boundary="b{n}"', "", f"--b{n}"]
    return mail(CARL, SUPPORT, "Deep", "")[:-4] + ("\r\n".join(lines) + "\r\n\r\ntext\r\n").encode()


def many_fields(count: int) -> bytes:
    return b"".join(b"X-Field-%d: %d\r\n" % (n, n) for n in range(count)) + mail(CARL, SUPPORT, "Many", "?")


def wide(count: int) -> bytes:
    section = mail(CARL, SUPPORT, "Wide", "")[:-4] + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    return section + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


# A mail that is built to be dear, the response it gets, and how dear it may be beside a plain one of its size.
BUILT = [
    pytest.param(deep(1000), 554, id="1,000-deep MIME"),
    pytest.param(many_fields(20_000), 554, id="20,000 header fields"),
    pytest.param(wide(50_000), 554, id="50,000 parts"),
    pytest.param(mail(CARL, SUPPORT, "x" * MEGABYTE, "?"), 554, id="a field of a megabyte"),
    pytest.param(mail(CARL, SUPPORT, "Line", "x" * 2 * MEGABYTE), 554, id="a line of two megabytes"),
    pytest.param(mail(CARL, SUPPORT, "Line", "x" * 900_000), 250, id="a long line within the limit"),
    pytest.param(mail(CARL, SUPPORT, "Dots", ".\n" * 400_000), 250, id="nothing but dots"),
    pytest.param(mail(CARL, SUPPORT, "Ends", "\n" * MEGABYTE), 250, id="nothing but line ends"),
    pytest.param(mail(CARL, SUPPORT, "Dashes", "--\n" * 900_000), 250, id="nothing but dashes"),
    pytest.param(mail("," * 60_000, SUPPORT, "From", "?"), 250, id="a From of commas"),
    pytest.param(mail("(" * 60_000, SUPPORT, "From", "?"), 250, id="a From of open comments"),
    pytest.param(mail(CARL, SUPPORT, "=?utf-8?b?" * 20_000, "?"), 250, id="encoded words that never end"),
]


@pytest.mark.parametrize(("content", "code"), BUILT)
def test_a_mail_built_to_be_dear_is_answered_at_a_plain_mails_price(house, pids, content, code):
    octets = max(len(content), 100_000)
    take(house, plain(octets), 250)
    fair = min(cost_of(pids, lambda n=n: take(house, plain(octets + 100 * n), 250)) for n in (1, 2, 3))
    spent = cost_of(pids, lambda: take(house, content, code))
    assert spent.cpu_s < 10 * fair.cpu_s, (spent, fair)
    assert spent.memory < ROOM


@pytest.mark.parametrize(
    ("command", "codes"),
    [
        (b"MAIL FROM:<a\0b@c.example>", (501,)),
        (b"NOOP \0", (250, 501)),
        (b"EHLO \xed\xa0\x80", (250,)),  # PCs are called all sorts of things
        (b"MAIL FROM:<\xed\xa0\x80@c.example> SMTPUTF8", (501, 553)),
        (b"MAIL FROM:<a@c.example> ENVID=\xed\xa0\x80", (501,)),
        (b"VRFY \xff\xfe", (252, 501)),
        (b"\xff\xfe\xfd", (500,)),
        (b"\0", (500, 501)),
        (b"", (500,)),
        (b" ", (500,)),
    ],
)
def test_octets_that_are_no_text_are_answered(house, command, codes):
    with house.mx() as client:
        assert client.command(command).code in codes
        assert client.command("NOOP").code == 250


def test_a_mail_of_nul_and_lone_surrogates_is_refused_or_can_be_shown(house):
    content = mail(CARL, SUPPORT, "x", "?").replace(b"Subject: x", b"Subject: \xed\xa0\x80 =?utf-8?b?7aCA?= \xff")
    with house.mx() as client:
        answer = client.send_mail(CARL, [SUPPORT], content)
    assert answer.code == 250
    shown = house.message(re.findall(r"[a-z2-7]{20}-\d+", answer.text)[0])
    assert shown["subject"].encode()
    with house.mx() as client:
        assert client.send_mail(CARL, [SUPPORT], content.replace(b"\xff", b"\0")).code == 554


@contextlib.contextmanager
def a_thousand_silent_clients(house) -> Iterator[list[socket.socket]]:
    """More than the backlog at once."""
    with contextlib.ExitStack() as held:
        yield [
            held.enter_context(socket.create_connection(("127.0.0.1", house.mx_port), PATIENCE_S)) for _ in range(1000)
        ]


def test_no_mail_is_refused_while_a_thousand_say_nothing(house):
    with a_thousand_silent_clients(house):
        alive(house)


def test_a_thousand_who_say_nothing_are_sent_away(hasty):
    with a_thousand_silent_clients(hasty) as silent:
        wait_until(lambda: all(_ended(one) for one in silent), "every silent client to be sent away")


def _ended(one: socket.socket) -> bool:
    one.setblocking(False)
    try:
        while octets := one.recv(4096):
            assert octets[:3] in (b"220", b"421"), octets
    except BlockingIOError:
        return False
    return True
