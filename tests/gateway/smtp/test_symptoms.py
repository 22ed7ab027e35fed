# SPDX-License-Identifier: Apache-2.0
"""Each trap of aiosmtpd that was measured (A1 to A22), as the symptom that must not show here."""

import asyncio
import base64
import ipaddress
import json
import logging
import os
import re
import smtplib
import struct
from pathlib import Path

import pytest

from gateway.lines import Deadlines
from storage.response import R250_ACCEPTED, R250_RECIPIENT_OK, R451_TRY_LATER
from tests.support.edge import until

MAIL = b"MAIL FROM:<carl@customer.example>\r\nRCPT TO:<support@firm.example>\r\nDATA\r\n"
LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


async def ready(client):
    """EHLO, MAIL, RCPT, DATA, up to 354."""
    assert (await client.say(b"EHLO client.example")).startswith(b"250")
    await client.send(MAIL)
    for code in (b"250", b"250", b"354"):
        assert (await client.response()).startswith(code)


async def test_a1_the_mx_never_offers_auth_in_clear_text_or_under_tls(start, server_tls, client_tls):
    client = await (await start(tls=server_tls)).connect()
    assert b"AUTH" not in await client.say(b"EHLO a")
    await client.start_tls(client_tls)
    assert b"AUTH" not in await client.say(b"EHLO a")


async def test_a1_submission_offers_auth_only_under_tls(start, server_tls, client_tls, one_login):
    client = await (await start(one_login, tls=server_tls)).connect()
    assert b"AUTH" not in await client.say(b"EHLO a")
    await client.start_tls(client_tls)
    answer = await client.say(b"EHLO a")
    assert b"AUTH PLAIN LOGIN\r\n" in answer
    assert b"STARTTLS" not in answer


@pytest.mark.parametrize("step", ["on_sender", "on_recipient", "on_content"])
async def test_a2_an_exception_is_451_without_its_text_and_the_session_goes_on(start, receiver, caplog, step):
    async def broken(*_args):
        raise RuntimeError("db password is hunter2")

    setattr(receiver, step, broken)
    client = await (await start()).connect()
    await client.say(b"EHLO a")
    await client.send(MAIL)
    answers = [await client.response() for _ in range(3)]
    if step == "on_content":
        answers.append(await client.say(b"Hello\r\n."))
    failure = next(answer for answer in answers if answer.startswith(b"451 4.3.0 "))
    assert b"hunter2" not in b"".join(answers)
    assert not any(answer.startswith(b"354") for answer in answers) or step == "on_content"
    assert failure.decode().rstrip(")\r\n").split()[-1] in caplog.text
    assert "hunter2" in caplog.text
    assert (await client.say(b"NOOP")).startswith(b"250")
    # only a failure at RCPT leaves the transaction as it was
    expected = {"on_sender": b"451", "on_recipient": b"503", "on_content": b"250"}[step]
    assert (await client.say(b"MAIL FROM:<>")).startswith(expected)


async def test_a_failure_at_rcpt_costs_no_other_recipient_and_no_5xx(start, receiver):
    async def broken_for_ann(_session, _envelope, recipient):
        if recipient.local == "ann":
            raise RuntimeError("the database is away")
        return R250_RECIPIENT_OK

    receiver.on_recipient = broken_for_ann
    client = await (await start()).connect()
    rcpt = b"RCPT TO:<%s@firm.example>\r\n"
    await client.say(b"EHLO a")
    await client.send(b"MAIL FROM:<>\r\n" + rcpt % b"ann" + rcpt % b"bob" + rcpt % b"ann" + b"DATA\r\n")
    codes = [(await client.response())[:3] for _ in range(5)]
    assert codes == [b"250", b"451", b"250", b"451", b"354"]
    assert (await client.say(b"Hello\r\n.")).startswith(b"250")


async def raising(*_args):
    raise RuntimeError("the database is away")


async def deferring(*_args):
    return R451_TRY_LATER


@pytest.mark.parametrize("failure", [raising, deferring])
@pytest.mark.parametrize("step", ["on_sender", "on_recipient"])
async def test_what_is_pipelined_behind_a_temporary_failure_is_temporary(start, receiver, step, failure):
    setattr(receiver, step, failure)
    client = await (await start()).connect()
    rcpts = b"RCPT TO:<ann@firm.example>\r\nRCPT TO:<bob@firm.example>\r\n"
    await client.say(b"EHLO a")
    await client.send(b"MAIL FROM:<>\r\n" + rcpts + b"DATA\r\n")
    codes = [(await client.response())[:3] for _ in range(4)]
    assert codes == [b"451" if step == "on_sender" else b"250", b"451", b"451", b"451"]
    for reset in (b"RSET", b"EHLO a"):
        assert (await client.say(reset)).startswith(b"250")
        assert (await client.say(b"DATA")).startswith(b"503")


@pytest.mark.parametrize("how", ["half close", "close", "reset"])
async def test_a3_a_client_that_leaves_does_not_cancel_what_has_begun(start, receiver, how):
    begun, go, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_session, _envelope, content):
        begun.set()
        await go.wait()
        receiver.mails.append(content)
        done.set()
        return R250_ACCEPTED

    receiver.on_content = slow
    running = await start()
    client = await running.connect()
    await ready(client)
    await client.send(b"Hello\r\n.\r\n")
    await asyncio.wait_for(begun.wait(), 5)
    connection = next(iter(running.edge.open))
    if how == "half close":
        client.writer.write_eof()
    elif how == "close":
        await client.close()
    else:
        client.writer.get_extra_info("socket").setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER
        client.writer.transport.abort()
    await until(lambda: connection._reader.at_eof() or connection._reader.exception() is not None)
    go.set()
    await asyncio.wait_for(done.wait(), 5)
    assert receiver.mails == [b"Hello\r\n"]
    if how == "half close":
        assert (await client.response()).startswith(b"250 2.6.0")


async def test_a3_a_session_that_is_cut_at_the_end_of_the_grace_still_finishes_its_commit(start, receiver):
    begun = asyncio.Event()

    async def slow(_session, _envelope, content):
        begun.set()
        await until(lambda: not running.edge.open)
        receiver.mails.append(content)
        return R250_ACCEPTED

    receiver.on_content = slow
    running = await start(grace_s=0.05)
    client = await running.connect()
    await ready(client)
    await client.send(b"Hello\r\n.\r\n")
    await asyncio.wait_for(begun.wait(), 5)
    running.stop.set()
    await asyncio.wait_for(running.task, 5)
    assert receiver.mails == [b"Hello\r\n"]


async def test_a4_a_silent_client_hears_421_and_is_closed(start):
    client = await (await start(deadlines=Deadlines(command_s=0.05))).connect(greet=False)
    assert (await client.response()).startswith(b"220")
    assert (await client.response()).startswith(b"421 4.4.2")
    assert await client.response() == b""


async def test_a4_content_that_stops_coming_is_421_and_the_end(start):
    client = await (await start(deadlines=Deadlines(content_idle_s=0.05))).connect()
    await ready(client)
    await client.send(b"Hello")
    assert (await client.response()).startswith(b"421 4.4.2")
    assert await client.response() == b""


async def test_a5_one_endless_line_is_cut_off_without_taking_memory(start, receiver):
    running = await start(max_size_octets=10_000)
    client = await running.connect()
    await ready(client)
    hearing = asyncio.create_task(client.response())
    async with asyncio.timeout(10):
        while not hearing.done():
            await client.send(b"x" * 60_000)
            await asyncio.sleep(0)
    assert hearing.result().startswith(b"552 5.3.4")
    assert (await client.response()).startswith(b"421 4.7.0")
    assert await client.response() == b""
    assert receiver.mails == []


def sequences():
    path = Path(os.environ.get("CASEGATE_CORPORA", "/nowhere")) / "spoofing" / "smuggling.json"
    return json.loads(path.read_text())["sequences"] if path.exists() else []


EVIL = b"MAIL FROM:<evil@y.example>\r\nRCPT TO:<support@firm.example>\r\nDATA\r\nevil\r\n.\r\n"
STRAY = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


@pytest.mark.corpora
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("how", ["DATA", "DATA in single octets", "BDAT"])
async def test_a6_no_sequence_smuggles_a_second_mail_over_the_wire(start, receiver, corpora, how, normalise):
    running = await start(max_errors=100, normalise=normalise)
    for row in sequences():
        receiver.mails.clear()
        sequence = base64.b64decode(row["bytes_b64"])
        client = await running.connect()
        await ready(client)
        if how == "BDAT":
            await client.say(b".")
            receiver.mails.clear()
            await client.send(MAIL.removesuffix(b"DATA\r\n"))
            content = b"one" + sequence + EVIL
            await client.send(b"BDAT %d LAST\r\n" % len(content) + content)
            await client.response()
            await client.response()
            answer = await client.response()
        else:
            octets = b"one" + sequence + EVIL
            for piece in [octets] if how == "DATA" else [octets[i : i + 1] for i in range(len(octets))]:
                await client.send(piece)
            answer = await client.response()
        senders = [str(envelope.reverse_path) for _, envelope, _ in receiver.mails]
        assert "evil@y.example" not in senders, row["id"]
        ends = row["ends_data"] and how != "BDAT"
        assert all((b"evil" in content) != ends for _, _, content in receiver.mails), row["id"]
        assert not any(STRAY.search(content) for _, _, content in receiver.mails), row["id"]
        refused = not normalise and not ends and STRAY.search(sequence)
        assert answer.startswith(b"554 5.6.0" if refused else b"250 2.6.0"), row["id"]
        assert len(receiver.mails) == (0 if refused else 1), row["id"]


async def test_a7_a_line_of_100000_octets_is_taken(start, receiver):
    client = await (await start()).connect()
    await ready(client)
    await client.send(b"x" * 100_000 + b"\r\n.\r\n")
    assert (await client.response()).startswith(b"250 2.6.0")
    assert receiver.mails[0][2] == b"x" * 100_000 + b"\r\n"


async def test_a8_what_is_offered_is_what_is_kept(start, server_tls):
    client = await (await start(tls=server_tls, max_size_octets=1000)).connect()
    lines = (await client.say(b"EHLO a")).decode().split("\r\n")
    offered = {line[4:] for line in lines[1:-1]}
    kept = {"SIZE 1000", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8", "CHUNKING", "DSN", "STARTTLS"}
    assert offered == kept


async def test_a9_and_a10_the_envelope_keeps_letter_case_and_the_null_path_is_none(start, receiver):
    client = await (await start()).connect()
    for line in (b"EHLO a", b"MAIL FROM:<>", b"RCPT TO:<SuPport+Tag@FIRM.example>", b"DATA", b"."):
        await client.say(line)
    session, envelope, content = receiver.mails[0]
    assert envelope.reverse_path is None
    assert [str(each) for each in envelope.recipients] == ["SuPport+Tag@firm.example"]
    assert (session.helo, session.peer, session.tls, session.login, content) == ("a", "127.0.0.1", None, None, b"")
    assert (len(session.id), envelope.id) == (20, f"{session.id}-1")


async def test_a12_implicit_tls_counts_as_tls(start, receiver, server_tls, client_tls, one_login):
    client = await (await start(one_login, tls=server_tls, tls_implicit=True)).connect(tls=client_tls)
    assert b"AUTH PLAIN LOGIN" in await client.say(b"EHLO a")
    assert (await client.say(b"AUTH PLAIN " + base64.b64encode(b"\0ann\0correct horse"))).startswith(b"235")
    await client.send(MAIL)
    for _ in range(3):
        await client.response()
    assert (await client.say(b".")).startswith(b"250 2.6.0")
    assert receiver.mails[0][0].login == "ann"
    assert receiver.mails[0][0].tls.startswith("TLSv1.3 TLS_")


async def test_a13_a_failing_authenticator_is_451(start, server_tls, client_tls, one_login, monkeypatch):
    async def broken(*_args):
        raise RuntimeError("hunter2")

    monkeypatch.setattr(one_login, "login", broken)
    client = await (await start(one_login, tls=server_tls)).connect()
    await client.start_tls(client_tls)
    await client.say(b"EHLO a")
    assert (await client.say(b"AUTH PLAIN AGEAYg==")).startswith(b"451 4.3.0")


async def test_a14_one_connection_too_many_is_421(start):
    running = await start(max_connections=2)
    first, second = await running.connect(), await running.connect()
    for busy in (first, second):
        assert (await busy.say(b"EHLO a")).startswith(b"250")
        assert (await busy.say(b"MAIL FROM:<a@sender.example>")).startswith(b"250")
    third = await running.connect(greet=False)
    assert (await third.response()).startswith(b"421 4.7.0")
    assert await third.response() == b""
    assert (await first.say(b"QUIT")).startswith(b"221")
    assert await first.response() == b""
    await until(lambda: len(running.edge.open) == 1)
    assert (await (await running.connect()).say(b"NOOP")).startswith(b"250")


async def test_a14_a_tls_handshake_that_never_comes_is_cut(start, server_tls):
    client = await (await start(tls=server_tls, deadlines=Deadlines(handshake_s=0.05))).connect()
    assert (await client.say(b"STARTTLS")).startswith(b"220")
    assert await client.reader.read() == b""


async def test_a14_a_broken_tls_handshake_ends_only_its_own_session(start, server_tls, caplog):
    running = await start(tls=server_tls)
    client = await running.connect()
    await client.say(b"STARTTLS")
    await client.send(b"this is not a handshake\r\n")
    await client.reader.read()
    assert "Traceback" not in caplog.text
    assert (await (await running.connect()).say(b"NOOP")).startswith(b"250")


async def test_a15_ehlo_again_and_again_grows_no_limit(start):
    client = await (await start()).connect()
    for _ in range(40):
        await client.say(b"EHLO a")
    assert (await client.say(b"MAIL FROM:<" + b"x" * 2100 + b"@a.example>")).startswith(b"500 5.5.2")


async def test_a16_who_speaks_before_the_greeting_is_refused(start):
    client = await (await start(greet_delay_s=5)).connect(greet=False)
    await client.send(b"EHLO a\r\n")
    assert (await client.response()).startswith(b"554")


async def test_a16_who_waits_for_the_greeting_is_greeted(start):
    client = await (await start(greet_delay_s=0.02)).connect()
    assert (await client.say(b"NOOP")).startswith(b"250")


async def test_a18_no_password_is_logged(start, server_tls, client_tls, one_login, caplog):
    caplog.set_level(logging.DEBUG)
    client = await (await start(one_login, tls=server_tls)).connect()
    await client.start_tls(client_tls)
    await client.say(b"EHLO a")
    blob = base64.b64encode(b"\0ann\0canary-7391")
    assert (await client.say(b"AUTH PLAIN " + blob)).startswith(b"535")
    assert (await client.say(b"AUTH PLAIN " + blob + b"\x01")).startswith(b"501")
    assert "canary" not in caplog.text
    assert blob.decode() not in caplog.text


async def test_a22_the_greeting_names_no_software(start):
    client = await (await start()).connect(greet=False)
    assert await client.response() == b"220 gw.example ESMTP\r\n"


def talk(port):
    with smtplib.SMTP("127.0.0.1", port, "pc.example", timeout=10) as client:
        return client.sendmail("carl@customer.example", ["support@firm.example"], "Subject: hi\n\n.dot\n")


async def test_an_independent_client_is_understood(start, receiver):
    running = await start()
    assert await asyncio.get_running_loop().run_in_executor(None, talk, running.port) == {}
    assert receiver.mails[0][2] == b"Subject: hi\r\n\r\n.dot\r\n"
