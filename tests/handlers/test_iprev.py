# SPDX-License-Identifier: Apache-2.0
"""The client's name counts only where it leads back to the client (RFC 8601 §3)."""

import pytest

from handlers import iprev
from handlers.iprev import MAX_NAMES
from handlers.results import IprevResult
from tests.handlers.test_spf import subject
from tests.support.zone_book import ZoneBook

POINTER = "1.2.0.192.in-addr.arpa"
TIMEOUT = {"rcode": "TIMEOUT"}


def named(*names: str) -> dict[str, object]:
    return {POINTER: {"PTR": list(names)}}


def checked(zone: ZoneBook, peer: str = "192.0.2.1") -> IprevResult:
    return zone.run(lambda book: iprev.check(subject(peer=peer), book))


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (named("mx.a.example") | {"mx.a.example": {"A": ["192.0.2.1"]}}, IprevResult("pass", "mx.a.example")),
        # one of several names, one of several addresses
        (named("b.example", "a.example") | {"b.example": {"A": ["192.0.2.7", "192.0.2.1"]}},
         IprevResult("pass", "b.example")),
        # anybody can write another's name there
        (named("mx.bank.example") | {"mx.bank.example": {"A": ["198.51.100.1"]}}, IprevResult("fail")),
        (named("mx.bank.example"), IprevResult("fail")),
        # what is no host name is not looked at, and never shown
        (named("a b.example", "x\r\ny.example", "localhost", "a..b"), IprevResult("fail")),
        # no name at all
        ({}, IprevResult("permerror")),
        ({POINTER: {"PTR": {"rcode": "NODATA"}}}, IprevResult("permerror")),
        # DNS does not say
        ({POINTER: {"PTR": TIMEOUT}}, IprevResult("temperror")),
        (named("a.example", "b.example") | {"a.example": {"A": TIMEOUT}}, IprevResult("temperror")),
        (named("a.example", "b.example") | {"a.example": {"A": TIMEOUT}, "b.example": {"A": ["192.0.2.1"]}},
         IprevResult("pass", "b.example")),
    ],
)  # fmt: skip
def test_each_way_that_the_look_up_can_end(zone, expected):
    assert checked(ZoneBook(zone)) == expected


def test_ipv6_is_looked_up_by_aaaa_and_ipv4_in_it_by_a():
    pointer = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    zone = ZoneBook({pointer: {"PTR": ["six.example"]}, "six.example": {"AAAA": ["2001:DB8:0::7"]}})
    assert checked(zone, "2001:db8::7") == IprevResult("pass", "six.example")
    mapped = ZoneBook(named("four.example") | {"four.example": {"A": ["192.0.2.1"]}})
    assert checked(mapped, "::ffff:192.0.2.1") == IprevResult("pass", "four.example")


def test_a_mail_that_came_by_no_connection_has_no_client():
    assert checked(ZoneBook({}), "local") == IprevResult("none")


def test_of_hundreds_of_names_a_few_are_looked_at():
    zone = ZoneBook(named(*(f"n{n}.example" for n in range(500))))
    assert checked(zone) == IprevResult("fail")
    assert len(zone.asked) == 1 + MAX_NAMES
    assert zone.rounds == 2
