# SPDX-License-Identifier: Apache-2.0
"""The MX's receiver: who is ours at RCPT, the content taken piece by piece, judged, stored, rung, answered.

A mail up to `memory_per_mail` is held in memory; of a bigger one the header section is, and the rest goes to the store
while it comes. The keys of the signatures are fetched before judging, so that judging is pure. 250 is said only after
the commit; what goes wrong before is an exception, which the edge answers with 451, and what arrived is deleted.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from gateway.bell import Bell
from gateway.dead_lists import DeadLists
from gateway.looking_up import look_up
from gateway.outer import Outer
from gateway.promise import Arriving, Store, arrive, heavy, keep
from gateway.receiver import Intake
from gateway.reception import Reception, StoreLookups
from handlers import intake
from handlers.admission_rules import at_rcpt
from handlers.arrival import Incoming
from handlers.assembling import assemble
from handlers.book import unanswered
from handlers.destinations import Destination, Kind, destination
from handlers.inspection import Inspection
from handlers.office import Office
from handlers.policy import Bench, judge
from handlers.proof import decide
from storage import messages
from storage.address import Address
from storage.commit_group import GroupCommitter
from storage.content import CHUNK_OCTETS, Content, packed
from storage.database import Database
from storage.envelope import Envelope, Session
from storage.response import (
    R250_ACCEPTED,
    R250_RECIPIENT_OK,
    R250_SENDER_OK,
    R550_NO_SUCH_ADDRESS,
    Response,
)
from storage.states import MessageState, Move

log = logging.getLogger(__name__)

INLINE_OCTETS = 64 * 1024  # larger mail is judged in a thread, so that the loop serves others meanwhile


class MxReceiver:
    """gateway.receiver.Receiver for mail from anywhere."""

    def __init__(
        self, reception: Reception, database: Database, committer: GroupCommitter, bell: Bell, outer: Outer
    ) -> None:
        self._reception, self._database, self._committer, self._bell = reception, database, committer, bell
        self._outer, self._resolver, self.clock = outer, outer.resolver, outer.clock
        self.store = Store(committer)
        self._dead_lists = DeadLists()

    async def sender(self, session: Session, reverse_path: Address | None) -> Response:
        return R250_SENDER_OK

    async def recipient(self, session: Session, envelope: Envelope, recipient: Address) -> Response:
        found = destination(await self.office(), recipient, self.clock.now())
        if found == R550_NO_SUCH_ADDRESS or (isinstance(found, Destination) and not found.is_in_use):
            found = destination(await self._reception.newest(), recipient, self.clock.now())
        if isinstance(found, Response):
            return found
        ruling = at_rcpt(await self.office(), session, envelope, found)
        if ruling is None:
            return R250_RECIPIENT_OK
        _log_refused(envelope.id, str(recipient), ruling.because, ruling.response)
        return ruling.response.given(ruling.because)

    async def begin(self, session: Session, envelope: Envelope) -> Intake | Response:
        return _Taking(self, session, envelope, await self.office())

    async def office(self) -> Office:
        """The office in force now."""
        return await self._reception.office()

    async def judge(self, mail: Incoming, office: Office) -> Incoming:
        """Ask DNS for the checks, then take the mail through the steps, in a thread where they ask the store."""
        is_refused = mail.beyond is not None and not office.annotate
        book = unanswered() if is_refused else await look_up(mail.checks, self._resolver, self._outer.checks_s)
        bench = Bench(office, book, StoreLookups(self._database, office), self._outer.rates)
        here = not _asks_the_store(mail, office)
        judged = judge(mail, bench) if here else await asyncio.to_thread(judge, mail, bench)
        self._dead_lists.tell(judged.authentication.dnsbl.dead, mail.received_at)
        return judged

    async def accept(self, mail: Incoming, office: Office, content: Content) -> Response:
        """Make the promise."""
        arrival = intake.arrival(mail, office, await arrive(self._committer, content, mail.received_at))
        accepted = await keep(self._committer, Move.ACCEPT, _acceptance(arrival))
        if accepted.repeated:
            log.info("%s: mail %s was accepted before as %s", mail.session.id, mail.id, accepted.id)
        else:
            _log_acceptance(mail, content.size_octets)
            if accepted.state is MessageState.ACCEPTED:
                self._bell.ring((accepted.id,))
        return R250_ACCEPTED.about(accepted.id)


class _Taking:
    """gateway.receiver.Intake of one mail."""

    def __init__(self, mx: MxReceiver, session: Session, envelope: Envelope, office: Office) -> None:
        self._mx, self._session, self._envelope, self._office = mx, session, envelope, office
        self._now: datetime = mx.clock.now()
        self._inspection = Inspection(office.limits, office.authentication.dkim, self._now)
        self._held = bytearray()
        self._arriving: Arriving | None = None
        self._refused = False  # whatever follows: it is read and let go

    @property
    def held_octets(self) -> int:
        return len(self._held) + (self._arriving.held_octets if self._arriving is not None else 0)

    async def write(self, octets: bytes) -> None:
        if self._refused:
            return
        self._held += octets
        if self._arriving is None and len(self._held) > self._office.limits.held_octets:
            self._arriving = Arriving(self._mx.store, self._now, self._inspection.feed)
        while self._arriving is not None and len(self._held) >= CHUNK_OCTETS:
            await self._arriving.add(self._take(CHUNK_OCTETS))
            if self._inspection.beyond is not None and not self._office.annotate:
                self._refused = True
                await self.abandon()

    async def finish(self) -> tuple[Response, ...]:
        try:
            return await self._finish()
        except Exception:
            await self.abandon()
            raise

    async def abandon(self) -> None:
        self._held.clear()
        if self._arriving is not None:
            arriving, self._arriving = self._arriving, None
            await arriving.abandon()

    async def _finish(self) -> tuple[Response, ...]:
        self._office = await self._mx.office()  # the desk may have changed while the content came
        found = [destination(self._office, one, self._now) for one in self._envelope.recipients]
        mail = await self._incoming(tuple(one for one in found if isinstance(one, Destination)))
        if not mail.destinations:
            _log_refusals(mail, found)
            await self.abandon()
            return self._answers(found, mail, R550_NO_SUCH_ADDRESS)
        mail = await self._mx.judge(mail, self._office)
        _log_refusals(mail, found)
        if mail.refusal is not None:
            await self.abandon()
            reasons = dict.fromkeys(one.reason for one in mail.refused)
            return self._answers(found, mail, mail.refusal.given("; ".join(reasons)))
        response = await self._mx.accept(mail, self._office, await self._content())
        return self._answers(found, mail, response)

    async def _incoming(self, destinations: tuple[Destination, ...]) -> Incoming:
        """Look at what is left of the content, in a thread where it is much."""
        if self._arriving is not None:
            if self._held:
                await self._arriving.add(self._take(len(self._held)))
            await self._arriving.finish()
        elif len(self._held) <= INLINE_OCTETS:
            self._inspection.feed(bytes(self._held))
        else:
            await heavy(lambda: self._inspection.feed(bytes(self._held)))
        return assemble(self._inspection, self._session, self._envelope, destinations, self._office)

    async def _content(self) -> Content:
        if self._arriving is not None:
            return await self._arriving.finish()
        octets = self._take(len(self._held))
        return packed(octets) if len(octets) <= INLINE_OCTETS else await heavy(lambda: packed(octets))

    def _take(self, size: int) -> bytes:
        octets = bytes(memoryview(self._held)[:size])
        del self._held[:size]
        return octets

    def _answers(self, found: list[Destination | Response], mail: Incoming, response: Response) -> tuple[Response, ...]:
        """One for each recipient: over SMTP the same, over LMTP (RFC 2033 §4.2) also why this one is left out."""
        if self._session.protocol != "LMTP":
            return (response,) * len(found)
        said = {one.recipient: (one.response or response).given(one.reason) for one in mail.refused}
        return tuple(one if isinstance(one, Response) else said.get(str(one.address), response) for one in found)


def _acceptance(arrival: messages.Arrival) -> Callable[..., messages.Accepted]:
    return lambda unit: messages.accept(unit, arrival, decide)


def _log_acceptance(mail: Incoming, size_octets: int) -> None:
    """One line a mail, by which an operator finds it again."""
    author = str(mail.author.address) if mail.author is not None else "no single author"
    log.info(
        "%s: mail %s of %s, %s, %d octets for %d recipients: %s",
        *(mail.session.id, mail.id, author, "aligned" if mail.aligned else "not aligned"),
        *(size_octets, len(mail.envelope.recipients), mail.disposition),
    )


def _log_refusals(mail: Incoming, found: Sequence[Destination | Response]) -> None:
    """One line a refused recipient, under the id of the response; the client reads less."""
    for recipient, one in zip(mail.envelope.recipients, found, strict=True):
        if isinstance(one, Response):
            log.info("%s: for %s refused: %s", mail.id, ascii(str(recipient)), one)
    for refused in mail.refused:
        spoken = None if mail.session.protocol == "LMTP" else mail.refusal
        _log_refused(mail.id, refused.recipient, refused.reason, spoken or refused.response)


def _log_refused(mail_id: str, recipient: str, reason: str, response: Response) -> None:
    log.info("%s: for %s refused: %s: %s", mail_id, ascii(recipient), ascii(reason)[1:-1], response)


def _asks_the_store(mail: Incoming, office: Office) -> bool:
    return any(
        one.kind is not Kind.ROUTING or (one.row is not None and office.policy_of(one.row).asks_for_contacts)
        for one in mail.destinations
    )
