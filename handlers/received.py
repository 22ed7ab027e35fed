# SPDX-License-Identifier: Apache-2.0
"""A received mail as routing needs it: its header section, and what a signature says of its body.

Enters: the pieces of a content, the body's read once and not kept, so a mail of 25 MB costs no more memory than its
header section. Leaves: the header section, scanned, and the body's digest. Fails as the pieces fail.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from handlers.headers import MAX_HEADER_OCTETS, Head, scan
from handlers.signing import Body, BodyReader


@dataclass(frozen=True, slots=True)
class Received:
    """The content of `head` is the header section alone; the body begins at its `body_offset` of what was received."""

    head: Head
    body: Body


def read(pieces: Iterable[bytes]) -> Received:
    """Read a mail to its end."""
    left = iter(pieces)
    front = b""
    for piece in left:
        front += piece
        if len(front) > MAX_HEADER_OCTETS:  # a scan of the whole would look no further
            break
    head = scan(front)
    offset = head.body_offset
    body = BodyReader()
    body.feed(front[offset:])
    front = front[:offset]
    for piece in left:
        body.feed(piece)
    return Received(Head(front, head.fields, offset, head.truncated), body.finish())
