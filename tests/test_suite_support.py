# SPDX-License-Identifier: Apache-2.0
"""The harness of the suites: what comes back is what was stored."""

import pytest

from tests.support.dkim import key_record
from tests.support.office import mail, sign
from tests.support.suite import Suite


@pytest.fixture
def suite(tmp_path, dns_zone):
    with Suite(tmp_path, dns_zone) as made:
        yield made


def test_a_mail_comes_back_as_it_was_stored(suite):
    shown = suite.send(mail(), peer="2001:db8::7", helo="[192.0.2.7]", reverse_path=None)
    assert shown["response"].startswith("250 ")
    assert shown["session"]["peer"] == "2001:db8::7"
    assert shown["session"]["helo"] == "[192.0.2.7]"
    assert shown["envelope"]["reverse_path"] is None
    assert shown["authentication"]["dkim"] == []


def test_the_same_mail_again_is_another_one_under_another_zone(suite, dns_zone):
    dns_zone.set("s1._domainkey.customer.example", "TXT", [key_record()])
    signed = sign(mail(), "customer.example")
    first = suite.send(signed)
    dns_zone.clear()
    second = suite.send(signed)
    assert [one["authentication"]["dkim"][0]["result"] for one in (first, second)] == ["pass", "permerror"]


def test_a_refused_mail_is_its_response(suite):
    assert suite.send(mail(), recipient="nobody@elsewhere.example")["response"].startswith("550 5.1.1")


def test_the_clock_can_be_set(suite, clock):
    suite.clock.set(clock.advance(3600))
    assert suite.send(mail())["received_at"].startswith("2026-11-22T13:00:00")
