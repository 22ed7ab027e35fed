# SPDX-License-Identifier: Apache-2.0
"""Files in the midst of a text, as before MIME: uuencoded ones and those of yEnc.

Enters: the octets of a text without transfer encoding. Leaves: the files, the text without them; or, of a body that
comes in pieces, their names alone, wherever a reader could look for one. Never fails; linear and bounded.
"""

import re
from collections.abc import Iterator
from itertools import chain, islice

from handlers import uuencoding, yenc

MAX_FILES = 200

_MARKS = (b"begin ", b"=ybegin ")
_NAMES = (
    re.compile(rb"\nbegin [0-7]{3,4} ([^\r\n]{1,255})\r?\n[ -`]{1,90}\r?\n"),
    re.compile(rb"\n=ybegin [^\r\n]{0,200}?\bname=([^\r\n]{1,255})\r?\n"),
)
_LONGEST = 700  # octets, of what tells a name


def files(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and octets of each."""
    return islice(chain(uuencoding.files(octets), yenc.files(octets)), MAX_FILES)


def without_files(octets: bytes) -> bytes:
    """The text around them."""
    return yenc.without_files(uuencoding.without_files(octets))


def may_hold(octets: bytes) -> bool:
    """Whether it is worth while to look."""
    return any(b"\n" + mark in octets for mark in _MARKS)


class Names:
    """The names in a body; at most MAX_FILES, and `is_complete` is false where there are more."""

    def __init__(self) -> None:
        self.found: dict[bytes, None] = {}
        self._held = b"\n"

    @property
    def is_complete(self) -> bool:
        """Whether these are all."""
        return len(self.found) <= MAX_FILES

    def feed(self, octets: bytes) -> None:
        """Take the next octets; the last ones are looked at again with those that follow."""
        seen = self._held + octets
        if self.is_complete and any(mark in seen for mark in _MARKS):
            for pattern in _NAMES:
                matches = (one[1].strip(b' "') for one in pattern.finditer(seen))
                self.found.update(dict.fromkeys(islice(matches, MAX_FILES + 1)))
        self._held = seen[-_LONGEST:]
