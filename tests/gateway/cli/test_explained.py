# SPDX-License-Identifier: Apache-2.0
"""`message explain` where the plain sentence would mislead: the verdict, the rule that decided, and nothing twice."""

from collections.abc import Iterator

import pytest

from handlers.ports import Answer, Found
from tests.gateway.cli.conftest import Installation
from tests.support.forwarding import OWN, Yard
from tests.support.office import CARL, mail, sign

EVE = "eve@evil.example"
HELD, VIP = "held@firm.example", "vip@firm.example"  # strangers are held here, and refused there


@pytest.fixture
def yard(installation: Installation) -> Iterator[Yard]:
    """An office whose address is forwarded, on the installation's store."""
    made = Yard(f"sqlite:///{installation.directory}/casegate.db")
    yield made
    made.close()


def explained(installation: Installation, message_id: str) -> str:
    lines = installation.out("message", "explain", message_id).splitlines()
    assert max(map(len, lines)) <= 80
    return " ".join(" ".join(lines).split())


def test_who_is_vouched_for_and_came_another_way_is_not_told_that_nobody_vouches(
    installation: Installation, yard: Yard
):
    yard.verified(OWN)
    arrived = yard.receive(sign(mail(f"Carl <{CARL}>"), "customer.example"))
    page = explained(installation, arrived.id)
    assert "does not count as proven, though dkim of customer.example vouches: the mail came another way" in page
    assert "way: unauthenticated, because it came straight to the public address, which is forwarded" in page
    assert "Nobody vouches" not in page


def test_silence_of_dns_is_not_told_as_nobody(installation: Installation, yard: Yard):
    yard.word()
    yard.annotate = True
    yard.txt["_dmarc.evil.example"] = Answer(Found.TEMPORARY)
    arrived = yard.receive(mail(f"Eve <{EVE}>"), sender=EVE)
    assert "It is not known whether anybody does, for DNS did not answer" in explained(installation, arrived.id)


def test_what_is_about_an_address_says_what_it_is(installation: Installation, yard: Yard):
    page = explained(installation, yard.back(yard.send()).id)
    assert "probe: a mail of ours that tests a forward, or what came of one" in page
    assert "stamp: 1 field left out, because only we write such a field" in page


def test_heartbeats_do_not_crowd_out_peoples_mail_in_the_table(installation: Installation, yard: Yard):
    probe = yard.back(yard.send())
    assert probe.id not in installation.out("message", "list")
    assert [one["id"] for one in installation.json("message", "list")] == [probe.id]


def test_what_would_have_been_done_is_not_given_as_the_reason_for_taking_the_mail(
    installation: Installation, yard: Yard
):
    yard.word()
    yard.annotate = True
    page = explained(installation, yard.receive(mail(f"Eve <{EVE}>"), VIP, sender=EVE).id)
    assert "vip@firm.example: accepted; by itself it would have been rejected, because nobody" in page
    assert "accepted, because nobody" not in page


def test_the_one_rule_that_held_a_mail_is_told_once(installation: Installation, yard: Yard):
    yard.word()
    page = explained(installation, yard.accept(mail(f"Eve <{EVE}>"), HELD, sender=EVE))
    reason = "neither DMARC nor a signature of that domain"
    assert page.count(reason) == 1
    assert page.count("no record is published") == 1
