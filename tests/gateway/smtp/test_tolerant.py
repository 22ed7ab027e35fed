# SPDX-License-Identifier: Apache-2.0
"""A gateway that only annotates takes names and senders of no proper form; one that decides refuses them."""

import pytest

from storage.address import Address, BadAddress, tolerated


@pytest.mark.parametrize(
    "line",
    [
        # the name of a PC, as its owner has typed it
        b"EHLO two words",
        b"EHLO [not a literal",
        # no local part; no local part that may stand without quotes; domains that no DNS can have
        b"MAIL FROM:<@b.example>",
        b"MAIL FROM:<a b@b.example>",
        b"MAIL FROM:<a@b..example>",
        b"MAIL FROM:<a@" + b"b" * 64 + b".example>",
    ],
)
@pytest.mark.parametrize("tolerant", [True, False])
async def test_only_who_annotates_takes_what_has_no_proper_form(start, line, tolerant):
    client = await (await start(tolerant=tolerant)).connect()
    await client.say(b"EHLO client.example")
    assert (await client.say(line))[:3] == (b"250" if tolerant else b"501")


@pytest.mark.parametrize(
    "line",
    [
        # what would break a line of ours
        b"EHLO a\x07b",
        b"MAIL FROM:<a\x07@b.example>",
        # what is no path at all
        b"MAIL FROM:<a>",
        b"MAIL FROM:a@b.example",
        # what passes a bound
        b"MAIL FROM:<" + b"a" * 65 + b"@b.example>",
        b"MAIL FROM:<a@" + b"b." * 130 + b"example>",
        b"EHLO " + b"a" * 256,
    ],
)
async def test_even_then_there_is_a_form(start, line):
    client = await (await start(tolerant=True)).connect()
    await client.say(b"EHLO client.example")
    assert (await client.say(line))[:3] == b"501"


async def test_recipients_are_never_tolerated(start):
    client = await (await start(tolerant=True)).connect()
    await client.say(b"EHLO client.example")
    await client.say(b"MAIL FROM:<@b.example>")
    assert (await client.say(b"RCPT TO:<@firm.example>"))[:3] == b"501"


def test_a_proper_mailbox_is_read_as_ever():
    assert tolerated("Carl@B.example") == Address("Carl", "b.example")
    assert tolerated("a@b..Example") == Address("a", "b..example")
    with pytest.raises(BadAddress):
        tolerated("no mailbox")
