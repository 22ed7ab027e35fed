# SPDX-License-Identifier: Apache-2.0
"""The agent's copy: whose mail it is, whom an answer reaches, and the customer's own body below it."""

from dataclasses import replace

import pytest

from handlers import tokens
from handlers.headers import HeaderLimits, scan
from handlers.inspection import Limits
from tests.support.office import ANN, CARL, KEYS, World, customer_address, field, mail, sign, verifies

BODY = 'Grüße "x"\r\n\r\n-- \r\nCarl \t \r\n.. dots\r\n' + "y" * 990


def test_the_copy_shows_the_customer_and_leads_the_answer_to_us(world: World) -> None:
    octets = sign(
        mail(body=BODY, reply_to="elsewhere@evil.example", cc="Dora <dora@other.example>"), "customer.example"
    )
    found = world.receive(octets)
    (copy,) = world.sent("copy")
    assert copy.to == [str(ANN)]
    assert field(copy, "from") == f"Carl Customer via Firm Support <{found.token.lower()}@gw.example>"
    reply_to = tokens.read_reply_address(KEYS, field(copy, "reply-to").partition("@")[0], world.now)
    assert (reply_to.thread_id, reply_to.role) == (found.token, tokens.Role.AGENT)
    assert field(copy, "x-casegate-author") == CARL
    assert field(copy, "x-casegate-thread") == found.token
    assert field(copy, "x-casegate-case") == "1"
    assert field(copy, "subject") == "Broken"
    assert field(copy, "cc") == "Dora <dora@other.example>"
    assert "dkim=pass" in field(copy, "authentication-results")
    assert b"elsewhere@evil.example" not in copy.octets
    assert copy.head.count(b"dkim-signature") == 1  # the customer's no longer holds
    assert tokens.read_bounce_address(KEYS, copy.reverse_path.partition("@")[0]).thread_id == found.token


def test_the_body_is_the_customers_octet_for_octet_and_our_signature_covers_it(world: World) -> None:
    octets = sign(mail(body=BODY), "customer.example")
    world.receive(octets)
    (copy,) = world.sent("copy")
    assert copy.octets[copy.head.body_offset :] == octets[scan(octets).body_offset :]
    assert verifies(copy.octets, world.signer) == [True]
    assert b"d=gw.example;" in copy.head.raw(copy.head.fields[0])
    assert verifies(copy.octets.replace(b"Carl \t", b"Karl \t"), world.signer) == [False]


def test_an_unverified_mail_says_so_in_subject_and_display_name(world: World) -> None:
    world.receive(mail())
    (copy,) = world.sent("copy")
    assert field(copy, "subject") == "[unverified] Broken"
    assert field(copy, "from").startswith('"[unverified] Carl Customer via Firm Support" <')


def test_a_customers_signed_address_stands_in_no_copy(world: World) -> None:
    first = world.carl()
    secret = customer_address(first.token)
    world.carl(secret, "support@firm.example", to=f"Firm <{secret}>, other@x.example", cc=secret.upper())
    copy = world.sent("copy")[-1]
    section = copy.octets[: copy.head.body_offset].lower()
    assert secret.partition("@")[0].encode() not in section
    assert field(copy, "to") == "Firm Support <support@firm.example>, other@x.example"
    assert field(copy, "cc") == "Firm Support <support@firm.example>"


@pytest.mark.parametrize(
    ("padding", "annotate"),
    [
        # more fields than are read on arrival: such a mail is only taken where the desk annotates
        (b"X-Pad: v\r\n" * 1500, True),
        # more octets than usual, which an operator may allow
        (b"X-Pad: %b\r\n" % (b"p" * 900) * 400, False),
        # forged beyond what was read on arrival
        (b"X-Pad: v\r\n" * 990 + b"Authentication-Results: gw.example; dkim=pass\r\n" * 9, True),
    ],
)
def test_a_large_header_section_stays_out_of_the_body_and_leaves_it_readable(
    world: World, padding: bytes, annotate: bool
) -> None:
    world.annotate = annotate
    world.office = replace(world.office, limits=Limits(HeaderLimits(1_000_000, 995)))
    mime = b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n"
    section, body = mail().split(b"\r\n\r\n", 1)
    world.receive(section + b"\r\n" + padding + mime + b"\r\n<p>" + body)
    (copy,) = world.sent("copy")
    assert copy.octets[copy.head.body_offset :] == b"<p>" + body
    assert field(copy, "content-type") == "text/html"
    assert field(copy, "subject") == "[unverified] Broken"
    assert copy.head.count(b"authentication-results") == 1
    assert verifies(copy.octets, world.signer) == [True]
