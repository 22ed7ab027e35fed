# SPDX-License-Identifier: Apache-2.0
"""A content on its way out, surveyed once and then read as often as it is sent, a large one piece by piece.

Enters: the pieces of a final content. Leaves: what must be known before its first octet leaves, and a way to read the
octets again. A small content stays in memory, a large one never is. Fails with Unreadable, in place of the last piece
at the latest, when the store cannot give the octets that were surveyed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from handlers.line_ends import LineEnds

HELD_OCTETS = 512 * 1024


class Unreadable(Exception):
    """The octets cannot be read now, or are damaged; the text is for the operator."""


@dataclass(frozen=True, slots=True)
class Content:
    """`pieces` may block; each call begins at the first octet."""

    pieces: Callable[[], Iterator[bytes]]
    octets: int
    is_ascii: bool
    ends_lines_in_crlf: bool


def survey(octets: Iterable[bytes], again: Callable[[], Iterator[bytes]]) -> Content:
    """Read a content once; `again` gives the same octets from the beginning, and is asked only for a large one."""
    count, is_ascii, line_ends = 0, True, LineEnds()
    first: list[bytes] = []
    for piece in octets:
        count += len(piece)
        is_ascii = is_ascii and piece.isascii()
        line_ends.update(piece)
        if count <= HELD_OCTETS:
            first.append(piece)
        else:
            first.clear()
    if count <= HELD_OCTETS:
        return Content(_Held(b"".join(first)), count, is_ascii, line_ends.are_crlf)
    return Content(again, count, is_ascii, line_ends.are_crlf)


@dataclass(frozen=True, slots=True)
class _Held:
    """What is in memory is one piece."""

    octets: bytes

    def __call__(self) -> Iterator[bytes]:
        return iter((self.octets,))
