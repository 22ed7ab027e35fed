# SPDX-License-Identifier: Apache-2.0
"""A signed mail that its author wrote to somebody else, sent on to us with fields above it, joins nothing."""

import json
from dataclasses import replace
from ipaddress import ip_network
from types import SimpleNamespace
from unittest.mock import patch

import dkim
import pytest

from handlers import changing, coverage
from handlers.acting import casegate
from handlers.headers import scan
from handlers.ports import Answer, Found
from handlers.results import Authentication, DkimResult, DmarcResult
from handlers.subject import Upstream
from storage import cases
from storage.states import Move
from tests.support.dkim import private_pem
from tests.support.office import ANN, BEGINNING, CARL, SUPPORT, World, customer_address, field, mail
from tests.support.strangers import OF_M365, partly

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
    said = "not proven" if name == "a second subject with the thread ID" else "not counted"
    assert any(one[:2] == ["pointers", said] for one in json.loads(found.trace)["notes"])


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


def solve(world: World, number: int) -> None:
    with world.database.move(Move.EDIT) as unit:
        changing.change(unit, world.office.desk, cases.lock(unit, number), {"status": "solved"}, casegate(world.now))
    world.clock.advance(1)


@pytest.mark.parametrize("to", [SUPPORT, "sales@firm.example", "signed address"])
@pytest.mark.parametrize("above", ["", "Received: from x by y; Sun, 22 Nov 2026 12:00:00 +0000\r\n"])
def test_a_mail_that_we_have_opens_no_case_again_and_goes_to_nobody(world: World, to: str, above: str) -> None:
    octets = signed(mail())
    first = world.receive(octets)
    solve(world, 1)
    sent = len(world.sent())
    again = sent_on(world, above, octets, customer_address(first.token) if to == "signed address" else str(to))
    assert (again.case.number, again.state, world.case(1).status, len(world.sent())) == (1, "routed", "solved", sent)
    assert world.case(1).events[-1] == ("casegate", "repeated", {"message": again.id, "of": first.id})
    assert not [one for one in world.case(1).events if one[1] == "watched"]


def test_nor_does_it_begin_a_case_after_one_that_ended_long_ago(world: World) -> None:
    octets = signed(mail())
    world.receive(octets)
    solve(world, 1)
    world.clock.advance(400 * 86_400)
    assert sent_on(world, "", octets).case.number == 1


def test_an_agent_who_comes_later_gets_the_mail_once(world: World) -> None:
    world.presence("ann", "away")
    octets = signed(mail())
    first = world.receive(octets)
    sent_on(world, "", octets)
    world.presence("ann", "available")
    second = world.carl(x_casegate_thread=first.token)
    assert [one.message_seq for one in world.sent("copy")] == [first.seq, second.seq]


def test_our_next_answer_refers_to_what_the_customer_wrote_last(world: World) -> None:
    octets = signed(mail())
    first = world.receive(octets)
    last = world.carl(customer_address(first.token))
    sent_on(world, "", octets)
    to = field(world.sent("copy")[-1], "reply-to").strip("<>")
    assert isinstance(world.reply(mail(str(ANN), to=to), to), str)
    assert field(world.sent("reply")[-1], "in-reply-to") == f"<{last.message_id}>"


def test_by_another_way_to_an_address_that_its_author_names_it_brings_the_team(world: World) -> None:
    octets = signed(mail(to="support@firm.example, sales@firm.example"))
    world.receive(octets, "support@firm.example")
    world.receive(octets, "sales@firm.example")
    assert [one[2]["team"] for one in world.case(1).events if one[1] == "watched"] == ["sales"]
    assert sent_on(world, "", octets, "sales@firm.example").case.number == 1
    assert world.case(1).events[-1][1] == "repeated"


def test_an_address_that_only_held_the_mail_has_not_had_it(world: World) -> None:
    octets = signed(mail(to="support@firm.example, held@firm.example"))
    world.receive(octets, str(SUPPORT), "held@firm.example")
    to = field(world.sent("copy")[-1], "reply-to").strip("<>")
    world.reply(mail(str(ANN), to=to), to)  # from now on the author is known there
    world.receive(octets, "held@firm.example")
    assert [one[2]["team"] for one in world.case(1).events if one[1] == "watched"] == ["sales"]


def test_a_likely_mail_that_is_sent_again_changes_nothing_either(world: World) -> None:
    """By the dedicated forwarder, to which anybody can write."""
    world.carl()
    to = field(world.sent("copy")[-1], "reply-to").strip("<>")
    world.reply(mail(str(ANN), to=to), to)
    ours = field(world.sent("reply")[-1], "message-id")
    octets = partly(mail(in_reply_to=ours), "customer.example", OF_M365)
    world.vouched = True
    assert (world.receive(octets).proof, world.case(1).status) == ("likely", "open")
    solve(world, 1)
    assert (sent_on(world, "", octets).case.number, world.case(1).status) == (1, "solved")


# Each changes what is shown, or how the text is read, and the signature still verifies.
@pytest.mark.parametrize(
    "above",
    ["Subject: You owe us money", 'Content-Type: text/html; charset="utf-7"', "Date: Thu, 1 Jan 2026 00:00:00 +0000"],
)
def test_what_stands_above_a_field_that_is_signed_makes_a_mail_nobodys(world: World, above: str) -> None:
    first = world.carl()
    octets = signed(mail(in_reply_to=f"<{first.message_id}>", content_type="text/plain"), (*ORDINARY, b"content-type"))
    found = sent_on(world, f"{above}\r\n", octets)
    assert (found.case.number, found.proof, world.case(1).links) == (2, "unproven", [("possibly_belongs_to", 2)])
    assert world.receive(octets).case.number == 1


def by_filter(world: World, spf: str, octets: bytes) -> bytes:
    """As the forwarder hands it on, which is one of authentication.upstreams."""
    known = Upstream("mx.forwarder.example", ip_network("192.0.2.0/24"))
    policy = replace(world.office.authentication, upstreams=(known,))
    world.office = replace(world.office, authentication=policy)
    said = f"Authentication-Results: mx.forwarder.example; spf={spf} smtp.mailfrom={CARL}\r\n"
    return f"Received: from x by mx.forwarder.example; Sun, 22 Nov 2026 12:00:00 +0000\r\n{said}".encode() + octets


# A forwarder that tells SPF at its own door says who handed the mail over; a replay fails there.
@pytest.mark.parametrize(("spf", "number"), [("pass", 1), ("fail", 2), ("none", 2)])
def test_a_forwarder_that_tells_spf_makes_up_for_a_to_that_is_not_signed(world: World, spf: str, number: int) -> None:
    first = world.carl()
    world.txt["_dmarc.customer.example"] = Answer(Found.YES, (b"v=DMARC1; p=none",))
    octets = partly(mail(in_reply_to=f"<{first.message_id}>"), "customer.example", OF_M365)
    found = world.receive(by_filter(world, spf, octets), sender=CARL)
    assert (found.case.number, found.proof) == (number, "proven")


def test_where_a_filter_says_only_that_some_signature_passed_what_all_of_them_cover_is_signed() -> None:
    by_two = (("from", "to", "subject"), ("from", "subject", "date"))
    found = Authentication(
        dkim=tuple(DkimResult("fail", "customer.example", signed=one) for one in by_two),
        dmarc=DmarcResult("pass", "customer.example", aligned=("upstream:customer.example",), by="filter.example"),
    )
    covered = coverage.written(scan(mail()), found)
    assert covered is not None
    assert {one.name for one in covered.fields} == {b"from", b"subject"}
