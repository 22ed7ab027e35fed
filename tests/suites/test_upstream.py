# SPDX-License-Identifier: Apache-2.0
"""A filter in front of the MX, through a real listener: what it says is stored, stamped and told in the trace."""

from collections.abc import Iterator

import pytest

from tests.support.dns import DnsZone
from tests.support.office import mail
from tests.support.suite import Suite

FILTER, STRANGER = "192.0.2.7", "203.0.113.5"
SAYS = (
    b"Authentication-Results: filter.firm.example; spf=pass smtp.mailfrom=carl@customer.example;\r\n"
    b"\tdmarc=pass (p=reject) header.from=customer.example\r\n"
    b"Received: from mail.customer.example ([198.51.100.9]) by filter.firm.example; Sun, 22 Nov 2026 12:00:00 +0000\r\n"
)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    """One listener behind one filter; the author's domain allows nobody that we can see."""
    zone = DnsZone()
    zone.set("customer.example", "TXT", ["v=spf1 ip4:198.51.100.9 -all"])
    zone.set("_dmarc.customer.example", "TXT", ["v=DMARC1; p=reject"])
    upstreams = {"upstreams": ["filter.firm.example from 192.0.2.0/24"]}
    with Suite(tmp_path_factory.mktemp("upstream"), zone, authentication=upstreams) as made:
        yield made
    zone.close()


def test_what_the_filter_found_counts_and_is_told(suite: Suite) -> None:
    shown = suite.send(SAYS + mail("carl@customer.example"), peer=FILTER, reverse_path="carl@customer.example")
    found = shown["authentication"]
    assert found["upstream"] == {
        "result": "heard",
        "authserv_id": "filter.firm.example",
        "said": ["spf=pass customer.example", "dmarc=pass customer.example"],
    }
    assert (found["spf"]["result"], found["spf"]["by"]) == ("pass", "filter.firm.example")
    assert (found["dmarc"]["result"], found["aligned"]) == ("pass", True)
    stamp = suite.stamped(shown["id"]).partition(b"X-Casegate-Message")[0].replace(b"\r\n ", b" ")
    assert b"Received-SPF" not in stamp
    assert b'spf=pass reason="found by filter.firm.example" smtp.mailfrom=customer.example' in stamp
    notes = [note for note in suite.trace(shown["id"])["notes"] if note[0] == "upstream"]
    because = "said by filter.firm.example, which authentication.upstreams lists for 192.0.2.7"
    assert notes == [["upstream", "spf=pass customer.example, dmarc=pass customer.example", because]]


def test_the_same_field_of_a_stranger_is_nothing(suite: Suite) -> None:
    shown = suite.send(SAYS + mail("carl@customer.example"), peer=STRANGER, reverse_path="carl@customer.example")
    found = shown["authentication"]
    assert (found["upstream"]["result"], found["spf"]["result"], found["dmarc"]["result"]) == ("none", "fail", "fail")
    assert not found["aligned"]
    assert [note for note in suite.trace(shown["id"])["notes"] if note[0] == "upstream"] == []


def test_a_filter_that_is_silent_makes_spf_none(suite: Suite) -> None:
    content = SAYS.partition(b"Received")[2]
    shown = suite.send(b"Received" + content + mail("carl@customer.example"), peer=FILTER)
    found = shown["authentication"]
    assert (found["upstream"]["result"], found["spf"]["result"], found["dmarc"]["result"]) == ("silent", "none", "fail")
    assert [note[1] for note in suite.trace(shown["id"])["notes"] if note[0] == "upstream"] == ["SPF is none"]
