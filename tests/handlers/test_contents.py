# SPDX-License-Identifier: Apache-2.0
"""What a survey says of a content does not depend on where it was cut, and only a small one stays in memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.contents import HELD_OCTETS, survey

OCTETS = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"\xff"])).map(b"".join)


def cut_at(octets: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(octets) + 1) for place in places} | {len(octets)})
    return [octets[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(OCTETS, st.lists(st.integers(0, 50)))
def test_a_survey_tells_the_same_however_the_content_is_cut(octets: bytes, places: list[int]) -> None:
    content = survey(cut_at(octets, places), lambda: iter(()))
    alone = octets.replace(b"\r\n", b"")
    is_crlf = octets.endswith(b"\r\n") and b"\r" not in alone and b"\n" not in alone
    assert (content.octets, content.is_ascii, content.ends_lines_in_crlf) == (len(octets), octets.isascii(), is_crlf)
    assert list(content.pieces()) == list(content.pieces()) == [octets]


@pytest.mark.parametrize(
    ("size", "is_held"),
    [
        (HELD_OCTETS, True),
        # one octet more is read again
        (HELD_OCTETS + 1, False),
        # a second small piece does not begin a new content
        (2 * HELD_OCTETS + 1, False),
    ],
)
def test_a_large_content_is_read_again_and_not_held(size: int, is_held: bool) -> None:
    octets = b"x" * (size - 2) + b"\r\n"
    pieces = [octets[start : start + HELD_OCTETS] for start in range(0, size, HELD_OCTETS)]
    content = survey(iter(pieces), lambda: iter((b"again",)))
    assert content.octets == size
    assert list(content.pieces()) == ([octets] if is_held else [b"again"])
