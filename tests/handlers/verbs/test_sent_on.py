# SPDX-License-Identifier: Apache-2.0
"""A signed mail that its author wrote to somebody else, sent on to us with fields above it, joins nothing."""

import json
from types import SimpleNamespace
from unittest.mock import patch

import dkim
import pytest

from tests.support.dkim import private_pem
from tests.support.office import BEGINNING, CARL, SUPPORT, World, customer_address, mail

ORDINARY = (b"from", b"to", b"subject", b"date", b"message-id")
MALLORY = "mallory@evil.example"


def signed(octets: bytes, names: tuple[bytes, ...] = ORDINARY) -> bytes:
    """With a signature of the customer's domain over these fields alone."""
    with patch("dkim.time.time", return_value=BEGINNING.timestamp()):
        form = (b"relaxed", b"relaxed")
        return (
            dkim.sign(octets, b"s1", b"customer.example", private_pem(), canonicalize=form, include_headers=list(names))
            + octets
        )


def sent_on(world: World, above: str, octets: bytes, *to: str) -> SimpleNamespace:
    return world.receive(above.encode() + octets, *(to or (str(SUPPORT),)), sender=MALLORY)


ABOVE = {
    "nothing": "",
    "the thread ID in its field": "X-Casegate-Thread: {token}\r\n",
    "a second subject with the thread ID": "Subject: [{token}] Lunch\r\n",
    "the id of the customer's mail": "In-Reply-To: <{own}>\r\n",
    "a second To that names us": "X-Casegate-Thread: {token}\r\nTo: support@firm.example\r\n",
    "a Cc": "X-Casegate-Thread: {token}\r\nCc: support@firm.example, eve@evil.example\r\n",
}


@pytest.mark.parametrize("name", ABOVE)
@pytest.mark.parametrize("at_address", [False, True])
def test_a_private_mail_that_was_sent_on_joins_no_case(world: World, name: str, at_address: bool) -> None:
    first = world.carl()
    private = signed(mail(body="Lunch?", subject="Lunch", to=f"Mallory <{MALLORY}>"))
    above = ABOVE[name].format(token=first.token, own=first.message_id)
    to = [customer_address(first.token)] if at_address else []
    found = sent_on(world, above, private, *to)
    assert found.case.number != first.case.number
    assert world.participants(first.token) == {CARL}
    assert world.participants(found.token) == {CARL}
    assert any(one[:2] == ["pointers", "not counted"] for one in json.loads(found.trace)["notes"])


def test_what_was_written_to_us_brings_those_whom_the_signature_covers_and_no_other(world: World) -> None:
    first = world.carl()
    octets = signed(mail(cc="dora@other.example", in_reply_to=f"<{first.message_id}>"), (*ORDINARY, b"cc"))
    found = sent_on(world, "Cc: eve@evil.example\r\n", octets)
    assert (found.case.number, world.participants(first.token)) == (1, {CARL, "dora@other.example"})


def test_a_mail_that_we_have_stays_in_its_case_whatever_stands_above_it(world: World) -> None:
    secret = world.carl()
    octets = signed(mail(cc=MALLORY, subject="Other"), (*ORDINARY, b"cc"))
    other = world.receive(octets)
    found = sent_on(world, f"X-Casegate-Thread: {secret.token}\r\n", octets)
    assert found.case.number == other.case.number
    assert world.participants(secret.token) == {CARL}


def test_an_id_that_is_not_signed_lends_nothing_to_what_stands_above(world: World) -> None:
    secret = world.carl()
    octets = signed(mail(cc=MALLORY, subject="Other", message_id=""), (b"from", b"to", b"cc", b"subject", b"date"))
    found = sent_on(world, f"Message-ID: <new@evil.example>\r\nX-Casegate-Thread: {secret.token}\r\n", octets)
    assert found.case.number != secret.case.number
    assert world.participants(secret.token) == {CARL}
