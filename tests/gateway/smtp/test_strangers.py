# SPDX-License-Identifier: Apache-2.0
"""Clients that send what is no SMTP, too early or for too long: what they hear, and what the log says of it."""

import pytest

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
