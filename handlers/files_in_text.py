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
_NAMES = (  # a reader that forgives more than we do could open it: what follows is not asked
    (b"\nbegin", re.compile(rb"\nbegin(?:-base64)?[ \t]+[0-7]{3,6}[ \t]+([^\n]+)(?=\n)")),
    (b"\n=ybegin", re.compile(rb"\n=ybegin[ \t]([^\n]+)(?=\n)")),
)
_LONGEST_NAME = 255  # octets; the end tells the type
_HALF = 600  # of a line that is held: its beginning and its end


def files(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and octets of each."""
    return islice(chain(uuencoding.files(octets), yenc.files(octets)), MAX_FILES)


def without_files(octets: bytes) -> bytes:
    """The text around those that are listed."""
    rest, number = uuencoding.without_files(octets, MAX_FILES)
    return yenc.without_files(rest, MAX_FILES - number)


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
        """Take the next octets; a line that is not at its end is looked at with those that follow."""
        seen = self._held + octets
        for mark, pattern in _NAMES:
            if mark in seen:
                self._learn(pattern, seen)
        line = seen[seen.rfind(b"\n") :]
        self._held = line if len(line) <= 2 * _HALF else line[:_HALF] + line[-_HALF:]

    def _learn(self, pattern: re.Pattern[bytes], seen: bytes) -> None:
        for told in dict.fromkeys(pattern.findall(seen)):
            if not self.is_complete:
                return
            end = told[-_LONGEST_NAME:]
            self.found[(end.partition(b"name=")[2] or end).strip(b' "\t\r')] = None
