# SPDX-License-Identifier: Apache-2.0
"""The agent's copy: whose mail it is, whom an answer reaches, and the customer's own body below it."""

from dataclasses import replace

import pytest

from handlers import tokens
from handlers.headers import HeaderLimits, scan
from handlers.inspection import Limits
from storage.case_values import CaseSettings, Handling, Sections
from tests.support.office import ANN, CARL, DESK, KEYS, World, customer_address, field, mail, sign, verifies

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


OPEN = replace(DESK, sections=Sections(cases=CaseSettings(handling=Handling(threads="open"))))
BOUNCE = {"content_type": 'multipart/report; report-type=delivery-status; boundary="b"'}
REPORT = "--b\r\n\r\nNo.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n--b--"


def test_an_answer_to_all_of_a_guests_mail_reaches_none_whom_the_guest_named(world: World) -> None:
    """Such a mail is in the case, but its author takes no part; the agent sees whom it named."""
    world.apply(OPEN)
    first = world.carl()
    secret = customer_address(first.token)
    fields = {"to": "Firm <support@firm.example>, mal@evil.example", "cc": f"eve@evil.example, {secret}"}
    octets = b"CC: two@evil.example\r\n" + mail("Mal <mal@evil.example>", **fields)
    found = world.receive(sign(octets, "evil.example"), secret, sender="mal@evil.example")
    assert (found.proof, found.token) == ("third_party", first.token)
    copy = world.sent("copy")[-1]
    assert (field(copy, "to"), field(copy, "cc")) == ("Firm Support <support@firm.example>", "")
    assert field(copy, "x-casegate-original-to") == "Firm <support@firm.example>, mal@evil.example"
    said = [value.strip() for value in copy.head.all(b"x-casegate-original-cc")]
    assert said == [b"two@evil.example", b"eve@evil.example, Firm Support <support@firm.example>"]


def test_nor_an_answer_to_all_of_a_bounce(world: World) -> None:
    world.carl()
    to = field(world.sent("copy")[0], "reply-to")
    world.reply(mail(str(ANN), to=to), to)
    ours = world.sent("reply")[0].reverse_path
    for author in ("mailer-daemon@evil.example", f"Carl <{CARL}>"):  # whoever it says wrote it
        found = world.receive(mail(author, REPORT, to=ours, cc="Carl <carl@evil.example>", **BOUNCE), ours, sender=None)
        assert (found.proof, found.case.number) == ("third_party", 1)
        copy = world.sent("copy")[-1]
        assert (field(copy, "to"), field(copy, "cc")) == ("Firm Support <support@firm.example>", "")
        assert field(copy, "x-casegate-original-cc") == "Carl <carl@evil.example>"


def test_a_third_party_in_a_case_of_their_own_is_answered_with_all(world: World) -> None:
    first = world.carl()
    octets = sign(mail("Mal <mal@evil.example>", cc="eve@evil.example"), "evil.example")
    found = world.receive(octets, customer_address(first.token), sender="mal@evil.example")
    assert (found.proof, found.case.number) == ("third_party", 2)
    assert field(world.sent("copy")[-1], "cc") == "eve@evil.example"


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
