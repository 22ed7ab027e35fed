# SPDX-License-Identifier: Apache-2.0
"""Mail as programs break it: what a person reads of it, family by family."""

import re
from base64 import b64encode
from html import unescape

import pytest

from handlers import identity
from handlers.headers import scan
from handlers.mime_parts import parts
from handlers.quotes import new_text_of_html
from handlers.reading import read
from handlers.showing import show


def typed(words: bytes, media_type: bytes = b"text/plain", encoding: bytes = b"") -> bytes:
    head = b"Content-Type: " + media_type + b"\r\n"
    return head + (b"Content-Transfer-Encoding: " + encoding + b"\r\n" if encoding else b"") + b"\r\n" + words


def mixed(media_type: bytes, body: bytes) -> bytes:
    return b"Subject: x\r\nContent-Type: " + media_type + b"\r\n\r\n" + body


ONE = b"--b\r\n\r\none\r\n--b--\r\n"

DIVIDED = {
    # RFC 2045 §5.1 allows comments and blanks; quotes around the type are wrong and meant so
    "a comment before the type": (mixed(b"(hi) multipart/mixed; boundary=b", ONE), "one"),
    "a comment within the type": (mixed(b"multipart(hi)/mixed; boundary=b", ONE), "one"),
    "blanks around the slash": (mixed(b"multipart / mixed; boundary=b", ONE), "one"),
    "quotes around the type": (mixed(b'"multipart/mixed"; boundary=b', ONE), "one"),
    "no subtype": (mixed(b"multipart; boundary=b", ONE), "one"),
    "an empty subtype": (mixed(b"multipart/; boundary=b", ONE), "one"),
    "a comma for the semicolon": (mixed(b"multipart/mixed, boundary=b", ONE), "one"),
    "a semicolon too many": (mixed(b"multipart/mixed;; boundary=b;", ONE), "one"),
    "a boundary in pieces": (mixed(b'multipart/mixed; boundary*0=""; boundary*1=b', ONE), "one"),
    "two boundaries": (mixed(b"multipart/mixed; boundary=b; boundary=c", ONE), "one"),
    "blanks behind the delimiter": (mixed(b"multipart/mixed; boundary=b", ONE.replace(b"b\r", b"b \t\r")), "one"),
    "a boundary of dashes": (mixed(b"multipart/mixed; boundary=--", ONE.replace(b"--b", b"----")), "one"),
    "no end": (mixed(b"multipart/mixed; boundary=b", ONE.removesuffix(b"--b--\r\n")), "one"),
    "a part behind the end": (mixed(b"multipart/mixed; boundary=b", ONE + b"--b\r\n\r\ntwo\r\n"), "one"),
    "a delimiter twice": (mixed(b"multipart/mixed; boundary=b", b"--b\r\n" + ONE), "one"),
    "a transfer encoding that is none": (
        mixed(b"multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64", ONE),
        "one",
    ),
    "an inner boundary that begins like the outer": (
        mixed(b"multipart/mixed; boundary=b", b"--b\r\n" + mixed(b"multipart/mixed; boundary=bc", b"--bc\r\n\r\none")),
        "one",
    ),
    "an outer boundary that begins like the inner": (
        mixed(b"multipart/mixed; boundary=bc", b"--bc\r\n" + mixed(b"multipart/mixed; boundary=b", ONE)),
        "one",
    ),
    # RFC 2046 §5.1.1: before the first delimiter stands nothing that is shown; it is a file
    "no delimiter": (mixed(b"multipart/mixed; boundary=c", ONE), ""),
}


@pytest.mark.parametrize("how", DIVIDED)
def test_parts_are_found_where_a_mail_says_badly_how_it_is_divided(how: str) -> None:
    content, words = DIVIDED[how]
    assert read(content).text.strip() == words


def test_a_multipart_without_its_parts_is_a_file() -> None:
    seen = read(mixed(b"multipart/mixed; boundary=c", ONE))
    assert [(one.type, one.size) for one in seen.attachments] == [("multipart/mixed", len(ONE))]
    assert read(mixed(b"multipart/mixed; boundary=c", b"\r\n")).attachments == ()


TYPES = [
    (b"(hi) Text/HTML (ho); charset=utf-8", "text/html"),
    (b'"image/png"', "image/png"),
    # no subtype: a file stays a file
    (b"application; name=a.pdf", "application/octet-stream"),
    (b"image/", "application/octet-stream"),
    (b"text", "text/plain"),
    (b"text; charset=utf-8", "text/plain"),
    # RFC 2045 §5.2: what cannot be read is text
    (b"html", "text/plain"),
    (b"multipart", "text/plain"),
    (b"", "text/plain"),
]


@pytest.mark.parametrize(("value", "media_type"), TYPES)
def test_a_type_is_read_as_it_was_meant(value: bytes, media_type: str) -> None:
    assert parts(mixed(value, b"x"))[0].about.type == media_type


HEADS = {
    # no empty line at all
    "no empty line": (b"Subject: x\r\nTo: a@b.example\r\nHello,\r\nold friend\r\n", "Hello, old friend"),
    "no empty line and From_": (b"From a@b Mon\r\nSubject: x\r\nHello\r\n", "Hello"),
    # an empty line with blanks
    "blanks on the empty line": (b"Subject: x\r\n \r\nHello,\r\n\r\nold friend\r\n", "Hello, old friend"),
    "a tab on the empty line": (b"Subject: x\r\nTo: a@b.example\r\n\t\r\nHello\r\n", "Hello"),
    # fields follow: the line with blanks is a folded one (RFC 5322 §4.2), and the words between are none
    "a folded line of blanks": (b"Subject: x\r\n \r\nTo: a@b.example\r\n\r\nHello\r\n", "Hello"),
    "a line between the fields": (b"Subject: x\r\njunk\r\nTo: a@b.example\r\n\r\nHello\r\n", "Hello"),
    "the first line above the empty one": (b"Subject: x\r\nHello,\r\n\r\nold friend\r\n", "Hello, old friend"),
    "nothing but fields": (b"Subject: x\r\nTo: a@b.example\r\n", ""),
    "no fields": (b"Hello,\r\nold friend\r\n", "Hello, old friend"),
    "From_ in front": (b"From a@b Mon\r\nSubject: x\r\n\r\nHello\r\n", "Hello"),
    "a line between the fields, and nothing below": (
        b"Subject: x\r\nHello\r\nTo: a@b.example\r\n\r\n",
        "Hello To: a@b.example",
    ),
    # what has parts: its own end of the header section, and those of the parts
    "parts, and no empty line": (
        b"Content-Type: multipart/mixed; boundary=b\r\n--b\r\nContent-Type: text/plain\r\nHello\r\n--b--\r\n",
        "Hello",
    ),
    "parts, and blanks on every empty line": (
        b"Content-Type: multipart/mixed; boundary=b \r\n \r\n"
        b"--b \r\nContent-Type: text/plain \r\n \r\nHello \r\n--b-- \r\n",
        "Hello",
    ),
    "encoded, and no empty line": (
        b"Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\nHello=2C\r\nfriend",
        "Hello, friend",
    ),
}


@pytest.mark.parametrize("how", HEADS)
def test_words_are_found_where_the_header_section_has_no_clear_end(how: str) -> None:
    content, words = HEADS[how]
    assert " ".join(read(content).text.split()) == words


CODED = {
    "a comment": (b"(x) quoted-printable (y)", b"a=3Db", "a=b"),
    # RFC 2045 §6.7 (3): blanks at the end of a line were added on the way
    "blanks behind a soft break": (b"quoted-printable", b"one= \t\r\ntwo=20=  \r\nthree", "onetwo three"),
    "a soft break at the end": (b"quoted-printable", b"one=", "one"),
    "lower case": (b"quoted-printable", b"=c3=a4", "ä"),
    "no hexadecimal digits": (b"quoted-printable", b"a=ZZ b=4 c=", "a=ZZ b=4 c"),
    "no padding": (b"base64", b"b25lIHR3bw", "one two"),
    "padding in the midst": (b"base64", b"b25lIA==\r\ndHdv", "one two"),
    "junk": (b"base64", b"b2*5l\xff\r\nIHR3bw==", "one two"),
    # what a mailing list writes behind it stays readable
    "a footer": (b"base64", b"b25lIHR3bw==\r\n\r\n-- \r\nlist@x.example\r\n", "one two -- list@x.example"),
    "a footer of words": (b"base64", b"b25lIHR3bw==\r\nsent by the list\r\n", "one two sent by the list"),
    # no padding tells the end, and the footer is longer than what it follows
    "a footer without padding": (
        b"base64",
        b64encode((b"words and more " * 100)[:117])
        + b"\r\n"
        + b"_" * 47
        + b"\r\nUsers mailing list -- u@l.example\r\n",
        ("words and more " * 100)[:117] + " " + "_" * 47 + " Users mailing list -- u@l.example",
    ),
    "few words that are none": (b"base64", b"OK thanks", "OK thanks"),
    "a word, and words that are none": (b"base64", b"Best\r\nregards from me\r\n", "Best regards from me"),
    "base64 folded with blanks": (
        b"base64",
        b64encode(b"one two " * 9) + b" " + b64encode(b"three"),
        "one two " * 9 + "three",
    ),
    "words that are none": (b"base64", b"Hello, this is not base64 at all.", "Hello, this is not base64 at all."),
    "words that are no uuencode": (b"x-uuencode", b"one", "one"),
    "an unknown encoding": (b"x-foo", b"one", "one"),
}


@pytest.mark.parametrize("how", CODED)
def test_words_are_read_from_a_broken_transfer_encoding(how: str) -> None:
    encoding, body, words = CODED[how]
    assert " ".join(read(typed(body, b"text/plain; charset=utf-8", encoding)).text.split()) == words


ALIASES = [
    ("x-macintosh", "mac_roman", "Grüße"),
    ("x-mac-greek", "mac_greek", "Γειά"),
    ("x-mac-ce", "mac_latin2", "Příliš"),
    ("x-mac-turkish", "mac_turkish", "ışık"),
    ("x-mac-romanian", "mac_romanian", "Bună, domnule, mulțumesc"),
    ("x-big5", "big5", "中文"),
    ("windows-949", "cp949", "똠방"),
    ("x-windows-949", "cp949", "똠방"),
    ("x-uhc", "cp949", "똠방"),
    ("x-euc-jp", "euc_jp", "日本"),
    ("cp51932", "euc_jp", "日本"),
    ("cp50220", "iso2022_jp", "日本"),
    ("iso-2022-jp-ms", "iso2022_jp", "日本"),
    ("8859_2", "iso8859_2", "ř"),
    ("windows1251", "cp1251", "Привет"),
    ("x-koi8-r", "koi8_r", "Привет"),
    ("x-gbk", "gbk", "镕"),
]


@pytest.mark.parametrize(("name", "codec", "words"), ALIASES)
def test_old_names_of_character_sets_are_known(name: str, codec: str, words: str) -> None:
    octets = words.encode(codec)
    assert read(b"Subject: =?" + name.encode() + b"?b?" + b64encode(octets) + b"?=\r\n\r\n").subject == words
    assert read(typed(octets, b"text/plain; charset=" + name.encode())).text == words


SUBJECTS = [
    # a sign that should have been encoded, as Outlook writes it
    (b"=?utf-8?q?what??= =?utf-8?q?_no!?=", "what? no!"),
    (b"=?utf-8?q?really?_yes?= =?utf-8?q?_no!?=", "really? yes no!"),
    # a word that never ends is no word, the next is one
    (b"=?utf-8?q?abc =?utf-8?q?def?=", "=?utf-8?q?abc def"),
    # a letter too many
    (b"=?utf-8?b?YWJjZ?=", "abc"),
    # a character in two words, of two encodings
    (b"=?utf-8?b?4oI=?= =?UTF-8?q?=AC?=", "€"),
    # NEC's characters are in no standard and in much Japanese mail
    (b"=?iso-2022-jp?b?" + b64encode(b"a\x1b$B-!F|K\\\x1b(Bb") + b"?=", "a①日本b"),
]


@pytest.mark.parametrize(("value", "subject"), SUBJECTS)
def test_encoded_words_are_read_with_tolerance(value: bytes, subject: str) -> None:
    assert read(b"Subject: " + value + b"\r\n\r\n").subject == subject


OCTETS = [
    # another set of two octets than is said
    ("これは日本語のテストです。よろしく".encode("euc_jp"), "shift_jis", "これは日本語のテストです。よろしく"),
    ("これは日本語のテストです。よろしく".encode("cp932"), "euc-jp", "これは日本語のテストです。よろしく"),
    # NEC's and IBM's characters between escape sequences, a line end in the midst, an octet too few
    (b"\x1b$B-!|b\x1b(B: \x1b$BF|K\\\x1b(B\r\n", "iso-2022-jp", "①髙: 日本\n"),
    (b"\x1b$B-!\r\nabc", "iso-2022-jp", "①\nabc"),
    (b"\x1b$B-!-\x1b(Bx \x1b(I1\x1b(B", "iso-2022-jp", "①-x ｱ"),
]


@pytest.mark.parametrize(("octets", "declared", "words"), OCTETS)
def test_east_asian_text_is_read_by_the_set_it_is_in(octets: bytes, declared: str, words: str) -> None:
    assert read(typed(octets, b"text/plain; charset=" + declared.encode())).text == words


PEOPLE = [
    # RFC 5322 §A.5 and §A.6.3, groups and comments
    (b"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["pete@silly.test"]),
    (b"A Group(Some people)\r\n :Chris Jones <c@(Chris's host.)public.example>,\r\n joe@example.org;", [
        "c@public.example", "joe@example.org"]),
    (b"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example", ["mary@example.net", "jdoe@test.example"]),
    # as Outlook writes and people type
    (b"a@b.example; 'c@d.example' <c@d.example>; \"x; y\" <e@f.example>", [
        "a@b.example", "c@d.example", "e@f.example"]),
    (b"[Firm] Joe <a@b.example>, Ann <c@d.example", ["a@b.example", "c@d.example"]),
    (b"Undisclosed recipients:;", []),
    # a name in octets of Latin-1; in an address nobody knows what they mean
    (b"J\xf6rg <a@b.example>, j\xf6rg@b.example, c@d.example", ["a@b.example", "c@d.example"]),
    (b'"\x83\\" <a@b.example>, "<c@d.example>', []),
]  # fmt: skip


@pytest.mark.parametrize(("value", "addresses"), PEOPLE)
def test_recipients_are_read_as_they_were_meant(value: bytes, addresses: list[str]) -> None:
    head = scan(b"To: " + value + b"\r\n\r\n")
    assert [str(one.address) for one in identity.mailboxes(head, b"to")] == addresses


def test_halves_of_characters_are_put_together() -> None:
    assert read(typed(b"ok \xed\xa0\xbd\xed\xb8\x80 more", b"text/plain; charset=utf-8")).text == "ok 😀 more"


def test_cells_of_a_table_stay_apart() -> None:
    page = b"<table><tr><td>Price</td><td>5</td></tr><tr><th>Sum</th><th>9</th></tr></table>"
    assert read(typed(page, b"text/html")).text.split() == ["Price", "5", "Sum", "9"]
    assert new_text_of_html(page.decode()).split() == ["Price", "5", "Sum", "9"]


def test_richtext_has_line_ends() -> None:
    seen = show(typed(b"<bold>one</bold><nl>two <lt>", b"text/richtext"))
    assert (unescape(re.sub(r"<[^>]*>", "", seen.text)), seen.page) == ("one\ntwo <", None)
