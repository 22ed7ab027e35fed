# SPDX-License-Identifier: Apache-2.0
"""A mail in pieces has the same parts and the same files as the whole."""

from hashlib import sha256

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from handlers import piecewise
from handlers.mime_parts import decode_octets, parts
from handlers.piecewise import Hashing, Skeleton

PIECES = st.lists(st.integers(1, 400), min_size=1, max_size=30)


def cut(octets: bytes, sizes: list[int]) -> list[bytes]:
    """Pieces of these sizes again and again."""
    found, at = [], 0
    while at < len(octets):
        size = sizes[len(found) % len(sizes)]
        found.append(octets[at : at + size])
        at += size
    return found


LINES = st.sampled_from(
    [
        b"--b",
        b"--b--",
        b"--c",
        b"--c--",
        b"--",
        b"-",
        b"",
        b"x" * 50,
        b"Content-Type: multipart/mixed; boundary=c",
        b"Content-Type: text/plain",
        b"Content-Transfer-Encoding: base64",
        b"aGVsbG8=",
    ]
)


# A part's header section that is longer than what is kept of a run is read as far as that, so it has another end.
RUN, LONGEST_SECTION = 220, 200
FIELD = b"Content-Type: multipart/mixed; boundary=c"


@given(st.lists(LINES, max_size=40), st.booleans(), PIECES)
@example([b"--b", FIELD, FIELD, FIELD, b"x" * 50], False, [1])
@example([b"--b", FIELD, b"", b"--c", b"x" * 50, b"x" * 50, b"x" * 50, b"x" * 50, b"x" * 50, b"--b--"], True, [7])
@settings(max_examples=150)
def test_the_parts_of_a_skeleton_lie_where_those_of_the_mail_lie(lines: list[bytes], crlf: bool, sizes: list[int]):
    body = (b"\r\n" if crlf else b"\n").join(lines)
    mail = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + body
    whole = parts(mail)
    assume(all(part.header.end - part.header.start <= LONGEST_SECTION for part in whole))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piecewise, "RUN_OCTETS", RUN)
        skeleton = Skeleton()
        for piece in cut(mail, sizes):
            skeleton.feed(piece)
        found = parts(skeleton.finish())
    assert [part.about for part in found] == [part.about for part in whole]
    assert [skeleton.span(part.body) for part in found] == [part.body for part in whole]


@given(st.sampled_from(["base64", "quoted-printable", "8bit"]), st.binary(max_size=600), PIECES)
@settings(max_examples=200)
def test_an_encoding_is_undone_in_pieces_as_in_the_whole(encoding: str, octets: bytes, sizes: list[int]):
    checked(encoding, octets, sizes)


WORDS = st.lists(
    st.sampled_from([b"=41", b"=", b"==", b"=\r\n", b"\r\n", b"\n", b"YWJj", b"YQ==", b"YWI=", b" ", b"=4", b"Q"])
)


@given(st.sampled_from(["base64", "quoted-printable"]), WORDS.map(b"".join), PIECES)
@settings(max_examples=300)
def test_so_is_what_looks_like_it(encoding: str, octets: bytes, sizes: list[int]):
    checked(encoding, octets, sizes)


def checked(encoding: str, octets: bytes, sizes: list[int]) -> None:
    hashing = Hashing(encoding)
    for piece in cut(octets, sizes):
        hashing.feed(piece)
    decoded = decode_octets(octets, encoding)
    assert (hashing.finish(), hashing.size) == (sha256(decoded).hexdigest(), len(decoded))
    assert hashing.first == decoded[: piecewise.FIRST_OCTETS]


def test_of_a_large_file_a_small_part_is_kept_and_of_dashes_no_more_than_the_bound():
    skeleton = Skeleton()
    for _ in range(200):
        skeleton.feed(b"QUJD\r\n" * 20_000)
    assert len(skeleton.finish()) <= piecewise.RUN_OCTETS + piecewise.LAST_OCTETS
    assert not skeleton.is_too_long
    hostile = Skeleton()
    for _ in range(200):
        hostile.feed(b"--a\r\n" * 20_000)
    assert hostile.is_too_long
    assert len(hostile.finish()) <= piecewise.MAX_OCTETS
