# SPDX-License-Identifier: Apache-2.0
"""Octets become the characters that were written, whatever the mail says of their character set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.charsets import characters
from tests.support import cost

RUSSIAN, GERMAN, JAPANESE = "Привет, как дела?", "Schöne Grüße aus Köln", "これは日本語のテストです"

READ = [
    # no name at all
    (RUSSIAN.encode(), "", RUSSIAN),
    (RUSSIAN.encode("koi8-r"), "", RUSSIAN),
    (RUSSIAN.encode("cp1251"), "", RUSSIAN),
    (GERMAN.encode("latin-1"), "", GERMAN),
    ("Příliš žluťoučký kůň".encode("cp1250"), "", "Příliš žluťoučký kůň"),
    ("שלום עולם".encode("cp1255"), "", "שלום עולם"),
    ("안녕하세요 감사합니다".encode("cp949"), "", "안녕하세요 감사합니다"),
    (JAPANESE.encode("cp932"), "", JAPANESE),
    (JAPANESE.encode("iso2022_jp"), "", JAPANESE),
    # names that lie
    (GERMAN.encode(), "iso-8859-1", GERMAN),
    (GERMAN.encode("latin-1"), "utf-8", GERMAN),
    (GERMAN.encode(), "us-ascii", GERMAN),
    (RUSSIAN.encode("cp1251"), "iso-8859-1", RUSSIAN),
    (JAPANESE.encode("iso2022_jp"), "us-ascii", JAPANESE),
    # names of a smaller set than is meant
    ("你好，镕測試".encode("gb18030"), "GB2312", "你好，镕測試"),
    ("①髙橋です".encode("cp932"), "Shift_JIS", "①髙橋です"),
    ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하"),
    ("“quoted”".encode("cp1252"), "iso-8859-1", "“quoted”"),
    # one broken character is no other set
    (b"x" * 100 + "ä".encode() * 20 + b"\xc3", "utf-8", "x" * 100 + "ä" * 20 + "\ufffd"),
    # names that nobody knows, and codecs that are none
    (b"caf\xe9", "unknown-8bit", "café"),
    (b"abc", "punycode", "abc"),
    (b"\xe4bc", "base64", "äbc"),
    # in seven bits, and in sixteen
    (b"Hi +AOk-", "utf-7", "Hi é"),
    (b"~{VPND~}", "hz-gb-2312", "中文"),
    (GERMAN.encode("utf-16"), "", GERMAN),
    (GERMAN.encode("utf-16-le"), "utf-16", GERMAN),
    (GERMAN.encode("utf-16-be"), "utf-16", GERMAN),
    ("hello there".encode("utf-16-le"), "", "hello there"),
    (b"\xef\xbb\xbfhi", "", "hi"),
]


@pytest.mark.parametrize(("octets", "declared", "text"), READ)
def test_text_is_read_as_it_was_written(octets: bytes, declared: str, text: str) -> None:
    assert characters(octets, declared) == text


@pytest.mark.parametrize(
    "page", ['<meta charset="koi8-r">', "<META http-equiv=Content-Type content='text/html; charset=KOI8-R'>"]
)
def test_a_page_may_say_its_character_set_itself(page: str) -> None:
    octets = page.encode() + RUSSIAN.encode("koi8-r")
    assert characters(octets, is_page=True).endswith(RUSSIAN)


@given(
    st.binary(max_size=300), st.sampled_from(["", "utf-8", "gb2312", "utf-7", "utf-16", "iso-2022-jp", "hz", "idna"])
)
def test_any_octets_are_read(octets: bytes, declared: str) -> None:
    characters(octets, declared, is_page=True)


NASTY = {
    "escapes": (b"\x1b$B" * 333_333, ""),
    "sets in turn": (b"\x1b(B\x1b$B0!" * 125_000, "iso-2022-jp"),
    "high octets": (b"\xe4" * 1_000_000, ""),
    "no UTF-8": (b"\xe4" * 1_000_000, "utf-8"),
    "halves": (b"\x81" * 1_000_000, "gb2312"),
    "UTF-7": (b"+" * 1_000_000, "utf-7"),
    "surrogates": (b"\xd8\x00" * 500_000, "utf-16"),
    "meta": (b"<meta " * 170_000, ""),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_megabyte_costs_about_what_plain_text_costs(name: str) -> None:
    octets, declared = NASTY[name]
    plain = cost.seconds(lambda: characters("hällo there\n".encode() * 77_000, "iso-8859-1", is_page=True))
    assert cost.seconds(lambda: characters(octets, declared, is_page=True)) < 10 * plain + 0.05
