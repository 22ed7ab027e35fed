# SPDX-License-Identifier: Apache-2.0
"""The edge: what all connections of one listener share in one process, and through the register in all of them.

Enters: connections that come, name their client, wait and go. Leaves: who is turned away, the deadlines and bounds in
force, and a drain that lets mail on its way come to its end. What a Receiver has begun runs on whatever becomes of its
connection. When no slot is free, or no memory, whoever has waited longest for its client makes room.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from gateway.lines import Deadlines
from gateway.peers import is_listed, is_within
from gateway.receiver import Authenticator, EdgeSettings, Receiver
from gateway.register import Caps, Claim, Full, Register
from gateway.seat import Memory, Seat, SeatedReceiver
from gateway.session_log import SessionLog, Tally
from gateway.stress import MAX_ERRORS, Stress
from gateway.supply import Supply
from gateway.waiting import Rank, Waiting
from storage.envelope import Session
from storage.response import (
    R421_MAKE_ROOM,
    R421_SHUTTING_DOWN,
    R421_TIMEOUT,
    R421_TOO_MANY_CONNECTIONS,
    R421_TOO_MANY_OF_YOU,
    Response,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

TICK_S = 1.0  # between looks at what other processes hold, and between two log lines of one kind
LAST_WORDS_S = 3.0  # at the end of a grace; more than a connection listens on
_NO_TIME = Deadlines(command_s=0, session_s=0, content_idle_s=0, content_s=0, content_grace_s=0, handshake_s=0)
MADE_ROOM = "made room for others"


class Connection(Protocol):
    """What the edge asks of one connection."""

    task: asyncio.Task[None]

    @property
    def client(self) -> Session:
        """Who it is, as far as we know."""
        ...

    @property
    def may_go(self) -> bool:
        """Whether it waits for its client, of whom nothing has come that is not read yet."""
        ...

    def leave_if_idle(self) -> None:
        """Say 421 and close, unless a mail is on its way."""
        ...

    def send_away(self, response: Response) -> None:
        """Say this, close and do nothing more; its seat is somebody else's by now."""
        ...

    def tighten(self) -> None:
        """Wait no longer than the deadlines in force now allow."""
        ...

    def abort(self) -> None:
        """Cut the connection now."""
        ...


class Edge:
    """Settings, deciders, and the connections that are open."""

    def __init__(
        self,
        settings: EdgeSettings,
        receiver: Receiver,
        authenticator: Authenticator | None = None,
        register: Register | None = None,
        supply: Supply | None = None,
    ) -> None:
        self.settings = settings
        self.authenticator = authenticator
        self.stopping = self._is_cutting = False
        self.session_log: SessionLog | None = None  # where ended sessions are remembered
        self.open: dict[Connection, Seat] = {}
        self._receiver, self._supply = receiver, supply
        self._register = register or Register(settings.max_connections)
        self._caps = Caps(settings.max_connections_per_address, settings.max_connections_per_subnet)
        self._memory = Memory(settings.memory_octets, self._make_memory)
        self._waiting: Waiting[Connection] = Waiting()
        self._stress = Stress(settings.stress_at_percent, settings.stress_timeout_s)
        self._tight = self._stress.deadlines(settings.deadlines)
        self._turned_away = TurnedAway()
        self._ticker: asyncio.TimerHandle | None = None
        self._promises: set[asyncio.Task[Any]] = set()

    # -- the bounds in force now

    @property
    def deadlines(self) -> Deadlines:
        if self._is_cutting:
            return _NO_TIME
        return self._tight if self._stress.is_on else self.settings.deadlines

    @property
    def max_errors(self) -> int:
        """How many refusals a session may collect."""
        return min(MAX_ERRORS, self.settings.max_errors) if self._stress.is_on else self.settings.max_errors

    def too_late(self, usual: Response) -> Response:
        """What a client hears whose time is over, with a command or amid a content."""
        if self._is_cutting:
            return R421_SHUTTING_DOWN
        if usual is not R421_TIMEOUT:
            return usual
        return R421_MAKE_ROOM if self._stress.is_on else R421_TIMEOUT

    def receiver(self, connection: Connection) -> Receiver:
        """Who decides about the mails of this connection."""
        return SeatedReceiver(self._receiver, self.open[connection], self._supply)

    # -- connections

    def enter(self, connection: Connection, session: Session) -> Response | None:
        """A connection has come; the response turns it away."""
        if self.stopping:
            return R421_SHUTTING_DOWN
        if self._ticker is None:
            self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        is_named = not is_listed(session.peer, self.settings)
        claim = self._register.enter()
        if claim is None:
            full = self._share(session) if is_named else None
            if full is not None:  # who has its share takes nobody else's place
                return self._turn_away(session, full)
            claim = self._make_room()
        if claim is None:
            return self._turn_away(session, Full.CONNECTIONS)
        self._look()
        self.open[connection] = Seat(self._register, claim, self._memory)
        self.waits(connection, Rank.COMMAND)
        return self.name(connection, session) if is_named else None

    def name(self, connection: Connection, session: Session) -> Response | None:
        """The client's address is known, from the socket or from a PROXY header; the response turns it away."""
        full = self.open[connection].name(session.peer, self._caps) if self._counts(session) else None
        if full is None:
            return None
        self.leave(connection)
        return self._turn_away(session, full)

    def _share(self, session: Session) -> Full | None:
        """The bound that its address or network has reached already."""
        return self._register.full(session.peer, self._caps) if self._counts(session) else None

    def _counts(self, session: Session) -> bool:
        """Whether its address and its network have bounds."""
        return session.peer != "local" and not is_within(session.peer, self.settings.unlimited_from)

    def waits(self, connection: Connection, rank: Rank) -> None:
        """It waits for its client from now on."""
        seat = self.open.get(connection)
        if seat is None or seat.has_left:
            return
        if rank is Rank.CONTENT and seat.holds_octets:
            rank = Rank.LARGE
        self._waiting.add(connection, rank)

    def works(self, connection: Connection) -> None:
        """It waits no longer."""
        self._waiting.drop(connection)

    def leave(self, connection: Connection) -> None:
        """The connection's task has ended, or it was turned away."""
        self.works(connection)
        seat = self.open.pop(connection, None)
        if seat is not None:
            seat.leave()

    def _make_room(self) -> Claim | None:
        """Send away whoever can best be spared, and take that slot."""
        while (spared := self._waiting.dispensable()) is not None:
            if (claim := self._send_away(spared)) is not None:
                return claim
        return None

    def _make_memory(self) -> bool:
        """Send away a content that has memory reserved and brings nothing."""
        while (spared := self._waiting.silent(Rank.LARGE)) is not None:
            if (claim := self._send_away(spared)) is not None:
                self._register.leave(claim)
                return True
        return False

    def _send_away(self, connection: Connection) -> Claim | None:
        self.works(connection)
        claim = self.open[connection].hand_over()
        if claim is not None:
            self._turned_away.note(MADE_ROOM, connection.client)
            connection.send_away(R421_MAKE_ROOM)
        return claim

    def _turn_away(self, session: Session, full: Full) -> Response:
        self._turned_away.note(full.value, session)
        return R421_TOO_MANY_CONNECTIONS if full is Full.CONNECTIONS else R421_TOO_MANY_OF_YOU

    def ended(self, session: Session, tally: Tally) -> None:
        """A session has ended, or was turned away."""
        if self.session_log is not None:
            listener = "lmtp" if self.settings.lmtp else "submission" if self.authenticator else "mx"
            self.session_log.ended(listener, session, tally)

    # -- stress

    def _tick(self) -> None:
        self._look()
        self._turned_away.tell()
        again = self.open or self._stress.is_on
        self._ticker = asyncio.get_running_loop().call_later(TICK_S, self._tick) if again else None

    def _look(self) -> None:
        slots, octets = self._register.slots, self.settings.memory_octets
        taken = self._register.used()
        if not self._stress.look(100 * max(taken.slots / slots, taken.octets / octets)):
            return
        if not self._stress.is_on:
            log.warning("stress is over: %d of %d connections are taken", taken.slots, slots)
            return
        log.warning(
            "stress: %d of %d connections are taken, mails hold %d of %d MB, %.0f s to speak",
            *(taken.slots, slots, taken.octets // 1_000_000, octets // 1_000_000, self._tight.command_s),
        )
        for connection in self.open:
            connection.tighten()

    # -- what must come to its end

    async def finish(self, session: Session, answer: Coroutine[Any, Any, T]) -> T:
        """Await an answer that must come to its end although its session may be cancelled meanwhile."""
        return await asyncio.shield(self.keep(session, answer))

    def keep(self, session: Session, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run this to its end, which a drain waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._promises.add(task)
        task.add_done_callback(self._promises.discard)
        task.add_done_callback(lambda done: _log_failure(done, session.id))
        return task

    def stop(self) -> None:
        """Send idle sessions away, let the others finish their mail."""
        self.stopping = True
        for connection in tuple(self.open):
            connection.leave_if_idle()

    async def drained(self) -> None:
        """Returns when no session is open and no promise is pending."""
        while self.open or self._promises:
            await asyncio.wait([*(connection.task for connection in self.open), *self._promises])

    async def cut(self) -> None:
        """Whoever is waited for hears 421, and what is left is closed; what was begun still comes to its end."""
        self._is_cutting = True
        for connection in tuple(self.open):
            connection.tighten()
        tasks = [connection.task for connection in self.open]
        if tasks:
            await asyncio.wait(tasks, timeout=LAST_WORDS_S)
        for connection in tuple(self.open):
            log.warning("%s: cut before it was answered", connection.client.id)
            connection.abort()
        await self.drained()


class TurnedAway:
    """Counts those who are turned away; a line a second for each reason, however many they are."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._last: dict[str, Session] = {}

    def note(self, reason: str, session: Session) -> None:
        self._counts[reason] = self._counts.get(reason, 0) + 1
        self._last[reason] = session

    def tell(self) -> None:
        """Called once a second."""
        for reason, count in self._counts.items():
            last = self._last[reason]
            log.warning("turned away %d: %s; the last at %s from %s", count, reason, last.id, last.peer)
        self._counts.clear()


def _log_failure(task: asyncio.Task[Any], session_id: str) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("%s: the content could not be judged", session_id, exc_info=error)
