# SPDX-License-Identifier: Apache-2.0
"""Contents for routes: whole, or cut so that a route sees piece after piece, however small they are."""

from collections.abc import Iterator

from handlers.contents import Content, Unreadable, survey


def whole(octets: bytes) -> Content:
    """In one piece."""
    return survey((octets,), lambda: iter((octets,)))


def cut(octets: bytes, size: int, readable: int | None = None) -> Content:
    """In pieces of that many octets; what lies beyond `readable` octets cannot be read after the survey."""
    surveyed = whole(octets)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(octets), size):
            if readable is not None and start + size > readable:
                raise Unreadable("content 1 is damaged")
            yield octets[start : start + size]

    return Content(pieces, surveyed.octets, surveyed.is_ascii, surveyed.ends_lines_in_crlf)
