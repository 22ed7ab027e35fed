# SPDX-License-Identifier: Apache-2.0
"""Who wrote a mail: one undisputed mailbox, or nobody."""

from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mailparser.addresses import parse_address_header

from handlers.headers import HeaderLimits, scan
from handlers.identity import Mailbox, author, claimed_author, mailboxes
from storage.address import Address, BadAddress, parse
from tests.support.cost import seconds

_WORDS = st.lists(st.text("aZ9", min_size=1, max_size=4), min_size=1, max_size=4)


def from_field(value: bytes) -> Mailbox | None:
    return author(scan(b"From: " + value + b"\r\n\r\n"))


@pytest.mark.parametrize(
    ("value", "name", "address"),
    [
        (b"bob@b.example", "", "bob@b.example"),
        (b"Bob <bob@B.example>", "Bob", "bob@b.example"),
        (b'"Bob, B." <bob@b.example>', "Bob, B.", "bob@b.example"),
        (b"=?utf-8?q?B=C3=B6b?= <bob@b.example>", "Böb", "bob@b.example"),
        # Old programs put encoded words inside quotes.
        (b'"=?utf-8?q?B=C3=B6b?=" <bob@b.example>', "Böb", "bob@b.example"),
        (b"Bob\r\n <bob@b.example>", "Bob", "bob@b.example"),
        # A quoted address in the name is only a name.
        (b'"alice@good.example" <bob@b.example>', "alice@good.example", "bob@b.example"),
        # The bare name says the same as the address.
        (b"bob@b.example <bob@b.example>", "bob@b.example", "bob@b.example"),
        (b"'bob@b.example' <bob@b.example>", "'bob@b.example'", "bob@b.example"),
        # Square brackets without an address in them; a semicolon behind it all.
        (b"[Firm] Bob <bob@b.example>", "[Firm] Bob", "bob@b.example"),
        (b"Bob <bob@b.example>; ", "Bob", "bob@b.example"),
        # RFC 6532: UTF-8 in both parts.
        ("Böb <böb@bücher.example>".encode(), "Böb", "böb@bücher.example"),
        (b'"bob roe"@b.example', "", '"bob roe"@b.example'),
        # Names of old programs, unencoded: Latin-1, beside UTF-8, quoted; what Latin-1 does not show.
        (b"J\xf6rg <j@b.example>", "Jörg", "j@b.example"),
        (b'"M\xfcller, J\xc3\xb6rg" <j@b.example>', "Müller, Jörg", "j@b.example"),
        (b"J\x80\xa0\x85rg <j@b.example>", "J\ufffd\ufffd\ufffdrg", "j@b.example"),
        # Decoded names inject nothing.
        (b"=?utf-8?q?B=0D=0AX=3A=00y?= <bob@b.example>", "B  X:y", "bob@b.example"),
    ],
)
def test_one_undisputed_mailbox_is_the_author(value: bytes, name: str, address: str) -> None:
    found = from_field(value)
    assert found is not None
    assert (found.name, str(found.address)) == (name, address)


@pytest.mark.parametrize(
    "value",
    [
        # The standard library reads these as alice (dependencies G18).
        b"alice@good.example <bob@evil.example>",
        b"alice@example.org)bob@example.net",
        # Encoded words are no addresses.
        b"=?utf-8?q?=3Calice=40good.example=3E?=@evil.example",
        b"<=?utf-8?q?alice?=@evil.example>",
        b"=?utf-8?q?=3Calice=40good.example=3E=2C?= <=?utf-8?b?Ym9i?=@evil.example>",
        # Two authors, a group, an empty group, a source route.
        b"a@b.example, c@d.example",
        b"Team: a@b.example;",
        b"Undisclosed:;",
        b"<@relay.example:a@b.example>",
        # Nothing, brackets without end, two pairs of brackets, text behind the address.
        b"",
        b"<>",
        b"<a@b.example",
        b"<a@b.example> <c@d.example>",
        b"<a@b.example> c@d.example",
        b"a@b.example c@d.example",
        b"a@b.example; c@d.example",
        b"[alice@good.example] <bob@evil.example>",
        b"'alice@good.example' <bob@evil.example>",
        b"alice@[good.example] <bob@evil.example>",
        b"[Alice <alice@good.example>] <bob@evil.example>",
        # A quoted local part that holds an address for whoever does not know quotes.
        b'"alice@good.example"@evil.example',
        b'Alice <"<alice@good.example>"@evil.example>',
        b'<"alice@good.example, x"@evil.example>',
        # A NUL ends a string for some readers only.
        b"alice@good.example\x00 <bob@evil.example>",
        b"<alice@good.example\x00@evil.example>",
        # Octets that are no UTF-8 outside a name, or in a name that another charset reads in another way.
        b"bob <b\xf6b@b.example>",
        b"bob <bob@b\xf6b.example>",
        b"b\xf6b@b.example",
        b"Bob <bob@b.example> \xf6",
        b"alice@good.example\xf6 <bob@evil.example>",
        b'"alice\x83@good.example" <bob@evil.example>',
        b'"alice\x83\\" <bob@evil.example>',
        b'"<alice@good.example>\xf6" <bob@evil.example>',
        b"M\xfcller, J\xf6rg <j@b.example>",
        b'"J\xf6rg <j@b.example>',
        b"J\xf6rg <j@b.example>, <c@d.example>",
        # A surrogate in UTF-8.
        b"b\xed\xa0\x80b@b.example",
        # No domain, an empty label.
        b"bob",
        b"bob@b..example",
        b"bob@@b.example",
    ],
)
def test_what_can_be_read_in_two_ways_is_nobody(value: bytes) -> None:
    assert from_field(value) is None


@pytest.mark.parametrize(
    "head",
    [
        b"Subject: x\r\n\r\n",
        b"From: a@b.example\r\nFrom: a@b.example\r\n\r\n",
        # Clients show this one too.
        b"From: a@b.example\r\nFrom : c@d.example\r\n\r\n",
        b"From: a@b.example\r\n" + b"X: y\r\n" * 2000 + b"\r\n",
        # Lines that are no field for us, or of another name, and From for somebody.
        b" From: c@d.example\r\nFrom: a@b.example\r\n\r\n",
        b"From: a@b.example\r\n>From: c@d.example\r\n\r\n",
        b"From: a@b.example\r\nFrom\r\n : c@d.example\r\n\r\n",
        b"From: a@b.example\r\nFr\x0bom : c@d.example\r\n\r\n",
        b"From: a@b.example\r\n\xef\xbb\xbfFROM: c@d.example\r\n\r\n",
        b'From: a@b.example\r\n"From": c@d.example\r\n\r\n',
        # A lone CR ends a line for some, a lone LF for others, a NUL everything.
        b"From: a@b.example\n\r\nFrom: c@d.example\r\n\r\n",
        b"Subject: x\rFrom: c@d.example\r\nFrom: a@b.example\r\n\r\n",
        b"Subject: x\x00\r\nFrom: a@b.example\r\n\r\n",
    ],
)
def test_without_exactly_one_from_field_nobody_is_the_author(head: bytes) -> None:
    assert author(scan(head, HeaderLimits())) is None


@pytest.mark.parametrize(
    "line",
    [
        # The line in front of a mail in a file, fields that begin alike, and a field that goes on in the next line.
        b"From carl@customer.example Sun Nov 22 12:00:00 2026",
        b"Resent-From: c@d.example",
        b"X-From: c@d.example",
        b"From-Somewhere: c@d.example",
        b"Subject: x\r\n From: c@d.example",
        b"no field at all",
    ],
)
def test_what_nobody_takes_for_a_from_field_disturbs_no_author(line: bytes) -> None:
    found = author(scan(line + b"\r\nFrom: a@b.example\r\n\r\nFrom: body\rx\x00"))
    assert found is not None
    assert str(found.address) == "a@b.example"


def test_a_comment_is_no_part_of_the_author() -> None:
    found = from_field(b"bob@b.example (Bob <alice@good.example>)")
    assert found is None or str(found.address) == "bob@b.example"
    found = from_field(b"(alice@good.example) <bob@b.example>")
    assert found is None or str(found.address) == "bob@b.example"


def test_lists_of_mailboxes_leave_out_what_is_defective() -> None:
    head = scan(
        b"To: Ann <ann@b.example>, alice@good.example <bob@evil.example>, Team: t1@b.example, t2@b.example;\r\n"
        b"To: =?utf-8?q?x?=@b.example, last@b.example\r\nCc: cc@b.example\r\n\r\n"
    )
    assert [str(box.address) for box in mailboxes(head, b"to")] == [
        "ann@b.example",
        "t1@b.example",
        "t2@b.example",
        "last@b.example",
    ]
    assert mailboxes(head, b"cc") == (Mailbox("", Address("cc", "b.example")),)
    assert mailboxes(head, b"reply-to") == ()


def test_lists_are_bounded() -> None:
    head = scan(b"To: " + b",".join(b"a%d@b.example" % number for number in range(5000)) + b"\r\n\r\n")
    assert len(mailboxes(head, b"to")) == 200


def test_the_claimed_author_is_short_harmless_text() -> None:
    assert claimed_author(scan(b"From: =?utf-8?q?B=C3=B6b=0A?= <bob\x00@b.example>\r\n\r\n")) == "Böb  <bob@b.example>"
    assert claimed_author(scan(b"Subject: x\r\n\r\n")) == ""
    assert len(claimed_author(scan(b"From: " + b"x" * 100_000 + b"\r\n\r\n"))) == 300


@pytest.mark.parametrize(
    "unit", [b"(", b"<", b'"', b"a@b.example,", b"\\", b"a ", b":", b"a.", b"=?a?q?", b"()", b"@,"]
)
def test_a_hostile_address_field_costs_no_more_than_a_long_list(unit: bytes) -> None:
    plain = scan(b"To: " + b"a@b.example, " * 8000 + b"\r\n\r\n")
    hostile = scan(
        b"From: " + unit * (100_000 // len(unit)) + b"\r\nTo: " + unit * (100_000 // len(unit)) + b"\r\n\r\n"
    )
    usual = seconds(lambda: mailboxes(plain, b"to"))
    assert seconds(lambda: (author(hostile), mailboxes(hostile, b"to"))) < 10 * usual


def _by_the_whole_grammar(text: str) -> Mailbox | None:
    found, defects = parse_address_header(text, getaddresses)
    if defects or len(found) != 1:
        return None
    try:
        return Mailbox(found[0][0], parse(found[0][1]))
    except BadAddress:
        return None


@given(_WORDS, _WORDS, _WORDS, st.sampled_from([" ", "-", ".", "+", "_", "--", "..", "  ", ""]))
def test_the_usual_form_is_read_as_the_whole_grammar_reads_it(
    name: list[str], local: list[str], host: list[str], between: str
) -> None:
    """Most From fields are read by one expression: whether it takes a field must not change what is read."""
    mailbox = f"{between.join(local)}@{between.join(host)}"
    for text in (mailbox, f"<{mailbox}>", f"{' '.join(name)} <{mailbox}>", f"{between.join(name)} <{mailbox}>"):
        assert from_field(text.encode()) == _by_the_whole_grammar(text)
