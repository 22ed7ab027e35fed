# SPDX-License-Identifier: Apache-2.0
"""The log tells which command was refused under which id; never a password, and a flood fills no disk."""

import base64
import logging
import re

import pytest

from gateway.refusals import ARGUMENT_LENGTH, MOST_LINES, Refusals
from gateway.session_log import LAST_REFUSALS
from storage.response import R452_TOO_MANY_RECIPIENTS
from storage.sessions import Refusal

SECRET = base64.b64encode(b"\0ann\0canary-7391")


@pytest.fixture
def logged(caplog):
    """The lines about refusals so far."""
    caplog.set_level(logging.INFO)
    return lambda: [one.getMessage() for one in caplog.records if " answered " in one.getMessage()]


async def said(client, *lines):
    """The responses, asked for in one go."""
    await client.send(b"".join(line + b"\r\n" for line in lines))
    return [await client.response() for _ in lines]


async def test_pipelined_recipients_that_are_refused_have_a_line_each(start, logged):
    client = await (await start()).connect()
    rcpts = [b"RCPT TO:<r%d@other.example>" % number for number in range(5)]
    await client.say(b"EHLO a")
    answers = await said(client, b"MAIL FROM:<carl@customer.example>", *rcpts)
    name = re.search(rb"\(id ([a-z0-9]{20}-1)\)", answers[1])[1].decode()
    assert [line.partition(" answered ")[0] for line in logged()] == [
        f"{name} 127.0.0.1: RCPT 'TO:<r{number}@other.example>'" for number in range(5)
    ]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (b"MAIL FROM:carl@customer.example", "MAIL 'FROM:carl@customer.example'"),
        (b"MAIL FROM:<carl@customer.example> X-OLD=1", "MAIL 'FROM:<carl@customer.example> X-OLD=1'"),
        # What could steer a terminal or forge a line, and what is no text.
        (b"MAIL FROM:<\xe2\x80\xae\xc2\x85@x> \xff'", 'MAIL "FROM:<\\u202e\\x85@x> \\udcff\'"'),
        (b"MAIL FROM:<a\x1b[2J>", r"MAIL 'FROM:<a\x1b[2J>'"),
        (b"MAIL FROM:<" + b"x" * 1000, "MAIL 'FROM:<" + "x" * (ARGUMENT_LENGTH - 7)),
        (b"EHLO", "EHLO"),
        # Not a command: its word alone.
        (b"WIZ now", "WIZ"),
        (b"\xff\xfe now", "an unknown command"),
        (b"", "the client is"),
    ],
)
async def test_a_refused_command_stands_in_the_log_with_its_argument(start, logged, command, shown):
    client = await (await start()).connect()
    await client.say(b"EHLO a")
    assert (await client.say(command)).startswith(b"5")
    (line,) = logged()
    assert line.partition(" 127.0.0.1: ")[2].partition(" answered ")[0] == shown


@pytest.mark.parametrize(
    "lines",
    [
        # Refused with its initial response; in clear text; with a mechanism that is not known.
        (b"AUTH PLAIN " + SECRET,),
        (b"AUTH XOAUTH2 " + SECRET,),
        (b"auth plain " + SECRET + b"\x01",),
        # Not quite AUTH.
        (b"AUTH=PLAIN " + SECRET,),
        (b"AUTH\tPLAIN\t" + SECRET,),
        (b" AUTH PLAIN " + SECRET,),
        # AUTH is refused, and what should have continued it comes as a command.
        (b"AUTH LOGIN", base64.b64encode(b"ann"), b"Y2FuYXJ5", b"CANARY"),
    ],
)
@pytest.mark.parametrize("tls", [False, True])
async def test_nothing_of_a_login_is_ever_logged(start, server_tls, client_tls, one_login, caplog, lines, tls):
    caplog.set_level(logging.DEBUG)
    client = await (await start(one_login if tls else None, tls=server_tls)).connect()
    if tls:
        await client.start_tls(client_tls)
    await client.say(b"EHLO a")
    for line in lines:
        await client.say(line)
    text = caplog.text.upper()
    for secret in (SECRET, b"canary", b"Y2FuYXJ5", base64.b64encode(b"ann")):
        assert secret.decode().upper() not in text


async def test_over_lmtp_a_refusal_after_the_content_says_whose_it_is(start, logged):
    client = await (await start(lmtp=True)).connect()
    await client.say(b"LHLO a")
    rcpts = (b"RCPT TO:<%s@firm.example>" % name for name in (b"ann", b"full", b"bob", b"full"))
    await said(client, b"MAIL FROM:<>", *rcpts, b"DATA")
    await client.send(b"Hello\r\n.\r\n")
    codes = [(await client.response())[:3] for _ in range(4)]
    assert codes == [b"250", b"452", b"250", b"452"]
    assert [re.sub("^[^ ]+ ", "", line) for line in logged()] == [
        "127.0.0.1: DATA for 'full@firm.example' answered 452 4.2.2 Mailbox full"
    ]


async def test_a_session_remembers_its_last_refusals(start):
    running = await start()
    client = await running.connect()
    await client.say(b"EHLO a")
    await said(client, b"MAIL FROM:<>", *(b"RCPT TO:<r%d@other.example>" % number for number in range(7)))
    (connection,) = running.edge.open
    refused = connection._tally.refused
    assert [one.command for one in refused] == [f"RCPT 'TO:<r{n}@other.example>'" for n in range(7 - LAST_REFUSALS, 7)]
    assert {one.id for one in refused} == {f"{connection.client.id}-1"}
    assert refused[0].response.startswith("550 5.1.1 ")


def test_after_so_many_lines_each_mail_has_one_and_the_same_again_has_none():
    refusals, response = Refusals(), str(R452_TOO_MANY_RECIPIENTS)
    assert [refusals.is_news(Refusal("s-1", "RCPT 'x'", response)) for _ in range(3)] == [True, False, False]
    news = [refusals.is_news(Refusal("s-1", f"RCPT '{number}'", response)) for number in range(10 * MOST_LINES)]
    assert sum(news) == MOST_LINES - 1
    assert [refusals.is_news(Refusal("s-2", f"RCPT '{number}'", response)) for number in range(3)] == [
        *(True, False, False)
    ]
