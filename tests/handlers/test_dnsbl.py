# SPDX-License-Identifier: Apache-2.0
"""DNS blocklists: which answer is a listing, and which list is none any more."""

from datetime import UTC, datetime
from ipaddress import IPv4Address

import pytest

from handlers import dnsbl
from handlers.book import Book
from handlers.dkim import DkimPolicy, Signatures
from handlers.headers import scan
from handlers.ports import Answer, Found, Question
from handlers.results import DnsblResult, Listing
from handlers.subject import AuthenticationPolicy, Dnsbl, Subject
from storage.envelope import Envelope, Session

HEAD = scan(b"From: a@b.example\r\n\r\n")
V6 = "2001:db8::7"
V6_LABELS = ".".join(reversed("20010db8000000000000000000000007"))
V6_TEST = ".".join(reversed("00000000000000000000ffff7f000001"))


def checked(peer: str, zone: dict[str, str | Found], *lists: str) -> DnsblResult:
    """What the lists say; a name that the zone lacks does not exist."""

    def answer(asked: Question) -> Answer:
        assert asked.kind == "A"
        said = zone.get(asked.name, Found.NO_NAME)
        return Answer(said) if isinstance(said, Found) else Answer(Found.YES, tuple(said.encode().split()))

    policy = AuthenticationPolicy(dnsbl=tuple(map(dnsbl.parse, lists or ("bl.example",))))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    subject = Subject(Session("s", peer), Envelope(None, ()), HEAD, None, Signatures(HEAD, DkimPolicy(), now), policy)
    return dnsbl.check(subject, Book(answer))


@pytest.mark.parametrize(
    ("given", "answer", "is_listed"),
    [
        ("bl.example", "127.0.0.2", True),
        ("bl.example", "127.0.1.255", True),
        ("bl.example", Found.NO_NAME, False),
        ("bl.example", Found.NO_DATA, False),
        # Silence is no listing.
        ("bl.example", Found.TEMPORARY, False),
        ("bl.example", Found.MALFORMED, False),
        # No listing, and "you may not ask us".
        ("bl.example", "127.0.0.1", False),
        ("bl.example", "127.255.255.254", False),
        # A parked domain's web site.
        ("bl.example", "203.0.113.5", False),
        ("bl.example", "203.0.113.5 127.0.0.2", False),
        # Only what the operator names.
        ("bl.example reject 127.0.0.2", "127.0.0.4", False),
        ("bl.example reject 127.0.0.2 127.0.0.4-127.0.0.11", "127.0.0.4", True),
        ("bl.example reject 127.0.0.2 127.0.0.4-127.0.0.11", "127.0.0.12 127.0.0.11", True),
    ],
)
def test_an_answer_is_a_listing_or_not(given: str, answer: str | Found, is_listed: bool) -> None:
    assert bool(checked("192.0.2.7", {"7.2.0.192.bl.example": answer}, given).listed) == is_listed


def test_ipv6_clients_are_asked_for_by_nibbles() -> None:
    found = checked(V6, {f"{V6_LABELS}.bl.example": "127.0.0.3"}, "bl.example quarantine")
    assert found == DnsblResult((Listing("bl.example", "127.0.0.3", "quarantine"),))
    mapped = checked("::ffff:192.0.2.7", {"7.2.0.192.bl.example": "127.0.0.3"})
    assert mapped.listed


# RFC 5782 §5: what no list ever lists. Where the test itself has no answer, nothing is sure.
@pytest.mark.parametrize(
    ("peer", "labels", "test"), [("192.0.2.7", "7.2.0.192", "1.0.0.127"), (V6, V6_LABELS, V6_TEST)]
)
def test_a_list_that_lists_everybody_counts_for_nothing(peer: str, labels: str, test: str) -> None:
    zone = {f"{labels}.bl.example": "127.0.0.2", f"{test}.bl.example": "127.0.0.2"}
    assert checked(peer, zone) == DnsblResult(dead=("bl.example",))
    assert checked(peer, zone | {f"{test}.bl.example": Found.TEMPORARY}) == DnsblResult()
    # A large list says so to those who may not ask, whatever they ask.
    refused = {f"{one}.bl.example": "127.255.255.254" for one in (labels, test)}
    assert checked(peer, refused) == DnsblResult(dead=("bl.example",))
    assert "refuses your resolver" in dnsbl.explained("bl.example")[1]
    # Another list beside it still counts.
    both = checked(peer, zone | {f"{labels}.good.example": "127.0.0.9"}, "bl.example", "good.example")
    assert [one.zone for one in both.listed] == ["good.example"]


@pytest.mark.parametrize(
    "peer", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "::1", "fd00::1", "fe80::1%eth0", "local", ""]
)
def test_nobody_is_asked_about_hosts_of_our_own_networks(peer: str) -> None:
    def nobody(asked: Question) -> Answer:
        raise AssertionError(asked)

    policy = AuthenticationPolicy(dnsbl=(Dnsbl("bl.example"),))
    now = datetime(2026, 11, 23, tzinfo=UTC)
    subject = Subject(Session("s", peer), Envelope(None, ()), HEAD, None, Signatures(HEAD, DkimPolicy(), now), policy)
    assert dnsbl.check(subject, Book(nobody)) == DnsblResult()


def test_a_list_is_written_as_it_is_read() -> None:
    text = "bl.example quarantine 127.0.0.2 127.0.0.4-127.0.0.11"
    read = dnsbl.parse(text.upper())
    assert str(read) == text
    assert read.codes[1] == (IPv4Address("127.0.0.4"), IPv4Address("127.0.0.11"))
    assert str(dnsbl.parse("bl.example")) == "bl.example reject"


@pytest.mark.parametrize(
    "text",
    ["", "bl", "bl.example discard", "bl..example", "bl.example 8.8.8.8", "bl.example 127.0.0.9-127.0.0.2", "a b.c"],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        dnsbl.parse(text)
