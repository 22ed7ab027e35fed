# SPDX-License-Identifier: Apache-2.0
"""A received mail as routing needs it: its header section, and what a signature says of its body.

Enters: the pieces of a content, the body's read once and not kept, so a mail of 25 MB costs no more memory than its
header section. Leaves: the header section, scanned, and the body's digest. Fails as the pieces fail.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from handlers.headers import WIDEST, Head, scan
from handlers.section import SectionReader
from handlers.signing import Body, BodyReader


@dataclass(frozen=True, slots=True)
class Received:
    """The content of `head` is the header section alone; the body begins at its `body_offset` of what was received."""

    head: Head
    body: Body


def read(pieces: Iterable[bytes]) -> Received:
    """Read a mail to its end."""
    section, body = SectionReader(WIDEST.octets), BodyReader()
    for piece in pieces:
        body.feed(section.feed(piece))
    head = scan(section.section)
    return Received(replace(head, body_offset=section.body_offset), body.finish())
