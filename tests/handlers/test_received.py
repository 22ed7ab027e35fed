# SPDX-License-Identifier: Apache-2.0
"""A mail read in pieces is the mail read whole, and it is signed as if it were in memory."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.headers import MAX_HEADER_OCTETS, WIDEST, scan
from handlers.received import read
from handlers.signing import Signer, SigningFailed
from tests.support.clock import FakeClock
from tests.support.dkim import private_pem

SIGNER = Signer(private_pem(), "gw", FakeClock(datetime(2026, 11, 22, tzinfo=UTC)))
SECTION = b"From: Carl <carl@customer.example>\r\nSubject: Help\r\n\r\n"
BODIES = st.lists(st.sampled_from([b"\r\n", b" ", b"\t", b"word", b".", b"\xff"])).map(b"".join)
SECTIONS = {
    "plain": SECTION,
    "no empty line": SECTION[:-2],
    "nothing": b"",
    "empty line alone": b"\r\n",
    "endless field": b"A: b\r\nX: " + b"y" * MAX_HEADER_OCTETS,
    # more than is read to decide by: a mail that was taken nevertheless has its body where the empty line is
    "wide": b"A: b\r\nX: " + b"y" * MAX_HEADER_OCTETS + b"\r\n\r\n",
    "many fields": b"X: y\r\n" * 2000,
    "many fields and an empty line": b"X: y\r\n" * 2000 + b"Content-Type: text/html\r\n\r\n",
    "to the bound": b"X: " + b"y" * (MAX_HEADER_OCTETS - 7) + b"\r\n\r\n",
    "one octet more": b"X: " + b"y" * (MAX_HEADER_OCTETS - 6) + b"\r\n\r\n",
}


def cut(octets: bytes, size: int) -> list[bytes]:
    return [octets[start : start + size] for start in range(0, len(octets), size)]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("size", [3, 1000, MAX_HEADER_OCTETS - 1, MAX_HEADER_OCTETS, 10 * MAX_HEADER_OCTETS])
def test_the_header_section_is_the_one_of_the_whole(section: str, size: int) -> None:
    if size == 3 and len(SECTIONS[section]) > 1000:
        size = MAX_HEADER_OCTETS // 7
    content = SECTIONS[section] + b"body\r\n" * 10
    received, whole = read(cut(content, size)), scan(content)
    head = received.head
    assert (head.fields, head.body_offset, head.truncated) == (whole.fields, whole.body_offset, whole.truncated)
    assert head.content == content[: whole.body_offset]
    assert received.body == read([SECTION + content[head.body_offset :]]).body


@pytest.mark.parametrize("size", [65_536, 1_000_000, 20_000_000])
def test_a_header_section_beyond_all_bounds_hides_no_body(size: int) -> None:
    section = b"A: b\r\nX: " + b"y" * WIDEST.octets + b"\r\n\r\n"
    received = read(cut(section + b"body\r\n", size))
    assert received.head.truncated
    assert received.head.body_offset == len(section)
    assert [field.name for field in received.head.fields] == [b"a"]
    assert received.body == read([b"\r\nbody\r\n"]).body


@given(BODIES, st.integers(1, 20))
def test_a_body_in_pieces_is_signed_as_the_whole(body: bytes, size: int) -> None:
    received = read(cut(SECTION + body, size))
    assert SIGNER.sign_section(SECTION, received.body, ("gw.example",)) == SIGNER.sign(SECTION + body, "gw.example")


@pytest.mark.parametrize("body", [b"a\rb\r\n", b"a\nb\r\n", b"a\r\n\r"])
def test_a_bare_cr_or_lf_is_not_signed_wherever_it_is_cut(body: bytes) -> None:
    for size in range(1, 9):
        with pytest.raises(SigningFailed):
            SIGNER.sign_section(SECTION, read(cut(SECTION + body, size)).body, ("gw.example",))


def test_a_section_that_ends_before_its_end_is_not_signed() -> None:
    with pytest.raises(SigningFailed):
        SIGNER.sign_section(SECTION + SECTION, read(()).body, ("gw.example",))
