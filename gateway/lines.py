# SPDX-License-Identifier: Apache-2.0
"""The line law: what ends a command, what ends the content, how long, how big and how slow they may be.

Enter: octets in any chunks. Leave: one command line without its CR LF, or the content with its dots unstuffed, or the
`Fault` that the dialogue answers. Only CR LF ends a line and only CR LF . CR LF the content (RFC 5321 §2.3.8,
§4.1.1.4); the same octets give the same answer however they are cut. Faults of the content are remembered and said at
the final dot, to stay in step. Memory is bounded by the limits, never by the peer. Fails: Gone, TooLate, TooMuch, which
end the session.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

COMMAND_OCTETS = 2048  # RFC 5321 §4.5.3.1.4 asks for 512; each extension adds to it, long ORCPTs are real
AUTH_OCTETS = 12_288  # RFC 4954 §4
CHUNK_OCTETS = 65_536
HARD_FACTOR = 4  # a client that sends on after this many times the limit is not a mail client

Write = Callable[[bytes], Awaitable[None]]

_END = b"\r\n.\r\n"


class Gone(Exception):
    """The client closed the connection."""


class TooLate(Exception):
    """A deadline passed while we waited for the client."""


class TooMuch(Exception):
    """The content went on far beyond the limit."""


class Fault(Enum):
    """Why a line or a content is refused; the bigger harm is named first."""

    TOO_LONG = auto()
    BARE_LINE_END = auto()


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds."""

    command_s: float = 300  # RFC 5321 §4.5.3.2.7
    session_s: float = 3600  # for the whole connection between mails: NOOP renews nothing
    content_idle_s: float = 180  # RFC 5321 §4.5.3.2.5
    content_s: float = 1800
    content_grace_s: float = 30  # before the minimum rate is asked for
    content_octets_per_s: float = 500
    handshake_s: float = 30
    proxy_s: float = 5


class CommandLines:
    """Cuts received octets into command lines."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._skipping = False

    def feed(self, octets: bytes) -> None:
        self._held += octets

    def take(self, limit: int = COMMAND_OCTETS) -> bytes | Fault | None:
        """The next line, its fault, or None when its end has not come."""
        end = self._held.find(b"\n")
        if end < 0:
            if self._skipping or len(self._held) > self._limit(limit):
                self._skipping = True
                self._held.clear()
            return None
        too_long = self._skipping or end >= self._limit(limit)
        line = bytes(self._held[: min(end, AUTH_OCTETS)])
        del self._held[: end + 1]
        self._skipping = False
        if too_long:
            return Fault.TOO_LONG
        # A bare LF is answered where it stands, or a client that sends nothing else would hang till its timeout.
        return Fault.BARE_LINE_END if line.find(b"\r") != len(line) - 1 or not line else line[:-1]

    def take_all(self) -> bytes:
        """Everything received and not yet taken."""
        octets = bytes(self._held)
        self._held.clear()
        return octets

    def _limit(self, limit: int) -> int:
        return AUTH_OCTETS if self._held[:5].upper() == b"AUTH " else limit


class Content:
    """Cuts the content of one DATA command out of what comes, at most `limit_octets` of it (RFC 1870 §3)."""

    def __init__(self, limit_octets: int) -> None:
        self._limit = limit_octets
        self._held = bytearray()
        self._tail = b"\r\n"  # the end of the DATA command's own line: a dot right after it ends an empty content
        self._started = False
        self._bare = False
        self._octets = 0
        self.received_octets = 0
        self.fault: Fault | None = None

    def feed(self, octets: bytes) -> bytes | None:
        """Takes octets; answers those that follow the final dot, or None when it has not come."""
        self.received_octets += len(octets)
        octets = self._tail + octets
        end = octets.find(_END)
        if end >= 0:
            self._keep(octets[: end + 2])
            self._finish()
            return octets[end + len(_END) :]
        self._tail = _possible_end(octets)
        self._keep(octets[: len(octets) - len(self._tail)])
        return None

    def take(self) -> bytes:
        """What has become certain since the last call, dots unstuffed; nothing once there is a fault."""
        octets = bytes(self._held)
        self._held.clear()
        return octets

    def _keep(self, octets: bytes) -> None:
        """Keeps what cannot be part of the end; _possible_end sees to it that no CR LF and no CR LF . is cut."""
        pairs = octets.count(b"\r\n")
        if pairs != octets.count(b"\n") or pairs != octets.count(b"\r") or b"\0" in octets:
            self._bare = True
        octets = octets.replace(b"\r\n.", b"\r\n")  # RFC 5321 §4.5.2
        if not self._started and octets:
            self._started, octets = True, octets[2:]
        self._octets += len(octets)
        if self.fault is None and self._octets > self._limit:
            self.fault = Fault.TOO_LONG
        if self.fault is None and not self._bare:
            self._held += octets
        else:
            self._held.clear()

    def _finish(self) -> None:
        if self.fault is None and self._bare:
            self.fault = Fault.BARE_LINE_END


def _possible_end(octets: bytes) -> bytes:
    """The longest end of `octets` that may be the beginning of the final dot."""
    for size in (4, 3, 2, 1):
        if octets.endswith(_END[:size]):
            return _END[:size]
    return b""


class Lines:
    """Reads lines and contents from one connection within the deadlines; `before_wait` runs before each wait."""

    def __init__(
        self,
        stream: asyncio.StreamReader,
        deadlines: Callable[[], Deadlines],
        before_wait: Callable[[], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._deadlines = deadlines
        self._before_wait = before_wait
        self._commands = CommandLines()
        self._time = asyncio.get_running_loop().time
        self._start = self._time()
        self._timeout: asyncio.Timeout | None = None  # of the wait under way

    async def command(self, limit: int = COMMAND_OCTETS) -> bytes | Fault:
        """One command line; raises Gone or TooLate."""
        line = self._commands.take(limit)
        if line is not None:
            return line
        await self._before_wait()
        # One deadline for the whole line: octets that trickle in do not renew it.
        begin = self._time()
        while line is None:
            limits = self._deadlines()
            end = min(begin + limits.command_s, self._start + limits.session_s)
            self._commands.feed(await self._read(end))
            line = self._commands.take(limit)
        return line

    async def content(self, limit_octets: int, write: Write) -> Fault | None:
        """The content up to its final dot, piece by piece to `write`; raises Gone, TooLate or TooMuch."""
        content = Content(limit_octets)
        rest = content.feed(self._commands.take_all())
        if rest is None:
            await self._before_wait()
        start = self._time()
        while rest is None:
            if content.received_octets > limit_octets * HARD_FACTOR + CHUNK_OCTETS:
                raise TooMuch
            if piece := content.take():
                await write(piece)
            rest = content.feed(await self._read(self._content_end(start, content.received_octets)))
        self._commands.feed(rest)
        if content.fault is None and (piece := content.take()):
            await write(piece)
        return content.fault

    def take_all(self) -> bytes:
        """What the client sent beyond the last line we took, read from the connection too; waits for nothing."""
        buffered: bytearray = self._stream._buffer  # type: ignore[attr-defined]  # there is no public look into it
        octets = self._commands.take_all() + bytes(buffered)
        buffered.clear()
        return octets

    def tighten(self) -> None:
        """The deadlines have become shorter: the wait under way has no more time than one for a command."""
        end = self._time() + self._deadlines().command_s
        if self._timeout is not None and (self._timeout.when() or end) > end:
            self._timeout.reschedule(end)

    def _content_end(self, start: float, received_octets: int) -> float:
        """When to give up if nothing more comes: idle, below the minimum rate, or at the absolute end."""
        limits = self._deadlines()
        too_slow = start + max(limits.content_grace_s, received_octets / limits.content_octets_per_s)
        return min(self._time() + limits.content_idle_s, too_slow, start + limits.content_s)

    async def _read(self, end: float) -> bytes:
        try:
            async with asyncio.timeout_at(end) as self._timeout:
                octets = await self._stream.read(CHUNK_OCTETS)
        except TimeoutError:
            raise TooLate from None
        finally:
            self._timeout = None
        if not octets:
            raise Gone
        return octets
