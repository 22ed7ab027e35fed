# SPDX-License-Identifier: Apache-2.0
"""A connection's seat in the register, and the Receiver that its commands see: it takes no mail there is no room for.

Enters: what a Receiver is asked. Leaves: its answers, or 452 before the content when disk or store are short, or 452
after a content that outgrew the memory of all; what is left of that one is read and thrown away. The seat is given up
when the connection has ended and the last of its contents is judged, whichever comes later.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from gateway.receiver import Intake, Receiver
from gateway.register import Caps, Claim, Full, Register
from gateway.supply import Supply
from storage.address import Address
from storage.envelope import Envelope, Session
from storage.response import R421_MAKE_ROOM, R452_NO_MEMORY, Response

log = logging.getLogger(__name__)

STEP_OCTETS = 65_536  # what a connection may hold without asking; more is reserved in such steps


@dataclass(frozen=True, slots=True)
class Memory:
    """How much all contents may hold together, and a way to send away one that holds some and brings nothing."""

    octets: int
    make_room: Callable[[], bool] = lambda: False


class Seat:
    """One slot of the register, held by a connection and by its contents that are not answered yet.

    Whoever has made room holds none any more, and may begin and hold nothing.
    """

    def __init__(self, register: Register, claim: Claim, memory: Memory) -> None:
        self._register, self._claim, self._memory = register, claim, memory
        self._steps = 0
        self._holders, self._has_left = 1, False

    @property
    def has_left(self) -> bool:
        """Whether the connection holds it no longer."""
        return self._has_left

    @property
    def holds_octets(self) -> bool:
        """Whether its contents have anything reserved."""
        return self._steps > 0

    def name(self, peer: str, caps: Caps) -> Full | None:
        """Say whose connection it is; answers the bound that forbids it."""
        return self._register.name(self._claim, peer, caps)

    def hold(self, octets: int) -> bool:
        """Have so many octets of content reserved, the first step being free; others may have to go for them."""
        steps = -(-octets // STEP_OCTETS) - 1 if octets > STEP_OCTETS else 0
        if steps > self._steps:
            more = (steps - self._steps) * STEP_OCTETS
            while not self._register.reserve(self._claim, more, self._memory.octets):
                if self._has_left or not self._memory.make_room():
                    return False
        elif steps < self._steps:
            self._register.release(self._claim, (self._steps - steps) * STEP_OCTETS)
        self._steps = steps
        return True

    def share(self) -> bool:
        """One more content holds it; not where the connection has had to go."""
        if self._has_left:
            return False
        self._holders += 1
        return True

    def give_up(self) -> None:
        """The last holder frees the slot, which somebody else may have by now."""
        self._holders -= 1
        if self._holders == 0:
            self._register.leave(self._claim)

    def hand_over(self) -> Claim | None:
        """The slot for a newcomer, before another process can take it; its contents let go of their octets at once."""
        if self._has_left:
            return None
        self._has_left, self._steps = True, 0
        return self._register.vacate(self._claim)

    def leave(self) -> None:
        """The connection holds it no longer, however often this is said."""
        if not self._has_left:
            self._has_left = True
            self.give_up()


class Metered:
    """An Intake whose octets in memory are reserved before they come."""

    def __init__(self, intake: Intake, seat: Seat, recipients: int) -> None:
        self._intake, self._seat, self._recipients = intake, seat, recipients
        self._refused = False

    @property
    def held_octets(self) -> int:
        return 0 if self._refused else self._intake.held_octets

    async def write(self, octets: bytes) -> None:
        if self._refused:
            return
        if not self._seat.hold(self._intake.held_octets + len(octets)):
            self._refused = True
            self._seat.hold(0)
            await self._intake.abandon()
            return
        await self._intake.write(octets)

    async def finish(self) -> tuple[Response, ...]:
        try:
            if self._refused:
                return (R452_NO_MEMORY,) * self._recipients
            return await self._intake.finish()
        finally:
            self._end()

    async def abandon(self) -> None:
        try:
            if not self._refused:
                await self._intake.abandon()
        finally:
            self._end()

    def _end(self) -> None:
        """What goes wrong here is no answer to a mail that may be committed."""
        try:
            self._seat.hold(0)
            self._seat.give_up()
        except Exception:
            log.exception("a slot could not be given back")


class SeatedReceiver:
    """gateway.receiver.Receiver for one connection."""

    def __init__(self, receiver: Receiver, seat: Seat, supply: Supply | None) -> None:
        self._receiver, self._seat, self._supply = receiver, seat, supply

    async def sender(self, session: Session, reverse_path: Address | None) -> Response:
        refusal = self._short()
        return refusal if refusal is not None else await self._receiver.sender(session, reverse_path)

    async def recipient(self, session: Session, envelope: Envelope, recipient: Address) -> Response:
        return await self._receiver.recipient(session, envelope, recipient)

    async def begin(self, session: Session, envelope: Envelope) -> Intake | Response:
        refusal = self._short()
        if refusal is not None:
            return refusal
        if self._seat.has_left:
            return R421_MAKE_ROOM
        intake = await self._receiver.begin(session, envelope)
        if isinstance(intake, Response):
            return intake
        if not self._seat.share():
            await intake.abandon()
            return R421_MAKE_ROOM
        return Metered(intake, self._seat, len(envelope.recipients))

    def _short(self) -> Response | None:
        return None if self._supply is None else self._supply.refusal()
