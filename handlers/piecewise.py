# SPDX-License-Identifier: Apache-2.0
"""A large mail in pieces: where its parts lie, and what one of them is, while a few pieces are in memory.

`Skeleton` keeps what decides the structure (handlers/mime_parts.py): of a long run in which no line begins with two
dashes it keeps the beginning and the end. `Hashing` undoes a transfer encoding as handlers/mime_parts.py does for the
whole, and keeps size, SHA-256 and the first octets. Neither fails; both are linear.
"""

import hashlib
import re
from binascii import a2b_base64
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from handlers.mime_parts import UUENCODED, Span, unquoted
from handlers.uuencoding import Decoder

RUN_OCTETS = 128 * 1024  # of a run; a header section of a part beyond it is read as far as here
LAST_OCTETS = 4  # the line end before a delimiter, and two more
MAX_OCTETS = 8_000_000  # of a skeleton; a mail of nothing but dashes is passed over
FIRST_OCTETS = 4096
LONGEST_LINE = 1_000_000

_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))


class Skeleton:
    """Fed with a whole mail, piece by piece; `finish` gives octets with the same parts, `span` says where they lay."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._begun = 0  # in what is kept, of the run that goes on
        self._last, self._missing = b"", 0  # of this run: its end, and how much lies before it
        self._shifts: list[tuple[int, int]] = [(0, 0)]  # (from here on, so many octets were left out)
        self._held = b""  # a line end and a dash may go on in the next piece
        self.is_too_long = False

    def feed(self, piece: bytes) -> None:
        """Take the next octets."""
        octets, at = self._held + piece, 0
        for match in re.finditer(rb"\n(?=--)", octets):
            self._add(octets[at : match.end()])
            self._end_run()
            at = match.end()
        end = max(at, len(octets) - 2)
        self._add(octets[at:end])
        self._held = octets[end:]

    def finish(self) -> bytes:
        """The skeleton, once all has come."""
        self._add(self._held)
        self._end_run()
        return bytes(self._kept)

    def span(self, found: Span) -> Span:
        """Octets of the skeleton as octets of the mail."""
        return Span(*(at + self._left_out_before(at) for at in found))

    def _left_out_before(self, at: int) -> int:
        return self._shifts[bisect_right(self._shifts, at, key=lambda shift: shift[0]) - 1][1]

    def _add(self, octets: bytes) -> None:
        room = self._begun + RUN_OCTETS - len(self._kept)
        if len(self._kept) + min(room, len(octets)) > MAX_OCTETS:
            self.is_too_long = True
            return
        self._kept += octets[:room]
        beyond = self._last + octets[room:]
        self._last = beyond[-LAST_OCTETS:]
        self._missing += len(beyond) - len(self._last)

    def _end_run(self) -> None:
        if self._missing:
            self._shifts.append((len(self._kept), self._shifts[-1][1] + self._missing))
        self._kept += self._last
        self._begun, self._last, self._missing = len(self._kept), b"", 0


class Hashing:
    """One part, fed with its octets as they stand in the mail."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._held = b""
        self._lines_of_uu = Decoder()
        self._digest = hashlib.sha256()
        self.size, self.first = 0, b""

    def feed(self, octets: bytes) -> None:
        """Take the next octets."""
        for decoded in self._decoded(octets):
            self._take(decoded)

    def finish(self) -> str:
        """The SHA-256 of the decoded octets."""
        if self._encoding in UUENCODED:
            self._take(self._lines_of_uu.finish())
        else:
            self._take(_base64(self._held) if self._encoding == "base64" else unquoted(self._held))
        return self._digest.hexdigest()

    def _take(self, decoded: bytes) -> None:
        self._digest.update(decoded)
        self.size += len(decoded)
        if len(self.first) < FIRST_OCTETS:
            self.first += decoded[: FIRST_OCTETS - len(self.first)]

    def _decoded(self, octets: bytes) -> Iterable[bytes]:
        if self._encoding == "base64":
            return self._base64_runs(octets)
        if self._encoding == "quoted-printable":
            return (unquoted(self._lines(octets)),)
        if self._encoding in UUENCODED:
            return (self._lines_of_uu.feed(octets),)
        return (octets,)

    def _base64_runs(self, octets: bytes) -> Iterator[bytes]:
        """A run ends at a sign of padding; of the last one whole groups of four."""
        *runs, last = re.split(b"=+", self._held + octets.translate(None, _NOT_BASE64))
        yield from map(_base64, runs)
        whole = len(last) - len(last) % 4
        self._held = last[whole:]
        yield _base64(last[:whole])

    def _lines(self, octets: bytes) -> bytes:
        """Whole lines; what never ends is cut where no encoded octet is."""
        held = self._held + octets
        end = held.rfind(b"\n") + 1
        if not end and len(held) > LONGEST_LINE:
            sign = held.find(b"=", len(held) - 3)
            end = sign if sign >= 0 else len(held)
        self._held = held[end:]
        return held[:end]


def _base64(run: bytes) -> bytes:
    usable = run[: len(run) - 1] if len(run) % 4 == 1 else run
    return a2b_base64(usable + b"=" * (-len(usable) % 4))
