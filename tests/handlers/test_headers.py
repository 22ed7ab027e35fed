# SPDX-License-Identifier: Apache-2.0
"""The header section as bytes: offsets that cover it, text that is harmless, fields that inject nothing."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import headers
from handlers.headers import decode_text, encode_phrase, encode_unstructured, fold, message_ids, scan
from tests.support.cost import seconds

PLAIN = b"From: a@b.example\r\nSubject: one\r\n two\r\nsubject: three\r\n\r\nbody\r\n"


def test_a_header_section_is_cut_into_its_fields() -> None:
    head = scan(PLAIN)
    assert [field.name for field in head.fields] == [b"from", b"subject", b"subject"]
    assert head.all(b"subject") == (b"one two", b"three")
    assert head.first(b"subject") == b"one two"
    assert head.count(b"subject") == 2
    assert head.first(b"to") is None
    assert head.raw(head.fields[1]) == b"Subject: one\r\n two\r\n"
    assert PLAIN[head.body_offset :] == b"body\r\n"
    assert not head.truncated


@pytest.mark.parametrize(
    ("content", "names", "body"),
    [
        # Bare LF never comes by SMTP, but a file read by the command line may hold it.
        (b"From: a\nTo: b\n\nx", [b"from", b"to"], b"x"),
        # An mbox line is no field, and takes no field's place.
        (b"From a@b Mon\r\nFrom: a\r\n\r\nx", [b"", b"from"], b"x"),
        # Clients show "From : x" as the author, so it counts as one.
        (b"From : a\r\nFrom\t: b\r\n\r\n", [b"from", b"from"], b""),
        # A mail that begins with white space made dkimpy raise IndexError (dependencies G5).
        (b" lead\r\nFrom: a\r\n\r\nx", [b"", b"from"], b"x"),
        # Garbage keeps its continuation.
        (b"garbage\r\n more\r\nTo: b\r\n\r\nx", [b"", b"to"], b"x"),
        # A field without a name is none.
        (b": x\r\n\r\n", [b""], b""),
        # A bare CR is no empty line.
        (b"From: a\r\n\rx", [b"from", b""], b""),
        # No header section at all.
        (b"\r\nbody", [], b"body"),
        # No body, no last line end.
        (b"From: a\r\nTo: b", [b"from", b"to"], b""),
        (b"", [], b""),
    ],
)
def test_odd_header_sections_are_cut_too(content: bytes, names: list[bytes], body: bytes) -> None:
    head = scan(content)
    assert [field.name for field in head.fields] == names
    assert content[head.body_offset :] == body


line = st.sampled_from([b"From: a", b" fold", b"\tfold", b"x", b"", b"To : b", b": ", b"\xff\x00:", b"Subject:"])


@given(st.lists(st.tuples(line, st.sampled_from([b"\r\n", b"\n", b"\r"]))))
def test_the_fields_cover_the_header_section_without_a_gap(lines: list[tuple[bytes, bytes]]) -> None:
    content = b"".join(text + end for text, end in lines)
    head = scan(content)
    covered = b"".join(head.raw(field) for field in head.fields)
    assert content[: head.body_offset] in (covered, covered + b"\r\n", covered + b"\n")


USUAL = headers.HeaderLimits()


def test_a_header_section_beyond_its_bounds_is_said_to_be_truncated() -> None:
    many = scan(b"X: y\r\n" * (headers.MAX_FIELDS + 1) + b"\r\n", USUAL)
    assert many.truncated
    assert len(many.fields) == headers.MAX_FIELDS
    exact = scan(b"X: y\r\n" * headers.MAX_FIELDS + b"\r\nbody", USUAL)
    assert not exact.truncated
    wide = scan(b"From: a\r\nX: " + b"y" * headers.MAX_HEADER_OCTETS + b"\r\n\r\n", USUAL)
    assert wide.truncated
    assert [field.name for field in wide.fields] == [b"from"]


def test_a_large_body_costs_nothing() -> None:
    assert not scan(b"From: a\r\n\r\n" + b"y" * (headers.MAX_HEADER_OCTETS + 1), USUAL).truncated


@given(
    st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"A: b", b" c"]), max_size=14).map(b"".join), st.integers(0, 20)
)
def test_the_body_begins_at_the_empty_line_however_little_is_read(content: bytes, octets: int) -> None:
    offset = scan(content).body_offset
    assert scan(content, headers.HeaderLimits(octets=octets)).body_offset == offset
    assert scan(content, headers.HeaderLimits(fields=octets // 5)).body_offset == offset


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        # A character split between two words of one charset is still one character.
        (b"=?utf-8?q?caf=C3?= =?UTF-8?q?=A9_x?= y", "café x y"),
        # Raw Latin-1 was dropped by mail-parser (dependencies G17).
        (b"caf\xe9", "café"),
        ("café".encode(), "café"),
        (b"=?iso-8859-1?q?caf=E9?=", "café"),
        (b"=?iso-8859-1*fr?q?caf=E9?=", "café"),
        # Decoded line ends and NULs never stay (dependencies G17, G19).
        (b"=?utf-8?b?DQpCY2M6IHg=?=", "Bcc: x"),
        (b"a\x00b\x07", "ab"),
        # A right-to-left override can make one name look like another.
        ("safe\u202egpj.exe".encode(), "safegpj.exe"),
        # Unknown charsets, and codecs that are no charsets or cost too much.
        (b"=?x-bad?q?caf=C3=A9?=", "café"),
        (b"=?zlib?q?x?= =?idna?q?y?= =?punycode?q?z?=", "xyz"),
        # Broken base64 stands for itself.
        (b"=?utf-8?b?A?=", "=?utf-8?b?A?="),
        # Text between words keeps its spaces.
        (b"=?utf-8?q?a?= and =?utf-8?q?b?=", "a and b"),
        # A lone surrogate would fail in UTF-8 later (dependencies G19).
        (b"=?utf-7?q?a+2AA-?=", "a"),
    ],
)
def test_header_text_is_read_as_harmless_text(value: bytes, text: str) -> None:
    assert decode_text(value) == text


@given(st.binary())
def test_any_octets_become_text_that_a_database_takes(value: bytes) -> None:
    text = decode_text(value)
    text.encode()
    assert not set(text) & set("\0\r\n")


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("Ann Doe", b"Ann Doe"),
        # Specials need a quoted-string.
        ('Doe, "Ann"', b'"Doe, \\"Ann\\""'),
        ("ann@firm.example", b'"ann@firm.example"'),
        ("Müller", b"=?utf-8?b?TcO8bGxlcg==?="),
        # What looks like an encoded word must not be read as one.
        ("=?utf-8?q?x?=", b"=?utf-8?b?PT91dGYtOD9xP3g/PQ==?="),
        # Line ends cannot leave the phrase.
        ("Ann\r\nBcc: x", b'"Ann Bcc: x"'),
        ("", b""),
    ],
)
def test_a_display_name_is_written_as_a_phrase(name: str, phrase: bytes) -> None:
    assert encode_phrase(name) == phrase


@given(st.text(max_size=3000))
def test_what_we_write_is_one_field_that_reads_back_as_it_was_meant(text: str) -> None:
    field = fold(b"Subject", encode_unstructured(text))
    lines = field.split(b"\r\n")
    assert lines.pop() == b""
    assert all(line.startswith((b" ", b"Subject:")) and len(line) <= 998 for line in lines)
    assert b"\r" not in b"".join(lines)
    assert b"\n" not in b"".join(lines)
    assert all(len(word) <= 75 for word in field.split() if word.startswith(b"=?"))
    assert "".join(decode_text(scan(field).value(scan(field).fields[0])).split()) == "".join(
        headers.printable(text).split()
    )


@given(st.binary(max_size=3000))
def test_a_folded_value_never_injects_a_field(value: bytes) -> None:
    field = fold(b"X", value)
    assert len(scan(field).fields) == 1
    assert scan(field).body_offset == len(field)
    assert field.replace(b"\r\n", b"").count(b"\n") == field.replace(b"\r\n", b"").count(b"\r") == 0
    assert max(map(len, field.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b"<a@b>", ("a@b",)),
        (b"<a@b>\r\n <c@d>,<e@f>", ("a@b", "c@d", "e@f")),
        # A long id may come folded.
        (b"<aaa\r\n bbb@c>", ("aaabbb@c",)),
        # Junk, an unclosed bracket, a doubled one.
        (b"Your mail of Monday <a@b> <<c@d>> <e@f", ("a@b", "c@d")),
        # Some programs forget the brackets.
        (b"a@b, c@d", ("a@b", "c@d")),
        (b"\xe9 <caf\xe9@b>", ("café@b",)),
        (b"<" + b"x" * 999 + b"@y> <a@b>", ("a@b",)),
        (b"<> >>>> <<<<", ()),
        (b"", ()),
    ],
)
def test_ids_are_found_among_junk(value: bytes, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


def test_of_many_ids_the_first_and_the_last_are_kept() -> None:
    ids = message_ids(b" ".join(b"<%d@x>" % number for number in range(1000)))
    assert ids[:10] == tuple(f"{number}@x" for number in range(10))
    assert ids[10:] == tuple(f"{number}@x" for number in range(960, 1000))


@pytest.mark.parametrize(
    ("work", "hostile"),
    [
        (decode_text, b"=?" * 50_000),
        (decode_text, b"=?a?q?" * 20_000),
        (decode_text, b"=?utf-8?q?x?= " * 8_000),
        (message_ids, b"<" * 100_000),
        (message_ids, b"<a>" * 30_000),
        (lambda value: fold(b"X", value), b"a " * 50_000),
        (lambda value: fold(b"X", value), b" " * 100_000 + b"a"),
        (scan, b"\r\n ".join([b"x:"] * 20_000)),
    ],
)
def test_hostile_values_cost_in_proportion_to_their_size(work: Callable[[bytes], object], hostile: bytes) -> None:
    half, whole = hostile[: len(hostile) // 2], hostile
    assert seconds(lambda: work(whole)) < 8 * seconds(lambda: work(half)) + 0.002
