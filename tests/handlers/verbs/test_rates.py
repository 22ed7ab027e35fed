# SPDX-License-Identifier: Apache-2.0
"""How much may come: rates of an author, a domain and an address, in a whole office."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.rates import SharedRates
from handlers import tokens
from storage import blocks
from storage.desk_values import Policy
from storage.response import (
    R450_OVER_RATE,
    R550_DMARC,
    R550_NOT_ALLOWED,
    R550_OVER_RATE,
)
from storage.states import Move
from tests.handlers.verbs.given_policies import (
    POSTMASTER,
    STRANGER,
    VERA,
    aligned,
    because,
    dmarc,
    policy,
    taken,
)
from tests.support.office import CARL, KEYS, SUPPORT, World, customer_address, mail


@pytest.fixture
def counted(world: World) -> Iterator[World]:
    """With counters; each mail is one of two in an hour for its author, three for its domain, five in all."""
    rates = SharedRates()
    world.rates = rates
    policy(world, Policy(rate_author="2/h", rate_domain="3/h", rate_total="5/h"))
    yield world
    rates.close()


def test_over_lmtp_whoever_is_over_its_rate_comes_again_and_the_others_take_it(counted: World) -> None:
    counted.session = replace(counted.session, protocol="LMTP")
    both = (str(SUPPORT), "sales@firm.example")
    for _ in range(2):
        assert counted.judged(aligned(CARL), *both).refused == ()
    judged = counted.judged(aligned(CARL), *both)
    assert [(one.recipient, one.response) for one in judged.refused] == [(str(SUPPORT), R450_OVER_RATE)]
    assert [(one.address, one.disposition) for one in judged.verdicts] == [("sales@firm.example", "accept")]
    assert [str(one.address) for one in judged.destinations] == ["sales@firm.example"]
    assert taken(judged) == "accept"
    assert counted.judged(aligned(CARL)).refusal == R450_OVER_RATE  # nobody takes it


def test_reports_about_our_mail_use_up_nothing(counted: World) -> None:
    counted.carl()
    report = counted.sent("copy")[0].reverse_path
    policy(counted, Policy(rate_author="1/h", rate_domain="1/h", rate_total="1/h"))
    bounce = mail("MAILER-DAEMON@elsewhere.example", content_type="multipart/report; report-type=delivery-status")
    assert [taken(counted.judged(bounce, report, sender=None)) for _ in range(3)] == ["accept"] * 3
    assert [taken(counted.judged(mail(STRANGER))) for _ in range(2)] == ["accept", None]
    assert [taken(counted.judged(mail(STRANGER), POSTMASTER)) for _ in range(2)] == ["accept"] * 2


def test_over_its_rate_an_author_comes_again_later(counted: World) -> None:
    carl, dora = (lambda: aligned(CARL)), (lambda: aligned("dora@customer.example"))
    assert [counted.judged(carl()).refusal for _ in range(3)] == [None, None, R450_OVER_RATE]
    assert [counted.judged(dora()).refusal for _ in range(2)] == [None, R450_OVER_RATE]  # the domain's third, fourth
    assert [counted.judged(aligned(VERA)).refusal for _ in range(2)] == [None, None]
    refused = counted.judged(aligned("new@other.example"))  # the sixth in all
    assert refused.refusal == R450_OVER_RATE
    words = "too much mail of all proven authors: rate_total = 5/h (address support@firm.example), over_rate = defer"
    assert words in because(refused)
    counted.clock.advance(3600)
    assert counted.judged(carl()).refusal is None


def test_a_stranger_cannot_use_up_what_a_customer_may_send(counted: World) -> None:
    """In Carl's name from one network, in every name, and from there to all that is unproven."""
    counted.session = replace(counted.session, peer="198.51.100.66")
    stopped = [counted.judged(mail(CARL)).refusal for _ in range(20)]
    assert stopped == [None, None, *[R450_OVER_RATE] * 18]
    stopped = [counted.judged(mail(f"x{number}@customer.example")).refusal for number in range(20)]
    assert stopped == [None, *[R450_OVER_RATE] * 19]
    # Carl, without a signature, from his own host; and with one.
    counted.session = replace(counted.session, peer="192.0.2.1")
    assert counted.judged(mail(CARL)).refusal is None
    assert [counted.judged(aligned(CARL)).refusal for _ in range(2)] == [None, None]


def test_what_is_refused_or_for_the_postmaster_counts_for_nobody(counted: World) -> None:
    policy(counted, Policy("authenticated", rate_author="1/h", over_rate="reject"))
    for _ in range(3):
        assert counted.judged(mail(CARL)).refusal == R550_NOT_ALLOWED
        assert counted.judged(aligned(CARL), POSTMASTER).refusal is None
    assert [counted.judged(aligned(CARL)).refusal for _ in range(2)] == [None, R550_OVER_RATE]
    # Each address counts for itself; whoever takes it speaks for all.
    both = counted.judged(aligned(CARL), str(SUPPORT), "sales@firm.example")
    assert [one.disposition for one in both.verdicts] == ["quarantine", "accept"]


def test_a_signed_address_obeys_the_address_its_case_came_in_by_else_the_desk(counted: World) -> None:
    found = counted.carl()
    reply = customer_address(found.token)
    # Carl's second mail within the hour at support@, and his third.
    assert [counted.judged(aligned(CARL), reply).refusal for _ in range(2)] == [None, R450_OVER_RATE]
    dmarc(counted, "elsewhere.example", "reject")
    assert counted.judged(mail(STRANGER), reply).refusal == R550_DMARC
    nobodys = customer_address(tokens.new_thread_id(KEYS))
    assert counted.judged(mail(STRANGER), nobodys).refusal == R550_DMARC
    assert counted.judged(aligned(STRANGER), nobodys).refusal is None
    policy(counted, desk=Policy("known_contacts"))
    assert counted.judged(aligned(STRANGER), nobodys).refusal == R550_NOT_ALLOWED
    # A report about our own mail meets blocks and nothing else.
    report = counted.sent("copy")[0].reverse_path
    bounce = mail("MAILER-DAEMON@elsewhere.example", content_type="multipart/report; report-type=delivery-status")
    assert counted.judged(bounce, report, sender=None).refusal is None
    with counted.database.move(Move.APPLY) as unit:
        blocks.add(unit, "192.0.2.0/24", "", counted.now)
    policy(counted)
    assert counted.judged(bounce, report, sender=None).refusal == R550_NOT_ALLOWED
