# SPDX-License-Identifier: Apache-2.0
"""The line law, as machines without a connection: what ends a command, what ends a content, and what is in between.

Enter: octets in any pieces. Leave: command lines without their CR LF; a content with its dots unstuffed and CR LF as
its only line ends; or the `Fault` that the dialogue answers. Only CR LF ends a line and only CR LF . CR LF the content
of DATA (RFC 5321 §2.3.8, §4.1.1.4), in the octets as they were sent; the same octets give the same answer however they
are cut. Memory is bounded by the limits, never by the peer.
"""

from dataclasses import dataclass
from enum import Enum, auto

from storage.response import R552_TOO_BIG, R554_BARE_LINE_END, R554_LINE_TOO_LONG

COMMAND_OCTETS = 2048  # RFC 5321 §4.5.3.1.4 asks for 512; each extension adds to it, long ORCPTs are real
AUTH_OCTETS = 12_288  # RFC 4954 §4

_END = b"\r\n.\r\n"
_STRAY = bytes(range(33)) + b"\x7f"  # white space and controls, which no command begins with


class Fault(Enum):
    """Why a line or a content is refused; the bigger harm is named first."""

    TOO_BIG = auto()
    BARE_LINE_END = auto()
    TOO_LONG = auto()  # a line
    CHUNK = auto()  # the line before a chunk: where that ends, and the next command begins, cannot be told


REFUSALS = {  # what a content with this fault is answered
    Fault.TOO_BIG: R552_TOO_BIG,
    Fault.BARE_LINE_END: R554_BARE_LINE_END,
    Fault.TOO_LONG: R554_LINE_TOO_LONG,
}


def announces_chunk(line: bytes) -> bool:
    """Whether this is BDAT, perhaps behind stray octets and with more of them after it."""
    return line.lstrip(_STRAY)[:4].upper() == b"BDAT"


class CommandLines:
    """Cuts received octets into command lines."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False
        self._head = b""  # how the line that is skipped begins, behind stray octets

    def __bool__(self) -> bool:
        return bool(self._held)

    def feed(self, octets: bytes) -> None:
        self._held += octets

    def take(self, limit: int = COMMAND_OCTETS) -> bytes | Fault | None:
        """The next line, its fault, or None when its end has not come."""
        end = self._held.find(b"\n")
        if end < 0:
            if self._skipping or len(self._held) > self._limit(limit):
                self._skip(len(self._held))
            return None
        if self._skipping or end >= self._limit(limit):
            self._skip(end)
            fault = Fault.CHUNK if announces_chunk(self._head) else Fault.TOO_LONG
            del self._held[:1]
            self._skipping, self._head = False, b""
            return fault
        line = bytes(self._held[:end])
        del self._held[: end + 1]
        if line.find(b"\r") == len(line) - 1 and line:
            return line[:-1]
        # A bare LF is answered where it stands, or a client that sends nothing else would hang till its timeout.
        return Fault.CHUNK if announces_chunk(line) else Fault.BARE_LINE_END

    def _skip(self, octets: int) -> None:
        """Let go of so many octets of a line that is too long, except of its beginning."""
        self._skipping = True
        self._head = (self._head + self._held[:octets]).lstrip(_STRAY)[:4]
        del self._held[:octets]

    def take_octets(self, most: int | None = None) -> bytes:
        """Octets that are no lines, at most so many: what follows a BDAT."""
        octets = bytes(self._held[:most])
        del self._held[:most]
        return octets

    def _limit(self, limit: int) -> int:
        return AUTH_OCTETS if self._held[:5].upper() == b"AUTH " else limit


@dataclass(frozen=True, slots=True)
class ContentLimits:
    """How big a content may be (RFC 1870 §3), how long its lines, and whether stray octets are mended or refused."""

    octets: int
    line_octets: int
    normalise: bool = False


class LineLaw:
    """What is right in a content, piece by piece; with `normalise`, what is not right is made so.

    A bare CR and a bare LF become CR LF, NUL becomes a space. The limits are those of the octets that come out.
    """

    def __init__(self, limits: ContentLimits) -> None:
        self._limits = limits
        self._octets = self._line = 0
        self._ends_in_cr = self._bare = self._line_too_long = False

    @property
    def fault(self) -> Fault | None:
        if self._octets > self._limits.octets:
            return Fault.TOO_BIG
        if self._bare:
            return Fault.BARE_LINE_END
        return Fault.TOO_LONG if self._line_too_long else None

    def take(self, octets: bytes) -> bytes:
        """What has become certain with these octets; nothing once there is a fault."""
        if self._ends_in_cr:
            octets = b"\r" + octets
        self._ends_in_cr = octets.endswith(b"\r")  # its LF may come with the next piece
        if self._ends_in_cr:
            octets = octets[:-1]
        if _has_strays(octets):
            if not self._limits.normalise:
                self._bare = True
            else:
                octets = _mended(octets)
        self._measure(octets)
        return octets if self.fault is None else b""

    def end(self) -> bytes:
        """The content is complete: what was held back, and the end of a last line that had none.

        Only BDAT can leave a line open; no server could carry it on so (RFC 5321 §4.1.1.4).
        """
        rest = b""
        if self._ends_in_cr:
            self._ends_in_cr = False
            rest = self.take(b"\r\n") if self._limits.normalise else b""
            self._bare = self._bare or not self._limits.normalise
        elif self._line:
            rest = b"\r\n"
        return rest if self.fault is None else b""

    def _measure(self, octets: bytes) -> None:
        self._octets += len(octets)
        first = octets.find(b"\n")
        if first < 0:
            self._line += len(octets)
            longest = self._line
        else:
            longest = self._line + first
            if len(octets) > self._limits.line_octets:
                longest = max(longest, max(map(len, octets[first + 1 :].split(b"\n"))))
            self._line = len(octets) - octets.rfind(b"\n") - 1
        if longest > self._limits.line_octets + 1:  # with the CR
            self._line_too_long = True


class Content:
    """Cuts the content of one DATA command out of what comes."""

    def __init__(self, limit_octets: int, line_octets: int, *, normalise: bool = False) -> None:
        self.law = LineLaw(ContentLimits(limit_octets, line_octets, normalise))
        self._held = bytearray()
        self._tail = b"\r\n"  # the end of the DATA command's own line: a dot right after it ends an empty content
        self._started = False

    @property
    def fault(self) -> Fault | None:
        return self.law.fault

    def feed(self, octets: bytes) -> bytes | None:
        """Takes octets; answers those that follow the final dot, or None when it has not come."""
        octets = self._tail + octets
        end = octets.find(_END)
        if end >= 0:
            self._keep(octets[: end + 2])
            return octets[end + len(_END) :]
        self._tail = _possible_end(octets)
        self._keep(octets[: len(octets) - len(self._tail)])
        return None

    def take(self) -> bytes:
        """What has become certain since the last call, dots unstuffed; nothing once there is a fault."""
        octets = bytes(self._held)
        self._held.clear()
        return octets if self.fault is None else b""

    def _keep(self, octets: bytes) -> None:
        """Keeps what cannot be part of the end; _possible_end sees to it that no CR LF and no CR LF . is cut."""
        octets = octets.replace(b"\r\n.", b"\r\n")  # RFC 5321 §4.5.2
        if not self._started and octets:
            self._started, octets = True, octets[2:]
        self._held += self.law.take(octets)


def _possible_end(octets: bytes) -> bytes:
    """The longest end of `octets` that may be the beginning of the final dot."""
    for size in (4, 3, 2, 1):
        if octets.endswith(_END[:size]):
            return _END[:size]
    return b""


def _has_strays(octets: bytes) -> bool:
    pairs = octets.count(b"\r\n")
    return pairs != octets.count(b"\n") or pairs != octets.count(b"\r") or b"\0" in octets


def _mended(octets: bytes) -> bytes:
    ended = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    return ended.replace(b"\0", b" ")
