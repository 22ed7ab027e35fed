# SPDX-License-Identifier: Apache-2.0
"""One mailbox: what is one, and when two spellings mean the same."""

import pytest

from storage.address import BadAddress, is_literal, key_of, parse


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
def test_two_spellings_of_a_domain_are_one_mailbox(one, other):
    assert parse(one).key == parse(other).key


def test_names_that_idna_2003_made_one_stay_two():
    assert parse("ann@straße.example").key != parse("ann@strasse.example").key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # RFC 5321 §4.1.2: quoting is not part of the value
        ('"support"@firm.example', "Support@firm.example"),
        (r'"s\up\port"@firm.example', "support@firm.example"),
        ('"a b"@firm.example', r'"A\ b"@firm.example'),
        # RFC 6532 §3.1: a decomposed letter is the same letter
        ("jose\u0301@firm.example", "JOS\u00c9@firm.example"),
        ('"jose\u0301"@firm.example', "jos\u00e9@firm.example"),
    ],
)
def test_two_spellings_of_a_local_part_are_one_mailbox_and_each_stays_as_it_was_sent(one, other):
    assert parse(one).key == parse(other).key == key_of(one) == parse(parse(one).key).key
    assert (str(parse(one)), str(parse(other))) == (one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # what stands in quotes stays there where it would mean something else without them
        (r'"a\"b"@firm.example', '"ab"@firm.example'),
        (r'"a\\b"@firm.example', r'"a\b"@firm.example'),
        ('"a@evil.example"@firm.example', "a@evil.example"),
        ('".a"@firm.example', "a@firm.example"),
        ('"a "@firm.example', "a@firm.example"),
        ('""@firm.example', "a@firm.example"),
        # NFC makes a semicolon of the Greek question mark, which no atom has
        ("a\u037eb@firm.example", "ab@firm.example"),
        # NFC, not NFKC
        ("\ufb01@firm.example", "fi@firm.example"),
    ],
)
def test_different_mailboxes_keep_different_keys(one, other):
    keys = [parse(text).key for text in (one, other)]
    assert keys[0] != keys[1]
    assert [parse(key).key for key in keys] == keys


def test_a_text_that_is_no_address_is_its_own_key():
    assert (key_of(""), key_of("No Address")) == ("", "no address")


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
        # RFC 5890 §2.3.2.1: no U-label has a control, format, separator or space character
        "ann@b\u00fc\u0085.example",
        "ann@b\u00fc\u00a0cher.example",
        "ann@b\u00fc\u00adcher.example",
        "ann@b\u00fc\u200bcher.example",
        "ann@b\u00fc\u2028cher.example",
        "ann@b\u00fc\u202echer.example",
        "ann@b\u00fc\ue000cher.example",
        "ann@b\u00fc\U000e0001cher.example",
        # ... nor what IDNA 2003 took for a dot
        "ann@firm\u3002example.org",
        "ann@firm\uff0eexample.org",
        # RFC 5892: what others map to another name, or to nothing, is in no name
        "ann@\uff4cegit.example",
        "ann@\ufb01rm.example",
        "ann@\u2460.example",
        "ann@leg\u034fit.example",
        "ann@leg\ufe0fit.example",
        "ann@leg\u3164it.example",
        "ann@leg\uffa0it.example",
        "ann@leg\u115fit.example",
        "ann@leg\u180bit.example",
        "ann@leg\u17b4it.example",
        "ann@leg\U000e0100it.example",
        "ann@le\U0001d420it.example",
        "ann@legit\u2024example.org",
        "ann@legit.ex\u0340ample\u2044.org",
        # ... no label begins with a mark, and none mixes directions
        "ann@\u0301legit.example",
        "ann@\u0645legit.example",
        # an A-label is ASCII
        "ann@xn--b\u00fccher.example",
        "ann@xn--bcher-\u212ava.example",
        "ann@XN--b\u00fccher.example",
        # 60 letters whose A-label has more than 63
        "ann@" + "\u00fc\u4e00" * 30 + ".example",
        # NFC makes it a semicolon
        "ann@a\u037eb.example",
        # what ends a line or turns its direction, in a local part too
        "an\u0085n@host.example",
        "an\u009bn@host.example",
        "an\u2028n@host.example",
        "an\u2029n@host.example",
        "an\u202en@host.example",
        '"an\u2066n"@host.example',
    ],
)
def test_what_is_no_mailbox_is_refused(text):
    with pytest.raises(BadAddress):
        parse(text)


def test_a_kelvin_sign_is_a_letter_and_makes_no_a_label():
    assert parse("ann@boo\u212a.example").key == "ann@book.example"


@pytest.mark.parametrize(
    "domain", ["b\u00fccher.example", "\u4f8b\u3048.\u30c6\u30b9\u30c8", "\u0645\u062b\u0627\u0644.example"]
)
def test_domains_in_other_scripts_are_taken(domain):
    assert parse(f"ann@{domain}").host.isascii()
