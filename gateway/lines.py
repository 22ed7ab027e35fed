# SPDX-License-Identifier: Apache-2.0
"""Lines, contents and chunks from one connection: how long we wait for them, and how much of them we read.

Enter: a stream, and the deadlines in force. Leave: one command line, or the octets of a content piece by piece to a
function; the law of their lines is gateway/line_law.py's. Deadlines count the time we wait for the client, never the
time it waits for us. Fails: Gone, TooLate, TooMuch, which end the session.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gateway.line_law import COMMAND_OCTETS, CommandLines, Content, Fault

CHUNK_OCTETS = 65_536
# Whoever announces no SIZE hears 552 only behind the last octet, so that is where an honest mail of the wrong size is
# read to. One in thousands is four times too big, and a machine that sends for ever is cut off soon.
HARD_FACTOR = 4

Write = Callable[[bytes], Awaitable[None]]


class Gone(Exception):
    """The client closed the connection, or broke it in the way that this names."""


class TooLate(Exception):
    """A deadline passed while we waited for the client."""


class TooMuch(Exception):
    """The content went on far beyond the limit."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a client may take, in seconds."""

    command_s: float = 300  # RFC 5321 §4.5.3.2.7
    session_s: float = 3600  # for the whole connection; between mails, where NOOP renews nothing
    content_idle_s: float = 180  # RFC 5321 §4.5.3.2.5
    content_s: float = 1800
    content_grace_s: float = 30  # before the minimum rate is asked for
    content_octets_per_s: float = 500  # 0 asks for none
    handshake_s: float = 30
    proxy_s: float = 5
    rate_is_recent: bool = False  # a content that came fast earns no slow rest


@dataclass(slots=True)
class Reading:
    """What one content has cost so far: octets, of at most so many, and seconds that we waited for them."""

    limit_octets: int
    octets: int = 0
    waited_s: float = 0.0
    _octets_before: int = 0  # when it came fast enough for the last time
    _waited_before_s: float = 0.0

    def announce(self, octets: int) -> None:
        """So many more are to come, which earns no patience yet; raises TooMuch."""
        if self.octets + octets > self.limit_octets * HARD_FACTOR + CHUNK_OCTETS:
            raise TooMuch

    def count(self, octets: int) -> None:
        """So many more came; raises TooMuch."""
        self.octets += octets
        self.announce(0)

    def progresses(self, limits: Deadlines) -> bool:
        """Whether it has come at the minimum rate since this was last so."""
        due = (self.waited_s - self._waited_before_s) * limits.content_octets_per_s
        if self.octets - self._octets_before < due:
            return False
        self._octets_before, self._waited_before_s = self.octets, self.waited_s
        return True

    def patience_s(self, limits: Deadlines) -> float:
        """How long to wait if nothing more comes: idle, below the minimum rate, or at the absolute end."""
        left_s = limits.content_s - self.waited_s
        if limits.content_octets_per_s:
            due_s = max(limits.content_grace_s, self.octets / limits.content_octets_per_s)
            left_s = min(left_s, due_s - self.waited_s)
            if limits.rate_is_recent:
                left_s = min(left_s, limits.content_grace_s - (self.waited_s - self._waited_before_s))
        return min(limits.content_idle_s, left_s)


class Lines:
    """Reads lines and contents from one connection within the deadlines; `before_wait` runs before each wait.

    `progress` is told each time a content that we wait for has come at its minimum rate.
    """

    def __init__(
        self,
        stream: asyncio.StreamReader,
        deadlines: Callable[[], Deadlines],
        before_wait: Callable[[], Awaitable[None]],
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._stream = stream
        self._deadlines = deadlines
        self._before_wait = before_wait
        self._progress = progress
        self._commands = CommandLines()
        self._time = asyncio.get_running_loop().time
        self._start = self._time()
        self._timeout: asyncio.Timeout | None = None  # of the wait under way
        # There is no public look into it, and each command needs one.
        self._buffered: bytearray = stream._buffer  # type: ignore[attr-defined]

    @property
    def are_waiting(self) -> bool:
        """Whether the client has sent more than what we took."""
        return bool(self._commands) or bool(self._buffered)

    @property
    def is_awaited(self) -> bool:
        """Whether we wait for the client, and nothing has come yet."""
        return self._timeout is not None and not self._buffered

    async def command(
        self, limit: int = COMMAND_OCTETS, between: Reading | None = None, *, amid_mail: bool = False
    ) -> bytes | Fault:
        """One command line, perhaps between the chunks of a content; raises Gone or TooLate."""
        line = self._commands.take(limit)
        if line is not None:
            return line
        if between is not None:
            self._look_at(between)
        await self._before_wait()
        # One deadline for the whole line: octets that trickle in do not renew it.
        begin = self._time()
        while line is None:
            limits = self._deadlines()
            end = begin + limits.command_s
            if not amid_mail:  # a mail that was cut at the end of the session would be cut again when it is repeated
                end = min(end, self._start + limits.session_s)
            if between is not None:
                end = min(end, begin + between.patience_s(limits))
            self._commands.feed(await self._read(end))
            line = self._commands.take(limit)
        if between is not None:
            between.waited_s += self._time() - begin
        return line

    async def content(self, content: Content, reading: Reading, write: Write) -> None:
        """The content up to its final dot, piece by piece to `write`; raises Gone, TooLate or TooMuch."""
        octets = self.take_all()
        while (rest := content.feed(octets)) is None:
            if piece := content.take():
                await write(piece)
            octets = await self._more(reading, CHUNK_OCTETS)
            reading.count(len(octets))
        self._commands.feed(rest)
        if piece := content.take():
            await write(piece)

    async def chunk(self, size: int, reading: Reading, write: Write) -> None:
        """So many octets, whatever they are, piece by piece to `write`; raises Gone, TooLate or TooMuch."""
        reading.announce(size)
        while size:
            octets = self._commands.take_octets(min(size, CHUNK_OCTETS))
            octets = octets or await self._more(reading, min(size, CHUNK_OCTETS))
            size -= len(octets)
            reading.count(len(octets))
            await write(octets)

    async def discard(self, for_s: float) -> None:
        """Read what still comes, until the client hangs up or the time is over."""
        end = self._time() + for_s
        try:
            while await self._read(end):
                pass
        except (Gone, TooLate):
            return

    async def speaks_within(self, for_s: float) -> bool:
        """Whether the client sends something in this time, or had sent it already; raises Gone."""
        if not for_s:
            await asyncio.sleep(0)  # the loop reads the socket for the first time only after our own first step
            return self.are_waiting
        try:
            self._commands.feed(await self._read(self._time() + for_s))
        except TooLate:
            return False
        return True

    def take_all(self) -> bytes:
        """What the client sent beyond the last line we took, read from the connection too; waits for nothing."""
        octets = self._commands.take_octets() + bytes(self._buffered)
        self._buffered.clear()
        return octets

    def tighten(self) -> None:
        """The deadlines have become shorter: the wait under way has no more time than one for a command."""
        end = self._time() + self._deadlines().command_s
        if self._timeout is not None and (self._timeout.when() or end) > end:
            self._timeout.reschedule(end)

    async def _more(self, reading: Reading, most: int) -> bytes:
        """The next octets of a content."""
        self._look_at(reading)
        await self._before_wait()
        begin = self._time()
        octets = await self._read(begin + reading.patience_s(self._deadlines()), most)
        reading.waited_s += self._time() - begin
        return octets

    def _look_at(self, reading: Reading) -> None:
        if reading.progresses(self._deadlines()):
            self._progress()

    async def _read(self, end: float, most: int = CHUNK_OCTETS) -> bytes:
        timeout = self._timeout = asyncio.timeout_at(end)
        try:
            async with timeout:
                octets = await self._stream.read(most)
        except OSError as error:  # ssl.SSLError is one, and so is the TimeoutError of a peer that fell silent to TCP
            if timeout.expired():
                raise TooLate from None
            raise Gone(type(error).__name__) from None
        finally:
            self._timeout = None
        if not octets:
            raise Gone
        return octets
