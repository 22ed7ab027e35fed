# SPDX-License-Identifier: Apache-2.0
"""The hidden intake of a forwarded address: whoever knows it goes past the forwarder, so no customer may learn it."""

from base64 import b64encode
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from quopri import encodestring
from types import SimpleNamespace

import pytest

from storage import content
from storage.envelope import Wish
from tests.support.forwarding import INTAKE, INTAKE_ADDRESS, OWN, Yard
from tests.support.office import ANN, CARL, field, mail, sign

FORWARDERS = (
    f"Delivered-To: {INTAKE_ADDRESS}\r\nX-Forwarded-To: {INTAKE_ADDRESS.upper()}\r\nX-Original-To: {INTAKE_ADDRESS}\r\n"
    f"Received: from a.example by b.example for <{INTAKE_ADDRESS}>; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
    f"X-Forwarded-For: support@firm.example {INTAKE_ADDRESS}\r\n"
    f"Authentication-Results: b.example; x-to={INTAKE}\r\n"
).encode()


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    made = Yard(f"sqlite:///{tmp_path}/casegate.db")
    made.verified()
    made.peer(OWN)
    yield made
    made.close()


def forwarded(yard: Yard, **fields: str) -> SimpleNamespace:
    """Carl's mail as the forwarder brings it."""
    octets = FORWARDERS + sign(mail(f"Carl Customer <{CARL}>", **fields), "customer.example")
    return yard.receive(octets, INTAKE_ADDRESS)


def told(octets: bytes) -> list[bytes]:
    """Every octet that leaves, as it stands and without transfer encodings."""
    parts = list(message_from_bytes(octets, policy=policy.default).walk())
    decoded = [part.get_payload(decode=True) or b"" for part in parts]
    headers = [str(value).encode() for part in parts for value in part.values()]
    return [one.lower() for one in (octets, *decoded, *headers)]


def test_who_asks_for_a_confirmation_hears_the_public_address(yard: Yard):
    yard.wish = Wish(("SUCCESS",), f"rfc822;{INTAKE_ADDRESS.upper()}")
    yard.envid = f"for+3D{INTAKE}"
    forwarded(yard)
    (sent,) = yard.sent("confirmation")
    assert b"Final-Recipient: rfc822; support@firm.example\r\n" in sent.octets
    assert not any(INTAKE.encode() in one for one in told(sent.octets))


def test_what_the_author_asked_for_by_the_public_address_is_told_again(yard: Yard):
    yard.wish = Wish(("SUCCESS",), "rfc822;support@firm.example")
    forwarded(yard)
    (sent,) = yard.sent("confirmation")
    assert b"Original-Recipient: rfc822; support@firm.example\r\n" in sent.octets


def test_the_agents_copy_names_the_public_address(yard: Yard):
    forwarded(yard, to=f"Help <{INTAKE_ADDRESS}>, other@firm.example")
    copy = yard.sent("copy")[-1]
    assert b" for <support@firm.example>;" in copy.octets.replace(b"\r\n", b"")
    assert "support@firm.example" in field(copy, "to")
    assert "other@firm.example" in field(copy, "to")
    assert not any(INTAKE.encode() in one for one in told(copy.octets))


def test_what_was_received_is_stored_as_it_came(yard: Yard):
    found = forwarded(yard)
    with yard.database.read() as unit:
        assert content.load(unit, found.content_id).startswith(FORWARDERS)


QUOTE = f"Hi\r\n> To: {INTAKE_ADDRESS}\r\n> Delivered-To: {INTAKE.upper()}@GW.example\r\n> x-to={INTAKE}\r\n".encode()
ATTACHED = f"X-Forwarded-To: {INTAKE_ADDRESS}\r\nSubject: Help\r\n\r\nold\r\n".encode()

# What the agent sends -> does it leave (with something else in its place), or is it refused.
ANSWERS = [
    ("text/plain", "7bit", QUOTE, True),
    ("text/plain", "base64", b64encode(QUOTE), True),
    ("text/plain", "quoted-printable", encodestring(QUOTE), True),
    ("text/html", "7bit", b"<a href='mailto:" + INTAKE_ADDRESS.replace("@", "%40").encode() + b"'>x</a>", None),
    ("text/html", "base64", b64encode(QUOTE.replace(b"@", b"&#64;")), None),
    # Files and attached mails are not rewritten.
    ("message/rfc822", "7bit", ATTACHED, False),
    ("application/pdf", "base64", b64encode(ATTACHED), False),
    ("application/x-utf16", "base64", b64encode(INTAKE.encode("utf-16-le")), False),
]


@pytest.mark.parametrize(("type_", "coding", "body", "leaves"), ANSWERS)
def test_no_reply_tells_a_customer_the_intake(yard: Yard, type_: str, coding: str, body: bytes, leaves: bool | None):
    forwarded(yard)
    copy = yard.sent("copy")[-1]
    to = field(copy, "reply-to").strip("<>")
    head = (
        f"From: Ann Doe <{ANN}>\r\nTo: {to}\r\nCc: Us <{INTAKE_ADDRESS}>\r\nSubject: Re: {INTAKE_ADDRESS}\r\n"
        f"In-Reply-To: {field(copy, 'message-id')}\r\nMessage-ID: <x@{INTAKE}.example>\r\n"
        "Date: Sun, 22 Nov 2026 12:10:00 +0000\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHello\r\n--b\r\n"
        f"Content-Type: {type_}\r\nContent-Transfer-Encoding: {coding}\r\n\r\n"
    )
    answer = yard.reply(head.encode() + body.strip() + b"\r\n--b--\r\n", to)
    sent = yard.sent("reply")
    assert leaves is None or bool(sent) == leaves, answer
    for one in sent:
        assert not any(INTAKE.encode() in octets for octets in told(one.octets))
        assert one.to == [CARL]
