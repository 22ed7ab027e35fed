# SPDX-License-Identifier: Apache-2.0
"""Files of before MIME: lines between "begin 644 NAME" and "end" (uuencode of POSIX).

Enters: octets, in pieces where they are many, or a text with such files in its midst. Leaves: the octets of the file,
or the files and the text without them. Never fails: a line that cannot be read is passed over. Linear.
"""

import re
from binascii import Error, a2b_uu
from collections.abc import Iterator
from itertools import islice

LONGEST_LINE = 1_000

_BEGIN = re.compile(rb"begin [0-7]{3,4} [^\r\n]")
_FILE = re.compile(
    rb"^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n((?:[ -`]{1,90}\r?\n)++)(?:[ \t]*\r?\n)*+end[ \t]*+(?:\r?\n|\Z)",
    re.MULTILINE,
)


class Decoder:
    """The first file among the lines."""

    def __init__(self) -> None:
        self._held, self._is_open, self._is_done = b"", False, False

    def feed(self, octets: bytes) -> bytes:
        """Take the next octets."""
        *lines, self._held = (self._held + octets).split(b"\n")
        self._held = self._held[:LONGEST_LINE]
        return b"".join(map(self._line, lines))

    def finish(self) -> bytes:
        """All have come."""
        return self._line(self._held)

    def _line(self, line: bytes) -> bytes:
        line = line.rstrip(b"\r")
        if not self._is_open:
            self._is_open = _BEGIN.match(line) is not None
            return b""
        self._is_done = self._is_done or line.rstrip() == b"end"
        return b"" if self._is_done else _decoded(line)


def files(octets: bytes) -> Iterator[tuple[str, bytes]]:
    """Name and octets of each file within a text."""
    for one in _found(octets):
        yield one[1].strip().decode("utf-8", "surrogateescape"), b"".join(map(_decoded, one[2].splitlines()))


def without_files(octets: bytes, most: int) -> tuple[bytes, int]:
    """The text around the first of them, and how many these are."""
    pieces, at = [], 0
    for one in islice(_found(octets), most):
        pieces.append(octets[at : one.start()])
        at = one.end()
    return b"".join([*pieces, octets[at:]]), len(pieces)


def _found(octets: bytes) -> Iterator[re.Match[bytes]]:
    """What has a line as long as it says, or none: source code has such words, too."""
    for one in _FILE.finditer(octets) if b"begin " in octets else ():
        lines = [line for line in one[2].splitlines() if line not in (b"`", b" ")]
        if not lines or any(0 <= len(line) - 1 - ((line[0] - 32 & 63) + 2) // 3 * 4 <= 2 for line in lines):
            yield one


def _decoded(line: bytes) -> bytes:
    """Some programs write a letter too many; the first says how many octets there are."""
    try:
        return a2b_uu(line) if line else b""
    except Error:
        length = ((line[0] - 32) & 63) * 4 + 5
        try:
            return a2b_uu(line[: length // 3])
        except Error:
            return b""
