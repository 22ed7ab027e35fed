# SPDX-License-Identifier: Apache-2.0
"""The MIME scanner: structure by offsets, decoding, bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.mime_fields import describe, safe_name
from handlers.mime_parts import MAX_DEPTH, MAX_PARTS, decode, is_whole, parts, text, to_text
from handlers.reading import read
from tests.support.cost import seconds, unit, within

MIXED = (
    b'Content-Type: multipart/mixed; boundary="a b"\r\n\r\npreamble\r\n--a b\r\n\r\nfirst\r\n--a b  \r\n'
    b"Content-Type: text/html; charset=UTF-8\r\nContent-ID: <1@X>\r\n\r\n<p>\r\n\r\n--a b--\r\nepilogue\r\n"
)


def test_parts_are_offsets_and_the_line_break_belongs_to_the_delimiter():
    whole, first, second = parts(MIXED)
    assert (whole.about.type, whole.is_leaf, whole.body.end) == ("multipart/mixed", False, len(MIXED))
    assert first.body.of(MIXED) == b"first"
    assert second.body.of(MIXED) == b"<p>\r\n"
    assert (second.about.type, second.about.charset, second.about.content_id) == ("text/html", "utf-8", "1@X")
    assert (second.parent, second.depth) == (0, 1)


@pytest.mark.parametrize(
    ("content", "types"),
    [
        # no boundary parameter
        (b"Content-Type: multipart/mixed\r\n\r\n--x\r\n\r\nhi", ["multipart/mixed"]),
        # a boundary that never comes
        (b"Content-Type: multipart/mixed; boundary=y\r\n\r\n--x\r\n\r\nhi", ["multipart/mixed"]),
        # a type that is none: RFC 2045 §5.2
        (b"Content-Type: junk\r\n\r\nhi", ["text/plain"]),
        # an attached mail is one leaf
        (
            b"Content-Type: message/rfc822\r\n\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b",
            ["message/rfc822"],
        ),
        # a digest's parts are mails: RFC 2046 §5.1.5
        (b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nx", ["multipart/digest", "message/rfc822"]),
        # a part without the empty line keeps its text
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nhello there\r\n", ["multipart/mixed", "text/plain"]),
        (b"", ["text/plain"]),
    ],
)
def test_malformed_structure_degrades_to_leaves(content, types):
    assert [part.about.type for part in parts(content)] == types


def test_an_outer_delimiter_ends_inner_parts():
    content = (
        b"Content-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"
        b"--i\r\n\r\nin\r\n--o\r\n\r\nout\r\n--o--\r\n"
    )
    assert [part.depth for part in parts(content)] == [0, 1, 2, 1]
    assert [part.body.of(content) for part in parts(content) if part.is_leaf] == [b"in", b"out"]


def test_nesting_and_number_are_bounded_and_said():
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(1000))
    assert len(parts(deep)) == MAX_DEPTH + 1
    assert not is_whole(parts(deep))
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 1000
    assert len(parts(many)) == MAX_PARTS
    assert not is_whole(parts(many))
    assert is_whole(parts(MIXED))


@given(
    st.lists(
        st.sampled_from(
            [
                b"--a",
                b"--b",
                b"--a--",
                b"--b--",
                b"\r\n",
                b"\n",
                b"text",
                b": ",
                b"\r",
                b"=",
                b"Content-Type: multipart/mixed; boundary=a\r\n\r\n",
                b"Content-Type: multipart/mixed; boundary=b\r\n\r\n",
                b'Content-Type: text/plain; charset="',
                b"Content-Transfer-Encoding: base64\r\n\r\n",
            ]
        ),
        max_size=40,
    )
)
def test_spans_nest_whatever_comes(pieces):
    content = b"".join(pieces)
    found = parts(content)
    for part in found:
        assert part.header.start <= part.header.end <= part.body.start <= part.body.end <= len(content)
        if part.parent is not None:
            above = found[part.parent]
            assert above.body.start <= part.header.start
            assert part.body.end <= above.body.end
        text(content, part)


@given(st.binary(max_size=300))
def test_any_octets_are_read(content):
    for part in parts(content):
        text(content, part)
    describe(content)


@pytest.mark.parametrize(
    ("encoding", "body", "octets"),
    [
        (b"base64", b"aGVs\r\nbG8", b"hello"),  # padding forgotten
        (b"BASE64", b"aGk=\r\n--junk!\r\naGk=", b"hi\x8e\xe9\xe4hi"),  # two runs; letters of junk count
        (b"base64", b"aGVsb", b"hel"),  # one letter too many
        (b"quoted-printable", b"a=C3=\r\n=A4=ZZ", "aä=ZZ".encode()),
        (b"x-unknown", b"raw", b"raw"),
    ],
)
def test_transfer_encodings_are_undone_with_tolerance(encoding, body, octets):
    content = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body
    assert decode(content, parts(content)[0]) == octets


@pytest.mark.parametrize(
    ("octets", "charset", "characters"),
    [
        (b"\xe4", "latin-1", "ä"),
        ("ä".encode(), "us-ascii", "ä"),  # declared wrongly
        (b"\xe4", "utf-8", "ä"),  # windows-1252 as the last resort
        (b"abc", "punycode", "abc"),  # quadratic, no character set
        (b"abc", "base64", "abc"),
        (b"abc", "no\x00such", "abc"),
    ],
)
def test_character_sets_fall_back(octets, charset, characters):
    assert to_text(octets, charset) == characters


def test_text_has_no_nul_and_no_surrogate():
    content = b"Content-Type: text/plain; charset=utf-7\r\n\r\na\x00b+2AA-"
    assert text(content, parts(content)[0]).encode().replace(b"?", b"") == b"ab"


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\evil.exe", "evil.exe"),
        ("a\r\nb\x00\u202e.txt", "ab.txt"),
        ("..", ""),
        ("=?utf-8?b?w6QucGRm?=", "ä.pdf"),
        ("ä" * 300, "ä" * 127),
    ],
)
def test_file_names_are_safe(name, safe):
    assert safe_name(name) == safe


def test_rfc_2231_names_are_joined_and_decoded():
    section = b"Content-Disposition: attachment;\r\n filename*0*=utf-8''%C3%A4;\r\n filename*1=\".pdf\"\r\n"
    assert describe(section).name == "ä.pdf"


NASTY = {
    "delimiters": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * 200_000,
    "almost delimiters": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--\r\n" * 250_000,
    "one dashed line": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--" * 500_000,
    "parameters": b"Content-Type: text/plain" + b"; a" * 330_000 + b"\r\n\r\n",
    "quotes": b'Content-Type: text/plain; a="' + b"\\" * 1_000_000 + b"\r\n\r\n",
    "folded lines": b"X: y\r\n" + b" \r\n" * 330_000,
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_megabyte_costs_about_what_plain_text_costs(name):
    plain = b"Content-Type: text/plain\r\n\r\n" + b"hello\r\n" * 150_000

    def read_all(content: bytes) -> None:
        for part in parts(content):
            text(content, part)

    assert within(10 * seconds(lambda: read_all(plain)) + 10 * unit(), lambda: read_all(NASTY[name]))


NAMES = [
    # blanks without quotes, and what follows without a semicolon
    (b"Content-Type: a/b; name=my long file.pdf", "my long file.pdf"),
    (b"Content-Type: a/b; name=my file.pdf charset=utf-8", "my file.pdf"),
    # other quotes
    (b"Content-Disposition: attachment; filename='my file.pdf'", "my file.pdf"),
    # encoded words without quotes
    (b"Content-Type: a/b; name==?UTF-8?Q?=C3=BC?= =?UTF-8?Q?.pdf?=", "ü.pdf"),
    # a comment before it, and no semicolon
    (b'Content-Type: a/b (hi); (c) name="a.pdf" (x)', "a.pdf"),
    (b'Content-Type: a/b name="a.pdf"', "a.pdf"),
    # the word is missing
    (b"Content-Disposition: filename=a.png", "a.png"),
    (b"Content-Disposition: ; filename=a.png", "a.png"),
    # the subtype is missing
    (b"Content-Type: application; name=a.pdf", "a.pdf"),
    # a path, and quotes within
    (rb'Content-Type: a/b; name="C:\temp\a.pdf"', "a.pdf"),
    (rb'Content-Type: a/b; name="a\"b.pdf"', 'a"b.pdf'),
    # no name within the value of another parameter
    (b'Content-Type: a/b; x="; name=a.pdf"', ""),
    # the form of RFC 2231 goes before
    (b"Content-Disposition: attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%BC.txt", "ü.txt"),
    # and is read as it was meant: with blanks, without its star; the plain one where it has nothing
    (b"Content-Disposition: attachment; filename*=UTF-8''my file%C3%BC.txt; size=3", "my fileü.txt"),
    (b"Content-Disposition: attachment; filename=UTF-8''%C3%BC.txt", "ü.txt"),
    (b"Content-Disposition: attachment; filename=it's.txt", "it's.txt"),
    (b'Content-Disposition: attachment; filename="a.txt"; filename*=', "a.txt"),
    (b'Content-Disposition: attachment; filename="a.txt"; filename*1=b', "a.txt"),
    (b"Content-Disposition: attachment; filename*1=b.txt; filename*=utf-8''%C3%BC.txt", "ü.txt"),
    (b"Content-Disposition: attachment; filename*2=c; filename*0=a; filename*1=b", "abc"),
    # devices of Windows
    ("Content-Type: a/b; name=COM¹.txt".encode(), "_COM¹.txt"),
]


@pytest.mark.parametrize(("field", "name"), NAMES)
def test_names_are_read_as_they_were_meant(field, name):
    assert describe(field + b"\r\n").name == name


def test_a_mail_without_fields_keeps_its_first_line():
    assert text(b"Dear all\r\n\r\nmore", parts(b"Dear all\r\n\r\nmore")[0]) == "Dear all\n\nmore"


@pytest.mark.parametrize("encoding", [b"x-uuencode", b"uuencode"])
def test_uuencoded_parts_are_decoded(encoding):
    content = b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\nhi\r\nbegin 644 a\r\n#0V%T\r\n`\r\nend\r\nbye\r\n"
    assert decode(content, parts(content)[0]) == b"Cat"


def related(parameters, *below):
    head = b"Content-Type: multipart/related; boundary=b" + parameters + b"\r\n\r\n"
    return head + b"".join(b"--b\r\n" + one + b"\r\n" for one in below) + b"--b--\r\n"


IMAGE = b"Content-Type: image/png\r\nContent-ID: <i>\r\n\r\nx"
PAGE = b"Content-Type: text/html\r\nContent-ID: <root>\r\n\r\n<p>page"
RELATED = [
    # RFC 2387 §3.2: start names the root
    (related(b'; start="<root>"', IMAGE, PAGE), "page"),
    (related(b'; start="<root>"', b"Content-Type: text/plain\r\n\r\nother", PAGE), "page"),
    # it names nothing, or what has no words: the first that has some
    (related(b'; start="<i>"', IMAGE, PAGE), "page"),
    (related(b"", IMAGE, PAGE), "page"),
    (related(b"", IMAGE, b"Content-Type: text/plain\r\n\r\nwords"), "words"),
    # a named text is shown where there is no other
    (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: a/b\r\n\r\nx\r\n--b\r\n"
     b"Content-Type: text/plain; name=a.txt\r\n\r\nwords\r\n--b--\r\n", "words"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), RELATED)
def test_what_belongs_together_shows_its_words(content, words):
    assert read(content).text.strip() == words
