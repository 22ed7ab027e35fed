# SPDX-License-Identifier: Apache-2.0
"""Others' programs deliver to the MX: what they sent is what `message raw` gives back, and nothing waits with them."""

import base64
import random
import re
from itertools import count

import pytest

from tests.peers.conftest import House
from tests.peers.senders import (
    BY_LMTP,
    BY_STARTTLS,
    FROM_HOME,
    IN_CLEAR,
    SMTPUTF8,
    SUPPORT,
    UNKNOWN,
    ClientSender,
    Sender,
    ServerSender,
)
from tests.support.fake_mx import Mail
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

SERVERS = ("postfix", "exim", "opensmtpd")
CLIENTS = ("msmtp", "swaks", "curl", "nodemailer")
SENDERS = SERVERS + CLIENTS
# The others lack it: OpenSMTPD takes ASCII addresses only, msmtp and swaks send no parameter of MAIL.
SENDERS_OF_SMTPUTF8 = ("postfix", "exim", "curl", "nodemailer")
BIG_OCTETS = 25_000_000
_numbers = count(1)


def every(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sender", names, indirect=True)


def mail(author: str, body: str, subject: str = "A question") -> tuple[str, bytes]:
    """A Message-ID and the mail that has it; its body begins with a dot, which no hop may lose."""
    message_id = f"{next(_numbers)}.peers@customer.example"
    lines = (
        f"From: {author}",
        "To: support@firm.example",
        f"Subject: {subject}",
        "Date: Sun, 22 Nov 2026 10:00:00 +0000",
        f"Message-ID: <{message_id}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        ".",
        "..two dots",
        body,
    )
    return message_id, "".join(f"{line}\r\n" for line in lines).encode()


def check_octets(house: House, message: dict[str, object], content: bytes) -> None:
    """What arrived is what was sent, after the Received fields of those that passed it on."""
    raw = house.installation.octets("message", "raw", str(message["id"]))
    is_same = raw.endswith(content)
    assert is_same, f"{len(raw)} octets arrived for {len(content)}: {raw[:1000]!r} ... {raw[-200:]!r}"
    before = raw[: -len(content)].decode()
    assert re.fullmatch(r"(?:Received: [^\r\n]+\r\n(?:[ \t][^\r\n]+\r\n)*)*", before), before


def received_with(house: House, message: dict[str, object]) -> str:
    """The protocol that our own Received names (RFC 3848)."""
    stamped = house.installation.octets("message", "raw", str(message["id"]), "--stamped")
    field = re.search(rb"(?m)^Received:(?:.*\r\n[ \t])*?.*\bby\s+gw\.example\s+with\s+(\S+)", stamped)
    assert field is not None, stamped[:1000]
    return field[1].decode()


@every(*SENDERS)
def test_a_mail_in_clear_arrives_as_it_was_sent(house: House, sender: Sender):
    message_id, content = mail(f"Carl <{IN_CLEAR.reverse_path}>", "Does it fit?")
    sender.deliver(content, IN_CLEAR)
    message = house.the_one(message_id)
    assert message["envelope"]["reverse_path"] == IN_CLEAR.reverse_path
    assert not message["session"]["tls"]
    assert received_with(house, message) == "ESMTP"
    check_octets(house, message, content)


@every(*SENDERS)
def test_starttls_is_used_where_the_sender_may(house: House, sender: Sender):
    message_id, content = mail(f"Carl <{BY_STARTTLS.reverse_path}>", "Is this private?")
    sender.deliver(content, BY_STARTTLS)
    message = house.the_one(message_id)
    assert message["session"]["tls"]
    assert received_with(house, message) == "ESMTPS"
    check_octets(house, message, content)


@every(*SENDERS)
def test_a_mail_of_25_megabytes_arrives_whole(house: House, sender: Sender):
    octets = random.Random(sender.name).randbytes(BIG_OCTETS * 3 // 4)  # no two peers send the same
    message_id, content = mail(
        "Carl <carl@customer.example>", base64.encodebytes(octets).decode().replace("\n", "\r\n")
    )
    sender.deliver(content, BY_STARTTLS)
    check_octets(house, house.the_one(message_id), content)


@every(*SENDERS_OF_SMTPUTF8)
def test_an_address_beyond_ascii_arrives(house: House, sender: Sender):
    message_id, content = mail(f"Jörg Bücher <{SMTPUTF8.reverse_path}>", "Grüße", "Größe")
    sender.deliver(content, SMTPUTF8)
    message = house.the_one(message_id)
    local_part, _, domain = message["envelope"]["reverse_path"].partition("@")
    assert local_part == "jörg"
    assert domain.encode("idna") == b"xn--bcher-kva.example"  # curl says the A-label
    check_octets(house, message, content)


def bounces_of(house: House, message_id: str) -> list[Mail]:
    """What came home that quotes this mail."""
    return wait_until(
        lambda: [one for one in house.home.mails if message_id.encode() in one.content], f"the bounce of {message_id}"
    )


@every(*SERVERS)
def test_a_refused_mail_returns_to_its_author_and_not_to_us(house: House, sender: ServerSender):
    message_id, content = mail(f"Carl <{FROM_HOME.reverse_path}>", "Who are you?")
    sender.server.take(FROM_HOME.reverse_path, (UNKNOWN,), content)
    bounces = bounces_of(house, message_id)
    sender.server.wait_until_empty()
    assert [(one.reverse_path, one.recipients) for one in bounces] == [(None, (FROM_HOME.reverse_path,))]
    assert b"550" in bounces[0].content
    assert house.arrived(message_id) == []


@every("postfix", "exim")
def test_a_mail_server_hands_over_by_lmtp(house: House, sender: ServerSender):
    message_id, content = mail(f"Carl <{BY_LMTP.reverse_path}>", "Are you next door?")
    sender.server.take(BY_LMTP.reverse_path, (SUPPORT, UNKNOWN), content)
    (bounce,) = bounces_of(house, message_id)
    sender.server.wait_until_empty()
    message = house.the_one(message_id)
    assert message["envelope"]["recipients"] == [SUPPORT]
    assert received_with(house, message) == "LMTP"
    check_octets(house, message, content)
    assert bounce.recipients == (BY_LMTP.reverse_path,)
    assert re.findall(rb"Final-Recipient: rfc822; *(\S+)", bounce.content) == [UNKNOWN.encode()]


@every(*SERVERS)
def test_what_a_sender_asked_of_reports_arrives(house: House, sender: ServerSender):
    message_id, content = mail(f"Carl <{BY_STARTTLS.reverse_path}>", "Did you get this?")
    sender.server.hand_in(
        content,
        f"MAIL FROM:<{BY_STARTTLS.reverse_path}> RET=HDRS ENVID=QQ314159",
        f"RCPT TO:<{SUPPORT}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;help@customer.example",
    )
    sender.server.wait_until_empty()
    envelope = house.the_one(message_id)["envelope"]
    assert (envelope["ret"], envelope["envid"]) == ("HDRS", "QQ314159")
    assert sorted(envelope["notify"][SUPPORT]) == ["FAILURE", "SUCCESS"]
    assert envelope["orcpt"] == {SUPPORT: "rfc822;help@customer.example"}


@every("exim")
def test_exim_pipelines_and_sends_by_bdat(house: House, sender: ServerSender):
    message_id, content = mail(f"Carl <{BY_STARTTLS.reverse_path}>", "In how many pieces?")
    sender.deliver(content, BY_STARTTLS)
    check_octets(house, house.the_one(message_id), content)
    flags = sender.server.flags(message_id)
    assert {"L", "K"} <= flags, sender.server.log()[-2000:]


@every(*CLIENTS)
def test_a_client_says_that_its_mail_was_refused(house: House, sender: ClientSender):
    message_id, content = mail(f"Carl <{BY_STARTTLS.reverse_path}>", "Who are you?")
    outcome = sender.call(content, BY_STARTTLS, UNKNOWN)
    assert outcome.status != 0
    assert re.search(r"\b550\b", outcome.printed), outcome.printed
    assert house.arrived(message_id) == []
