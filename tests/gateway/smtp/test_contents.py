# SPDX-License-Identifier: Apache-2.0
"""How a content ends, on every way there is: finished or abandoned, once, and the client in step."""

import asyncio
import logging
import re
import struct
from ipaddress import ip_network

import pytest

from gateway.conversation import Transaction
from gateway.lines import Deadlines
from storage.address import parse
from storage.envelope import Wish
from storage.response import R250_RECIPIENT_OK, R452_NO_MEMORY, R550_NO_SUCH_ADDRESS
from tests.support.cost import seconds

OPENING = b"MAIL FROM:<carl@customer.example>\r\nRCPT TO:<support@firm.example>\r\n"


async def until(condition):
    """Let the loop turn until it is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def greeted(running):
    client = await running.connect()
    verb = b"LHLO" if running.edge.settings.lmtp else b"EHLO"
    assert (await client.say(verb + b" client.example")).startswith(b"250")
    return client


async def codes(client, octets, count):
    """The codes of so many responses."""
    await client.send(octets)
    return [(await client.response())[:3].decode() for _ in range(count)]


async def failing(*_args):
    raise RuntimeError("db password is hunter2")


@pytest.mark.parametrize("step", ["on_begin", "on_write", "on_content"])
async def test_a_failure_of_ours_amid_data_is_one_451_and_the_client_stays_in_step(start, receiver, step):
    setattr(receiver, step, failing)
    client = await greeted(await start())
    assert await codes(client, OPENING, 2) == ["250", "250"]
    if step == "on_begin":
        assert await codes(client, b"DATA\r\n", 1) == ["451"]
    else:
        assert await codes(client, b"DATA\r\n", 1) == ["354"]
        await client.send(b"MAIL FROM:<evil@evil.example>\r\n" * 5000)
        assert await codes(client, b".\r\nMAIL FROM:<>\r\n", 2) == ["451", "250"]
    await until(lambda: receiver.begun == receiver.finished + receiver.abandoned)


@pytest.mark.parametrize("step", ["on_begin", "on_write"])
async def test_a_failure_of_ours_amid_chunks_is_temporary_for_all_of_them(start, receiver, step):
    setattr(receiver, step, failing)
    client = await greeted(await start())
    chunks = b"BDAT 6\r\nQUIT\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n"
    found = await codes(client, OPENING + chunks + b"MAIL FROM:<>\r\n", 6)
    assert found == ["250", "250", "451", "451", "451", "250"]
    await until(lambda: receiver.begun == receiver.finished + receiver.abandoned)


async def test_a_failure_of_ours_at_the_very_end_of_the_chunks_is_abandoned_too(start, receiver):
    async def failing_at_the_end(octets):
        if octets == b"\r\n":
            raise RuntimeError("the disk is full")

    receiver.on_write = failing_at_the_end
    client = await greeted(await start())
    found = await codes(client, OPENING + b"BDAT 5 LAST\r\nHelloMAIL FROM:<>\r\n", 4)
    assert found == ["250", "250", "451", "250"]
    await until(lambda: receiver.abandoned == 1)
    assert receiver.finished == 0


async def test_what_is_pipelined_behind_a_452_to_a_chunk_is_temporary_too(start, receiver):
    async def full(*_args):
        return R452_NO_MEMORY

    receiver.on_begin = full
    client = await greeted(await start())
    found = await codes(client, OPENING + b"BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nRSET\r\n", 5)
    assert found == ["250", "250", "452", "451", "250"]


@pytest.mark.parametrize("step", ["on_write", "on_content"])
async def test_over_lmtp_a_failure_of_ours_is_said_for_each_recipient(start_local, receiver, step):
    setattr(receiver, step, failing)
    client = await greeted(await start_local())
    opening = OPENING + b"RCPT TO:<b@firm.example>\r\n"
    assert await codes(client, opening + b"DATA\r\n", 4) == ["250", "250", "250", "354"]
    assert await codes(client, b"Hello\r\n.\r\n" + opening, 5) == ["451", "451", "250", "250", "250"]
    assert await codes(client, b"BDAT 3 LAST\r\na\r\nNOOP\r\n", 3) == ["451", "451", "250"]


async def leave(client, how):
    if how == "half close":
        client.writer.write_eof()
    elif how == "reset":
        client.writer.get_extra_info("socket").setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER
        client.writer.transport.abort()
    elif how == "close":
        await client.close()
    else:
        await client.say(how)


@pytest.mark.parametrize("begin", [b"DATA\r\n", b"BDAT 3\r\na\r\n", b"BDAT 9\r\na\r\n"])
@pytest.mark.parametrize("how", ["half close", "close", "reset"])
async def test_a_client_that_leaves_amid_a_content_has_sent_none(start, receiver, begin, how):
    running = await start()
    client = await greeted(running)
    await codes(client, OPENING, 2)
    await client.send(begin)
    await until(lambda: receiver.begun == 1)
    await leave(client, how)
    await until(lambda: not running.edge.open and receiver.abandoned == 1)
    assert (receiver.finished, receiver.mails) == (0, [])


@pytest.mark.parametrize("how", [b"RSET", b"EHLO a", b"QUIT", b"BDAT x"])
async def test_a_client_that_thinks_again_amid_chunks_has_sent_none(start, receiver, how):
    client = await greeted(await start())
    assert await codes(client, OPENING + b"BDAT 3\r\na\r\n", 3) == ["250", "250", "250"]
    await leave(client, how)
    await until(lambda: receiver.abandoned == 1)
    assert (receiver.finished, receiver.mails) == (0, [])


@pytest.mark.parametrize("begin", [b"DATA\r\n", b"BDAT 9\r\na\r\n", b"BDAT 3\r\na\r\n"])
async def test_a_client_that_is_too_slow_amid_a_content_hears_why(start, receiver, begin):
    client = await greeted(await start(deadlines=Deadlines(content_idle_s=0.05)))
    await codes(client, OPENING, 2)
    await client.send(begin)
    answers = [await client.response() for _ in range(1 if begin.startswith(b"BDAT 9") else 2)]
    assert answers[-1].startswith(b"421 4.4.2 ")
    assert await client.response() == b""
    await until(lambda: receiver.abandoned == 1)


async def test_ten_thousand_recipients_are_all_answered_and_cheap(start, receiver):
    running = await start(max_recipients=100)
    client = await greeted(running)
    assert await codes(client, b"MAIL FROM:<>\r\n", 1) == ["250"]
    for first in range(0, 10_000, 500):
        names = range(first, first + 500)
        found = await codes(client, b"".join(b"RCPT TO:<r%d@firm.example>\r\n" % name for name in names), 500)
        assert found == ["250" if name < 100 else "452" for name in names]


def test_one_recipient_more_costs_the_same_however_many_there_are():
    # Read before: an address that was read just now is remembered, of a thousand all and of twenty thousand few.
    addresses = [parse(f"r{number}@firm.example") for number in range(20_000)]

    def ask(count):
        transaction = Transaction("a-1", None, False)
        for number, address in enumerate(addresses[:count]):
            assert transaction.recipients.get(address) is None
            transaction.recipients[address] = number

    assert seconds(lambda: ask(20_000)) < 80 * seconds(lambda: ask(1000))


async def test_who_sends_many_commands_in_one_go_leaves_others_their_turn(start):
    running = await start(max_commands=100_000)
    many, one = await greeted(running), await greeted(running)
    await many.send(b"RSET\r\n" * 5000)
    await one.send(b"NOOP\r\n")
    assert (await one.response()).startswith(b"250")
    assert (await codes(many, b"", 5000)) == ["250"] * 5000


async def test_the_envelope_has_what_the_sender_wishes_for_each_recipient(start, receiver):
    client = await greeted(await start())
    lines = (
        b"MAIL FROM:<carl@customer.example> RET=hdrs ENVID=QQ+2Bx",
        b"RCPT TO:<a@firm.example> NOTIFY=success,DELAY ORCPT=rfc822;A+2Bb@firm.example",
        b"RCPT TO:<b@firm.example>",
        b"DATA",
        b".",
    )
    for line in lines:
        await client.say(line)
    ((_, envelope, _),) = receiver.mails
    assert (envelope.ret, envelope.envid) == ("HDRS", "QQ+2Bx")
    assert envelope.wishes == (Wish(("SUCCESS", "DELAY"), "rfc822;A+2Bb@firm.example"), Wish())


async def test_an_envelope_id_may_be_empty(start, receiver):
    client = await greeted(await start())
    assert (await client.say(b"MAIL FROM:<carl@customer.example> ENVID=")).startswith(b"250")
    assert (await client.say(b"RSET")).startswith(b"250")
    assert (await client.say(b"MAIL FROM:<carl@customer.example> ENVID=+20 ENVID=")).startswith(b"501")


async def test_a_refusal_has_the_id_under_which_the_log_has_its_reason(start, receiver, caplog):
    caplog.set_level(logging.INFO)
    client = await greeted(await start())
    said = [await client.say(line) for line in (b"WIZ", b"MAIL FROM:<>", b"RCPT TO:<a@elsewhere.example>", b"QUIT x")]
    ids = [re.search(rb"\(id ([a-z0-9]{20}(?:-\d+)?)\)\r\n$", answer) for answer in said]
    assert [found is not None for found in ids] == [True, False, True, True]
    session, mail = ids[0][1].decode(), ids[2][1].decode()
    assert mail == f"{session}-1"
    assert f"{session} 127.0.0.1: WIZ answered 500 5.5.2" in caplog.text
    assert f"{mail} 127.0.0.1: RCPT 'TO:<a@elsewhere.example>' answered 550 5.1.1" in caplog.text


async def test_the_same_refusal_again_and_again_is_one_line_in_the_log(start, caplog):
    caplog.set_level(logging.INFO)
    client = await greeted(await start(max_recipients=1))
    await codes(client, OPENING + b"RCPT TO:<one.more@firm.example>\r\n" * 50, 52)
    assert caplog.text.count("answered 452 4.5.3") == 1


async def test_a_long_response_keeps_its_id_and_fits_a_line(start, receiver):
    async def wordy(*_args):
        return R550_NO_SUCH_ADDRESS.about("x" * 1000)

    receiver.on_recipient = wordy
    client = await greeted(await start())
    await client.say(b"MAIL FROM:<>")
    answer = await client.say(b"RCPT TO:<a@firm.example>")
    assert len(answer) == 512
    assert answer.endswith(b"-1)\r\n")


async def test_who_speaks_before_the_greeting_is_caught_without_a_delay_too(start, caplog):
    running = await start(proxy_from=(ip_network("127.0.0.0/8"),))
    client = await running.connect(greet=False)
    await client.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 25\r\nEHLO a\r\n")
    assert (await client.response()).startswith(b"554 5.5.1 ")
    assert await client.response() == b""


async def test_who_hangs_up_before_the_greeting_was_no_early_talker(start, caplog):
    caplog.set_level(logging.INFO)
    running = await start(greet_delay_s=5)
    client = await running.connect(greet=False)
    await until(lambda: running.edge.open)
    await client.close()
    await until(lambda: not running.edge.open)
    assert "554" not in caplog.text


async def test_a_name_beyond_ascii_is_kept_as_ascii(start, receiver):
    client = await (await start()).connect()
    assert (await client.say(b"EHLO b\xfcro.example")).startswith(b"250")
    await codes(client, OPENING + b"DATA\r\n", 3)
    await client.say(b".")
    assert receiver.mails[0][0].helo == "b?ro.example"


async def test_a_local_peer_has_no_address_and_needs_none(start_local, receiver):
    client = await greeted(await start_local(max_connections_per_address=1))
    await codes(client, OPENING + b"DATA\r\n", 3)
    await client.say(b".")
    session, _, _ = receiver.mails[0]
    assert (session.peer, session.protocol, session.tls, session.login) == ("local", "LMTP", None, None)


async def test_recipients_refused_for_the_session_do_not_end_the_mail_in_hand(start, receiver):
    async def yes(*_args):
        return R250_RECIPIENT_OK

    receiver.on_recipient = yes
    client = await greeted(await start(max_session_recipients=2, max_recipients=2))
    rcpts = b"".join(b"RCPT TO:<r%d@firm.example>\r\n" % n for n in range(4))
    found = await codes(client, b"MAIL FROM:<>\r\n" + rcpts + b"DATA\r\n", 6)
    assert found == ["250", "250", "250", "452", "452", "354"]
    assert await codes(client, b".\r\nMAIL FROM:<>\r\n", 2) == ["250", "421"]
