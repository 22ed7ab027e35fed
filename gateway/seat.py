# SPDX-License-Identifier: Apache-2.0
"""A connection's seat in the register, and the Receiver that its commands see: it takes no mail there is no room for.

Enters: what a Receiver is asked. Leaves: its answers, or 452 before the content when disk, store or memory are short,
or 452 after a content that outgrew the memory of all; what is left of that one is read and thrown away. The seat is
given up when the connection has ended and the last of its contents is judged, whichever comes later.
"""

from gateway.receiver import Intake, Receiver
from gateway.register import Caps, Full, Register
from gateway.supply import Supply
from storage.address import Address
from storage.envelope import Envelope, Session
from storage.response import R452_NO_MEMORY, Response

STEP_OCTETS = 65_536  # what a connection may hold without asking; more is reserved in such steps


class Seat:
    """One slot of the register, held by a connection and by its contents that are not answered yet."""

    def __init__(self, register: Register, slot: int, memory_octets: int) -> None:
        self._register, self._slot, self._limit = register, slot, memory_octets
        self._steps = 0
        self._holders, self._has_left = 1, False

    def name(self, peer: str, caps: Caps) -> Full | None:
        """Say whose connection it is; answers the bound that forbids it."""
        return self._register.name(self._slot, peer, caps)

    def hold(self, octets: int) -> bool:
        """Have so many octets of content reserved, the first step being free."""
        steps = -(-octets // STEP_OCTETS) - 1 if octets > STEP_OCTETS else 0
        if steps > self._steps:
            if not self._register.reserve(self._slot, (steps - self._steps) * STEP_OCTETS, self._limit):
                return False
        elif steps < self._steps:
            self._register.release(self._slot, (self._steps - steps) * STEP_OCTETS)
        self._steps = steps
        return True

    def has_room(self) -> bool:
        """Whether all mails together leave one more step."""
        return self._register.used().octets + STEP_OCTETS <= self._limit

    def share(self) -> None:
        """One more content holds it."""
        self._holders += 1

    def give_up(self) -> None:
        """The last holder frees the slot."""
        self._holders -= 1
        if self._holders == 0:
            self._register.leave(self._slot)

    def hand_over(self) -> int | None:
        """The slot for a newcomer, before another process can take it; None while a content holds it still."""
        if self._has_left or self._holders > 1:
            self.leave()
            return None
        self._has_left, self._holders = True, 0
        self._register.vacate(self._slot)
        return self._slot

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
        seat.share()

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
        self._seat.hold(0)
        self._seat.give_up()


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
        if not self._seat.has_room():
            return R452_NO_MEMORY
        intake = await self._receiver.begin(session, envelope)
        return intake if isinstance(intake, Response) else Metered(intake, self._seat, len(envelope.recipients))

    def _short(self) -> Response | None:
        return None if self._supply is None else self._supply.refusal()
