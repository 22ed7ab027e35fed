# SPDX-License-Identifier: Apache-2.0
"""One mailbox: what is one, and when two spellings mean the same."""

import pytest

from storage.address import BadAddress, is_literal, parse


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # U-labels and A-labels of one domain (RFC 5890)
        ("Ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@XN--BCHER-KVA.example"),
        # a decomposed letter is the same letter
        ("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example"),
        # IDNA 2008 keeps the sharp s
        ("ann@straße.example", "ann@xn--strae-oqa.example"),
    ],
)
def test_two_spellings_of_a_domain_are_one_recipient(one, other):
    assert parse(one).dns_key == parse(other).dns_key


def test_names_that_idna_2003_made_one_stay_two():
    assert parse("ann@straße.example").dns_key != parse("ann@strasse.example").dns_key


def test_letter_case_is_kept():
    assert str(parse("SuPport+Tag@FIRM.example")) == "SuPport+Tag@firm.example"


@pytest.mark.parametrize("literal", ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[ipv6:::1]", "[IPv6:::ffff:192.0.2.1]"])
def test_an_ip_address_in_brackets_is_a_domain(literal):
    assert is_literal(literal)
    assert str(parse(f"ann@{literal}")) == f"ann@{literal.lower()}"


@pytest.mark.parametrize(
    "text",
    [
        "ann@[192.0.2.256]",
        "ann@[192.0.2]",
        "ann@[2001:db8::1]",
        "ann@[IPv6:2001:db8]",
        "ann@[IPv6:192.0.2.1]",
        "ann@[x400:words]",
        "ann@[]",
        "ann@" + "d" * 64 + ".example",
        "a" * 65 + "@host.example",
        "ann@host.example.",
        "ann@-host.example",
        "ann\ud800@host.example",
        "ann@ho\udcffst.example",
    ],
)
def test_what_is_no_mailbox_is_refused(text):
    with pytest.raises(BadAddress):
        parse(text)
