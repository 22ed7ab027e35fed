# SPDX-License-Identifier: Apache-2.0
"""All that a mail holds besides its text: images in their places, files, winmail.dat, invitations, cards, mails."""

from base64 import b64encode
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers import cards, files_of_mail, forwards, invitations, rtf, tnef
from handlers.headers import scan
from handlers.reading import read
from handlers.showing import MAX_NESTED, MAX_NESTED_DEPTH, show
from handlers.sniffing import sniff
from tests.support import cost

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def mixed(*parts: tuple[str, bytes], kind: str = "mixed") -> bytes:
    """A multipart of (header section, octets); each part in base64."""
    made = b"".join(
        b"--b\r\n" + head.encode() + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + b64encode(octets) + b"\r\n"
        for head, octets in parts
    )
    return b"Content-Type: multipart/" + kind.encode() + b"; boundary=b\r\n\r\n" + made + b"--b--\r\n"


def test_images_stand_where_the_page_shows_them() -> None:
    page = b'<img src="cid:one@x"><img src="http://t.example/2/pic.png"><img src="http://t.example/track">'
    shown = show(
        mixed(
            ("Content-Type: text/html", page),
            ("Content-Type: image/png\r\nContent-ID: <one@x>", PNG),
            ("Content-Type: image/png\r\nContent-Location: http://t.example/2/pic.png", PNG),
            ("Content-Type: image/png; name=other.png\r\nContent-ID: <not-shown@x>", PNG),
            kind="related",
        )
    )
    assert shown.page is not None
    assert shown.page.html == '<img src="cid:one@x"><img src="cid:part3"><img>'
    assert shown.page.remote_images == 1
    assert [(one.cid, one.cid in shown.page.parts) for one in shown.attachments] == [
        ("one@x", True),
        ("part3", True),
        ("not-shown@x", False),
    ]


def test_text_and_pages_in_turn_are_shown_in_their_order() -> None:
    shown = show(
        mixed(
            ("Content-Type: text/plain", b"first"),
            ("Content-Type: text/html", b"<p>second</p>"),
            ("Content-Type: text/plain", b"a list's footer"),
        )
    )
    assert shown.text.split("\n") == ["first", "second", "a list's footer"]
    assert shown.page is not None
    assert [shown.page.html.index(word) for word in ("first", "second", "footer")] == sorted(
        shown.page.html.index(word) for word in ("first", "second", "footer")
    )


@pytest.mark.parametrize(
    ("head", "words", "text"),
    [
        # soft line ends are no line ends; quotes keep their marks, and the signature its line
        ("text/plain; format=flowed", "one \r\ntwo\r\n> a \r\n> b\r\n-- \r\nme", "one two\n> a b\n-- \nme"),
        ("text/plain; format=flowed; delsp=yes", "日本 \r\n語", "日本語"),
        # other text that people can read
        ("text/enriched", "<bold>a</bold>\r\nb<param>x</param> <<c", "a b <c"),
        ("text/markdown", "# a\r\n", "# a"),
    ],
)
def test_text_of_other_sorts_is_read(head: str, words: str, text: str) -> None:
    content = f"Content-Type: {head}; charset=utf-8\r\n\r\n{words}".encode()
    assert read(content).text.strip() == text


def test_files_are_named_safely_and_say_what_they_are() -> None:
    named = 'Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment; filename="{}"'
    content = mixed(
        (named.format("../../etc/passwd"), b"MZ\x90\x00\x03"),
        (named.format("con.txt"), b"text"),
        (named.format("invoice\u202egpj.exe"), PNG),
        (named.format("a" * 300 + ".tar.gz"), b"\x1f\x8b"),
    )
    assert [(one.name[-12:], one.type, one.sniffed) for one in read(content).attachments] == [
        ("passwd", "text/plain", "application/vnd.microsoft.portable-executable"),
        ("_con.txt", "text/plain", "text/plain"),
        ("voicegpj.exe", "text/plain", "image/png"),
        ("aaaaa.tar.gz", "text/plain", "application/gzip"),
    ]


@pytest.mark.parametrize(("octets", "found"), [(b"", "application/octet-stream"), (b"BMW is a car", "text/plain")])
def test_words_are_no_signature(octets: bytes, found: str) -> None:
    assert sniff(octets) == found


# --- winmail.dat -----------------------------------------------------------------------------------------------------


def attribute(level: int, name: int, value: bytes) -> bytes:
    return pack("<BII", level, name, len(value)) + value + pack("<H", sum(value) & 0xFFFF)


def properties(*values: tuple[int, int, bytes]) -> bytes:
    made = pack("<I", len(values))
    for kind, name, value in values:
        made += pack("<HH", kind, name) + pack("<II", 1, len(value)) + value + b"\0" * (-len(value) % 4)
    return made


RICH = rb"{\rtf1\ansi\ansicpg1252\fromhtml1 {\*\htmltag64 <p>}\htmlrtf \par\htmlrtf0 Caf\'e9 a<b{\*\htmltag72 </p>}}"
WINMAIL = (
    b"\x78\x9f\x3e\x22\x01\x00"
    + attribute(1, 0x00069007, pack("<II", 1252, 0))
    + attribute(1, 0x00069003, properties((0x102, 0x1009, pack("<II", 100, len(RICH)) + b"MELA" + b"\0" * 4 + RICH)))
    + attribute(2, 0x00069002, b"\0" * 14)
    + attribute(2, 0x00018010, b"SHORT~1.PDF\0")
    + attribute(2, 0x0006800F, b"%PDF-1.4 x")
    + attribute(2, 0x00069005, properties((0x1F, 0x3707, "../Größe.pdf".encode("utf-16-le") + b"\0\0")))
)


def test_winmail_dat_is_opened() -> None:
    shown = show(mixed(("Content-Type: application/ms-tnef; name=winmail.dat", WINMAIL)))
    assert [(one.name, one.sniffed, one.size, one.within) for one in shown.attachments] == [
        ("winmail.dat", "application/vnd.ms-tnef", len(WINMAIL), ""),
        ("Größe.pdf", "application/pdf", 10, "winmail.dat"),
    ]
    assert shown.text == "Café a<b"
    assert shown.page is not None
    assert shown.page.html == "<p>Café a&lt;b</p>"


@given(st.integers(0, len(WINMAIL)), st.binary(max_size=12))
def test_a_damaged_winmail_dat_is_read_as_far_as_it_goes(place: int, octets: bytes) -> None:
    tnef.read(WINMAIL[:place] + octets + WINMAIL[place + len(octets) :])
    tnef.read(WINMAIL[:place])


BEGIN = b"\x78\x9f\x3e\x22\x01\x00"
NASTY_TNEF = {
    "attributes": BEGIN + attribute(2, 0x00069002, b"") * 90_000,
    "properties": BEGIN + attribute(1, 0x00069003, pack("<I", 1 << 31) + pack("<HH", 3, 1) * 240_000),
    "values": BEGIN + attribute(1, 0x00069003, pack("<IHHI", 1, 0x101F, 1, 1 << 31) + b"\0" * 1_000_000),
}


@pytest.mark.parametrize("name", NASTY_TNEF)
def test_a_winmail_dat_made_to_be_dear_costs_little(name: str) -> None:
    plain = cost.seconds(lambda: read(b"\r\n" + b"hello there\r\n" * 80_000))
    assert cost.seconds(lambda: tnef.read(NASTY_TNEF[name])) < 10 * plain


@pytest.mark.parametrize("piece", [rb"{", rb"\b", rb"\'e9 ", rb"\u8 ", rb"{\*\htmltag"])
def test_rich_text_made_to_be_dear_costs_what_plain_pages_cost(piece: bytes) -> None:
    plain = cost.seconds(lambda: show(b"Content-Type: text/html\r\n\r\n" + b"<p>hello there\r\n" * 60_000))
    assert cost.seconds(lambda: rtf.read(piece * (1_000_000 // len(piece)))) < 10 * plain


TEXTS = [
    # octets of two a letter, in codes and letters that stand apart
    (rb"{\rtf1\ansicpg936 \'c4\'e3\'ba{}\'c3 a}", "你好 a"),
    (rb"{\rtf1\ansicpg932 \'82" + b"\r\n" + rb"\'a0\'83A}", "あア"),
    # what stands in for a character is an octet
    (rb"{\rtf1\uc2 \u8364 \'80\'81x\uc1\u228 ?y}", "€xäy"),
    # a code page that nobody has
    (rb"{\rtf1\ansicpg65000 +a\'e4}", "+aä"),
]


@pytest.mark.parametrize(("rich", "text"), TEXTS)
def test_rich_text_is_read_by_its_code_page(rich: bytes, text: str) -> None:
    assert rtf.read(rich).text == text


def compressed(begin: bytes, unit: bytes, repeats: int) -> bytes:
    """LZFu that writes a unit, then 17 octets of what it wrote last, again and again."""
    made = b"".join(b"\0" + (begin + unit * 8)[at : at + 8] for at in range(0, len(begin + unit * 8), 8))
    size, step, tokens = 207 + len(begin + unit * 8), len(unit) * (17 // len(unit) + 1), b""
    for number in range(repeats):
        tokens += pack(">H", (size + 17 * number - step) % 4096 << 4 | 15)
    pieces = (b"\xff" + tokens[at : at + 16] for at in range(0, len(tokens), 16))
    body = made + b"".join(pieces)
    return pack("<II", len(body) + 12, 400_000) + b"LZFu" + b"\0" * 4 + body


BOMB = compressed(rb"{\rtf1\ansicpg936 123456", rb"\'e4a", 23_000)
BOMBS = mixed(
    *(
        (
            "Content-Type: application/ms-tnef",
            BEGIN + attribute(1, 0x00069003, properties((0x102, 0x1009, BOMB))),
        )
        for _ in range(19)
    )
)


def test_many_files_that_unpack_to_much_cost_what_plain_text_costs() -> None:
    assert len(rtf.decompressed(BOMB)) > 390_000
    assert rtf.decompressed(BOMB).endswith((b"a", b"4", b"e", b"'"))
    text = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" + b"hello there\r\n" * (len(BOMBS) // 13)
    plain = cost.seconds(lambda: forwards.of_mail(text, show(text).text))
    assert cost.seconds(lambda: forwards.of_mail(BOMBS, show(BOMBS).text)) < 10 * plain
    assert cost.seconds(lambda: files_of_mail.of_whole(scan(BOMBS))) < 10 * cost.seconds(lambda: read(text))


def test_mails_within_share_what_may_be_unpacked() -> None:
    within = b"Content-Type: application/ms-tnef\r\n\r\n" + BEGIN
    within += attribute(1, 0x00069003, properties((0x102, 0x1009, BOMB)))
    shown = show(mixed(*(("Content-Type: message/rfc822", within) for _ in range(10))))
    first, *others = (len(one.text) for one in shown.nested)
    assert first > 50_000
    assert sum(others) < first / 2


# --- invitations, cards, mails within --------------------------------------------------------------------------------

INVITATION = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\n"
    "DTSTART:19700101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nUID:1@x\r\nSUMMARY:Repair\\, trac\r\n"
    ' tor\r\nORGANIZER;CN="Doe; Ann":mailto:ann@x.example\r\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:a@b.example\r\n'
    "ATTENDEE:mailto:c@d.example\r\nDTSTART;TZID=Europe/Berlin:20261122T100000\r\nDTEND:20261122T110000Z\r\n"
    "BEGIN:VALARM\r\nSUMMARY:no\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_an_invitation_says_what_and_when() -> None:
    found = show(mixed(("Content-Type: text/calendar; method=REQUEST; charset=utf-8", INVITATION.encode()))).calendar
    assert found is not None
    assert (found.method, found.summary, found.organiser, found.organiser_name) == (
        "request",
        "Repair, tractor",
        "ann@x.example",
        "Doe; Ann",
    )
    assert (found.start, found.zone, found.end) == ("2026-11-22T10:00:00", "Europe/Berlin", "2026-11-22T11:00:00Z")
    assert found.attendees == 2


def test_cards_name_people_in_old_and_new_forms() -> None:
    old = "BEGIN:VCARD\nVERSION:2.1\n"
    old += "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;Jo\nEMAIL:jo@b.example\nEND:VCARD\n"
    new = "BEGIN:VCARD\r\nFN:Li\r\nitem1.EMAIL;TYPE=work:li@b.example\r\nORG:Firm\\, Inc;Dept\r\nEND:VCARD\r\n"
    found = show(mixed(("Content-Type: text/vcard", (old + new).encode()))).cards
    assert [(one.name, one.emails, one.organisation) for one in found] == [
        ("Jo Müller", ("jo@b.example",), ""),
        ("Li", ("li@b.example",), "Firm, Inc, Dept"),
    ]


@pytest.mark.parametrize("piece", ["A;b=", 'A;"', "\n ", "BEGIN:VEVENT\n", "BEGIN:VCARD\nEND:VCARD\n", "a."])
def test_lines_made_to_be_dear_cost_little(piece: str) -> None:
    nasty, plain = piece * (1_000_000 // len(piece)), "hello there\n" * 80_000
    limit = 10 * cost.seconds(lambda: (invitations.read(plain), cards.read(plain)))
    assert cost.seconds(lambda: (invitations.read(nasty), cards.read(nasty))) < limit


def test_mails_within_are_read_as_deep_and_as_many_as_is_good() -> None:
    inner = b"From: Carl <carl@c.example>\r\nSubject: =?utf-8?q?h=C3=A9?=\r\nDate: Mon, 23 Nov 2026\r\n\r\nhello"
    found = show(mixed(("Content-Type: text/plain", b"see"), ("Content-Type: message/rfc822", inner)))
    assert found.text == "see"
    assert [(one.author, one.subject, one.text) for one in found.nested] == [("Carl <carl@c.example>", "hé", "hello")]
    deep = inner
    for _ in range(MAX_NESTED_DEPTH + 3):
        deep = mixed(("Content-Type: message/rfc822", deep))
    levels, below = 0, show(deep).nested
    while below:
        levels, below = levels + 1, below[0].nested
    assert levels == MAX_NESTED_DEPTH
    assert len(show(mixed(*[("Content-Type: message/rfc822", inner)] * (MAX_NESTED + 5))).nested) == MAX_NESTED


@given(st.binary(max_size=300))
def test_any_octets_are_shown(content: bytes) -> None:
    show(content)
    show(mixed(("Content-Type: text/calendar", content), ("Content-Type: text/vcard", content)))
