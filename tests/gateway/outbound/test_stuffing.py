# SPDX-License-Identifier: Apache-2.0
"""Dots are doubled as in the whole content, wherever it was cut."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.routes.stuffing import stuffed

OCTETS = st.lists(st.sampled_from([b"\r\n", b"\r\n.", b"\r", b"\n", b".", b"a"])).map(b"".join)


@given(OCTETS, st.integers(1, 4))
def test_a_dot_at_the_beginning_of_a_line_is_doubled_wherever_the_content_is_cut(octets: bytes, size: int) -> None:
    pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
    assert b"".join(stuffed(pieces)) == (b"\r\n" + octets).replace(b"\r\n.", b"\r\n..")[2:]
