# SPDX-License-Identifier: Apache-2.0
"""What workers do: route messages that are due, and give waiting cases to agents who have become available.

The same functions serve RQ and casegate's own workers. A message is claimed by a short committed transaction before it
is read, then worked in one transaction. Fresh messages are claimed together, those that have failed before alone, so
that a mail which kills its worker takes no other's attempts along; after the third it is shunted to the fallback queue.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.bell import Bell
from gateway.reception import Reception
from handlers import routing
from handlers.ports import Clock
from handlers.signing import Signer
from handlers.work import Work
from storage import cases, content, messages
from storage.database import Database
from storage.states import Move

log = logging.getLogger(__name__)

BATCH = 50
MOST_ATTEMPTS = 3
PAUSE_AFTER_FAILURE = timedelta(seconds=10)
DOORS: dict[str, Callable[[list[str]], None]] = {}  # what this process does with an RQ job; set by its worker


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker process has built for its jobs."""

    database: Database
    reception: Reception
    signer: Signer
    clock: Clock
    bell: Bell
    lease: timedelta


class Jobs:
    """The jobs of one worker process; call them from one thread at a time."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._database = tools.database

    def route(self, ids: Sequence[str]) -> int:
        """Route these messages as far as they are still due; returns how many were worked."""
        with self._database.read() as unit:
            return self._route(messages.attempts_of(unit, ids))

    def route_due(self) -> int:
        """The sweep: route whatever is due, rung or not."""
        with self._database.read() as unit:
            return self._route(messages.due(unit, self._tools.clock.now(), BATCH))

    def assign_waiting(self) -> int:
        """Give cases in team queues to agents who are available now."""
        with self._database.read() as unit:
            waiting = cases.waiting(unit, BATCH)
        given = [case_id for case_id in waiting if self._assign(case_id)]
        if given:
            self._tools.bell.ring(())
        return len(given)

    def tidy(self) -> None:
        """Delete what nobody accepted, and digests that are too old to matter."""
        now = self._tools.clock.now()
        with self._database.move(Move.FORGET) as unit:
            content.forget_orphans(unit, now)
        with self._database.move(Move.TIDY) as unit:
            messages.forget_digests(unit, now)

    def _route(self, found: Sequence[tuple[str, int]]) -> int:
        fresh = [message_id for message_id, attempts in found if attempts == 0]
        done = self._claim_and_work(fresh) if fresh else 0
        for message_id, attempts in found:
            if attempts:
                done += self._claim_and_work([message_id])
        return done

    def _claim_and_work(self, ids: Sequence[str]) -> int:
        now = self._tools.clock.now()
        with self._database.move(Move.CLAIM) as unit:
            claimed = messages.claim(unit, ids, now, self._tools.lease)
        for message_id, attempts in claimed:
            if attempts > MOST_ATTEMPTS:
                self._shunt(message_id, attempts, "the worker did not survive this mail")
            else:
                self._work(message_id, attempts)
        return len(claimed)

    def _work(self, message_id: str, attempts: int) -> None:
        try:
            self._route_one(message_id, attempts)
        except Exception as error:
            log.exception("message %s could not be routed, attempt %d", message_id, attempts)
            if attempts >= MOST_ATTEMPTS:
                self._shunt(message_id, attempts, f"routing failed: {type(error).__name__}")
            else:
                with self._database.move(Move.CLAIM) as unit:
                    messages.postpone(unit, message_id, self._tools.clock.now() + PAUSE_AFTER_FAILURE * attempts)

    def _route_one(self, message_id: str, attempts: int) -> None:
        tools = self._tools
        office = tools.reception.fresh_office()
        with self._database.read() as unit:
            row = messages.by_id(unit, message_id)
            octets = content.load(unit, row.content_id) if row is not None else b""
        with self._database.move(Move.ROUTE) as unit:
            row = messages.lock(unit, message_id, attempts)
            if row is None:
                return
            routing.route(unit, Work(row, octets, office, tools.signer, tools.clock.now()))

    def _shunt(self, message_id: str, attempts: int, reason: str) -> None:
        log.error("message %s goes to the fallback queue: %s", message_id, reason)
        office = self._tools.reception.fresh_office()
        with self._database.move(Move.SHUNT) as unit:
            row = messages.lock(unit, message_id, attempts)
            if row is not None:
                routing.shunt(unit, row, office, reason, self._tools.clock.now())

    def _assign(self, case_id: int) -> bool:
        tools = self._tools
        office = tools.reception.fresh_office()
        with self._database.move(Move.ASSIGN) as unit:
            return routing.assign_waiting(unit, case_id, Work(None, b"", office, tools.signer, tools.clock.now()))


def route(ids: list[str]) -> None:
    """The RQ job: the ids of a commit group, or none when an outbox row is due."""
    DOORS["route"](ids)
