# SPDX-License-Identifier: Apache-2.0
"""The submission relay's receiver: agents answer cases through it, with their ordinary mail clients.

The login decides who the agent is; From and the reverse-path prove nothing and are not looked at. Rewriting and signing
run in a thread. 250 is said only after the commit that makes the outbox row. A large draft lies in the store until its
turn comes, for rewriting takes the whole of it, several times over.
"""

import asyncio
import ctypes
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from gateway.bell import Bell
from gateway.drafting import Drafting
from gateway.outer import Outer
from gateway.promise import Arriving, Store, arrive, keep
from gateway.receiver import Intake
from gateway.reception import Reception
from handlers import replies
from handlers.answered import answered
from handlers.headers import scan
from handlers.office import Office
from handlers.replies import Draft
from handlers.signing import Signer
from storage import replies as replies_in_store
from storage.address import Address
from storage.commit_group import GroupCommitter
from storage.content import Content, arrived
from storage.database import Database
from storage.desk import AgentRow, Snapshot
from storage.envelope import Envelope, Session
from storage.messages import Accepted
from storage.replies import Submission
from storage.response import R250_ACCEPTED, R250_SENDER_OK, R530_LOGIN_FIRST, Response
from storage.states import Move

log = logging.getLogger(__name__)

LARGE_AT_ONCE = 1  # of all large drafts of the process; 25 MB take some 180 MB and some seconds
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's


@dataclass(frozen=True, slots=True)
class Signing:
    """What makes a mail leave in the team's name: the signer, and the outer world."""

    signer: Signer
    outer: Outer


@dataclass(frozen=True, slots=True)
class _Came:
    """A draft before it is read; large content has arrived in the store."""

    session: Session
    envelope: Envelope
    content: bytes | Content


class SubmissionReceiver:
    """gateway.receiver.Receiver for agents who have logged in."""

    def __init__(
        self, reception: Reception, database: Database, committer: GroupCommitter, bell: Bell, signing: Signing
    ) -> None:
        self._reception, self._database, self._committer, self._bell = reception, database, committer, bell
        self._signer, self._clock = signing.signer, signing.outer.clock
        self._store = Store(committer)
        self._turn = asyncio.Semaphore(LARGE_AT_ONCE)

    async def sender(self, session: Session, reverse_path: Address | None) -> Response:
        agent = _agent(await self._reception.office(), session)
        return R250_SENDER_OK if agent is not None else R530_LOGIN_FIRST

    async def recipient(self, session: Session, envelope: Envelope, recipient: Address) -> Response:
        office = await self._reception.office()
        agent = _agent(office, session)
        return R530_LOGIN_FIRST if agent is None else replies.recipient(office, agent, recipient, self._clock.now())

    async def begin(self, session: Session, envelope: Envelope) -> Intake | Response:
        office, now = await self._reception.office(), self._clock.now()
        arriving = partial(Arriving, self._store, now, _look_away)
        return Drafting(arriving, office.limits.held_octets, envelope, partial(self._taken, session, envelope))

    async def _taken(self, session: Session, envelope: Envelope, content: bytes | Content) -> Response:
        if isinstance(content, bytes):
            return await self._decide(session, envelope, content)
        async with self._turn:
            try:
                return await self._decide(session, envelope, content)
            finally:
                await asyncio.to_thread(_give_memory_back)

    async def _decide(self, session: Session, envelope: Envelope, content: bytes | Content) -> Response:
        office = await asyncio.to_thread(self._reception.fresh_office)
        agent = _agent(office, session)
        if agent is None:
            return R530_LOGIN_FIRST
        made = await asyncio.to_thread(self._make, office, agent, _Came(session, envelope, content))
        if isinstance(made, Response):
            log.info("%s: reply of %s refused: %s", session.id, agent.value.login, made)
            return made
        accepted = await keep(self._committer, Move.SUBMIT, _submission(await self._ahead(made), office.desk))
        self._bell.ring(())
        log.info(
            "%s: reply %s of %s in case %d", session.id, accepted.id, agent.value.login, made.conversation.case_number
        )
        return R250_ACCEPTED.about(accepted.id)

    def _make(self, office: Office, agent: AgentRow, came: "_Came") -> Submission | Response:
        draft = self._draft(office, agent, came)
        pointed = replies.thread_of(office, draft)
        if isinstance(pointed, Response):
            return pointed
        with self._database.read() as unit:
            conversation = replies_in_store.conversation(unit, pointed)
        return replies.submission(office, self._signer, draft, conversation)

    def _draft(self, office: Office, agent: AgentRow, came: "_Came") -> Draft:
        if isinstance(came.content, Content):
            stored, octets = came.content, b"".join(arrived(self._database.read, came.content))
        else:
            stored, octets = None, came.content
        head = scan(octets, office.limits.header)
        return Draft(came.session, came.envelope, head, agent, self._clock.now(), stored)

    async def _ahead(self, reply: Submission) -> Submission:
        """Write large content ahead of the promise."""
        now = reply.received_at
        return replace(
            reply,
            content=await arrive(self._committer, reply.content, now),
            body=await arrive(self._committer, reply.body, now),
        )


def _submission(reply: Submission, desk: Snapshot) -> Callable[..., Accepted]:
    return lambda unit: replies_in_store.submit(unit, reply, answered(desk))


def _agent(office: Office, session: Session) -> AgentRow | None:
    return office.desk.agents.get(session.login) if session.login is not None else None


def _look_away(_chunk: bytes) -> None:
    """Nothing is known of a draft before it is whole."""


def _give_memory_back() -> None:
    """Once it has freed some blocks of 25 MB, glibc keeps such for the next ones: some 300 MB, until they are used."""
    if _trim is not None:
        _trim(0)
