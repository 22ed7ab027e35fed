# SPDX-License-Identifier: Apache-2.0
"""The MX's receiver: who is ours at RCPT, and after the final dot judged, stored, rung, answered.

The keys of the signatures are fetched before judging, so that judging is pure. 250 is said only after the commit; what
goes wrong before is an exception, which the edge answers with 451.
"""

import asyncio
import logging
from collections.abc import Callable

from gateway.bell import Bell
from gateway.outer import Outer
from gateway.promise import arrive, heavy, keep
from gateway.receiver import Gathering, Intake
from gateway.reception import Reception, StoreLookups
from handlers import intake
from handlers.arrival import Incoming
from handlers.authentication import signatures_of
from handlers.destinations import Destination, Kind, destination
from handlers.headers import scan
from handlers.office import Office
from handlers.policy import Bench, judge
from handlers.ports import Answer
from handlers.proof import decide
from storage import messages
from storage.address import Address
from storage.commit_group import GroupCommitter
from storage.content import packed
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
        self._resolver, self._clock = outer.resolver, outer.clock

    async def sender(self, session: Session, reverse_path: Address | None) -> Response:
        return R250_SENDER_OK

    async def recipient(self, session: Session, envelope: Envelope, recipient: Address) -> Response:
        found = destination(await self._reception.office(), recipient, self._clock.now())
        if found == R550_NO_SUCH_ADDRESS:
            office = await self._reception.newest()
            found = destination(office, recipient, self._clock.now())
        return found if isinstance(found, Response) else R250_RECIPIENT_OK

    async def begin(self, session: Session, envelope: Envelope) -> Intake | Response:
        return Gathering(envelope, lambda content: self._content(session, envelope, content))

    async def _content(self, session: Session, envelope: Envelope, content: bytes) -> Response:
        office = await self._reception.office()
        mail = self._incoming(office, session, envelope, content)
        if not mail.destinations:
            return R550_NO_SUCH_ADDRESS
        asked = mail.signatures.questions()
        answers = await asyncio.gather(*(self._resolver.txt(question.name) for question in asked))
        keys = {question.name: answer for question, answer in zip(asked, answers, strict=True)}
        mail = await self._judge(mail, office, keys, len(content))
        if mail.refusal is not None:
            log.info("%s: mail %s refused: %s", mail.session.id, mail.id, mail.refusal)
            return mail.refusal
        return await self._accept(mail, office, content)

    def _incoming(self, office: Office, session: Session, envelope: Envelope, content: bytes) -> Incoming:
        now = self._clock.now()
        found = (destination(office, recipient, now) for recipient in envelope.recipients)
        head = scan(content)
        return Incoming(
            id=envelope.id,
            received_at=now,
            session=session,
            envelope=envelope,
            head=head,
            signatures=signatures_of(head, office.dkim, now),
            destinations=tuple(one for one in found if isinstance(one, Destination)),
        )

    async def _judge(self, mail: Incoming, office: Office, keys: dict[str, Answer], size: int) -> Incoming:
        bench = Bench(office, keys, StoreLookups(self._database, office))
        if size <= INLINE_OCTETS and not _asks_the_store(mail):
            return judge(mail, bench)
        return await asyncio.to_thread(judge, mail, bench)

    async def _accept(self, mail: Incoming, office: Office, octets: bytes) -> Response:
        small = len(octets) <= INLINE_OCTETS
        content = packed(octets) if small else await heavy(lambda: packed(octets))
        arrival = intake.arrival(mail, office, await arrive(self._committer, content, mail.received_at))
        accepted = await keep(self._committer, Move.ACCEPT, _acceptance(arrival))
        if accepted.repeated:
            log.info("%s: mail %s was accepted before as %s", mail.session.id, mail.id, accepted.id)
        else:
            _log_acceptance(mail, len(octets))
            if accepted.state is MessageState.ACCEPTED:
                self._bell.ring((accepted.id,))
        return R250_ACCEPTED.about(accepted.id)


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


def _asks_the_store(mail: Incoming) -> bool:
    return any(
        one.kind is not Kind.ROUTING or (one.row is not None and one.row.value.accept_from != "anyone")
        for one in mail.destinations
    )
