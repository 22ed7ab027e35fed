# SPDX-License-Identifier: Apache-2.0
"""What workers do: route messages that are due, and give waiting cases to agents who have become available.

The same functions serve RQ and casegate's own workers. A message is claimed by a short committed transaction before it
is read, then worked whole or not at all, a few to a commit group (docs/decisions/0012). Fresh messages are claimed
together, those that have failed before alone, so that a mail which kills its worker takes no other's attempts along;
after the third it is shunted to the fallback queue. An ill database costs no attempt: the claim is given back.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from gateway.bell import Bell
from gateway.reception import Reception
from handlers import ageing, files_of_mail, handing, probes, received, releasing, routing, telling_mail
from handlers.classification import Class
from handlers.office import Office
from handlers.ports import Clock
from handlers.reading import Attachment
from handlers.received import Arrived, Received
from handlers.signing import Signer
from handlers.work import Work
from storage import ageing as old_cases
from storage import cases, content, members, messages, quarantine, refined, ways
from storage import probes as lost
from storage.commit_group import GroupCommitter
from storage.database import Database, Unit, is_ill
from storage.states import Move

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 48
GROUP = 8  # messages in one commit group: SQLite's other writers wait for all of it
MOST_ATTEMPTS = 3
EXPIRIES = 20  # transactions in a row that delete what has expired in quarantine
PAUSE_AFTER_FAILURE = timedelta(seconds=10)
DOORS: dict[str, Callable[[list[str]], None]] = {}  # what this process does with an RQ job; set by its worker

_TERMS = probes.Terms()


@dataclass(frozen=True, slots=True)
class Tools:
    """What a worker process has built for its jobs; all its writing goes through one committer."""

    database: Database
    committer: GroupCommitter
    reception: Reception
    signer: Signer
    clock: Clock
    bell: Bell
    lease: timedelta
    quarantine_keep: timedelta = timedelta(days=30)


class Jobs:
    """The jobs of one worker process; call them from one thread at a time."""

    def __init__(self, tools: Tools, terms: probes.Terms = _TERMS) -> None:
        self._tools, self._terms = tools, terms
        self._database = tools.database
        self._owed: dict[str, int] = {}  # claims to give back, by message

    def route(self, ids: Sequence[str]) -> int:
        """Route these messages as far as they are still due; returns how many were worked."""
        with self._database.read() as unit:
            found = messages.attempts_of(unit, ids)
        return self._route(found)

    def route_due(self) -> int:
        """The sweep: route whatever is due, rung or not."""
        with self._database.read() as unit:
            found = messages.due(unit, self._tools.clock.now(), BATCH)
        return self._route(found)

    def assign_waiting(self) -> int:
        """Give cases in team queues to agents who are available now."""
        with self._database.read() as unit:
            waiting = cases.waiting(unit, BATCH)
        given = [case_id for case_id in waiting if self._assign(case_id)]
        if given:
            self._tools.bell.ring(())
        return len(given)

    def hand_over(self) -> int:
        """Give agents who got a case by hand their copies of its mail; one that fails waits for a while."""
        with self._database.read() as unit:
            due = cases.copies_due(unit, self._tools.clock.now(), BATCH)
        return sum(self._hand_over(case_id) for case_id in due)

    def age(self) -> int:
        """Tell of targets that were missed, and close what has been solved for long enough."""
        now = self._tools.clock.now()
        with self._database.read() as unit:
            due = [*old_cases.alarming(unit, now, BATCH)]
        desk = self._tools.reception.fresh_office().desk  # after them: another desk may be what makes them due
        solved = ageing.closing_before(desk, now)
        with self._database.read() as unit:
            due += old_cases.solved_before(unit, solved, BATCH) if solved is not None else ()
        return sum(self._write(Move.AGE, partial(ageing.age, desk=desk, case_id=one, now=now)) for one in due)

    def tell(self) -> int:
        """Send agents what the desk's rules have for them."""
        with self._database.read() as unit:
            noted = members.notices(unit, BATCH)
        return sum(self._tell(one) for one in noted)

    def probe(self) -> int:
        """Send the heartbeats of forwarded addresses that are due, and miss those that did not come back."""
        now, done = self._tools.clock.now(), 0
        with self._database.read() as unit:
            wanted, late = ways.is_due(unit, now, self._terms.latest(now)), lost.is_late(unit, now)
        if wanted:
            sender = probes.Sender(self._tools.reception.fresh_office(), self._tools.signer, self._terms, now)
            done += self._write(Move.PROBE, lambda unit: probes.send_due(unit, sender))
        if late:
            done += self._write(Move.MISS, lambda unit: probes.lose(unit, now))
        return done

    def tidy(self) -> None:
        """Delete what nobody accepted, and digests and probes that are too old to matter."""
        now = self._tools.clock.now()
        self._write(Move.FORGET, lambda unit: content.forget_orphans(unit, now))
        self._write(Move.TIDY, lambda unit: messages.forget_digests(unit, now))
        self._write(Move.TIDY, lambda unit: lost.forget_old(unit, now))
        self._expire(now)

    def _expire(self, now: datetime) -> None:
        """Drop what nobody released, a bounded number at a time: mail that arrives goes between."""
        keep = self._tools.quarantine_keep
        note = releasing.expired(now, keep)
        for _ in range(EXPIRIES):
            ids = self._write(Move.EXPIRE, lambda unit: quarantine.expire(unit, now - keep, note))
            for message_id in ids:
                log.info("message %s has expired in quarantine", message_id)
            if len(ids) < quarantine.EXPIRE_AT_ONCE:
                break

    def _write(self, move: Move, do: Callable[[Unit], T]) -> T:
        return self._tools.committer.submit(move, do).result()

    def _route(self, found: Sequence[tuple[str, int]]) -> int:
        self._give_back_owed()
        fresh = [message_id for message_id, attempts in found if attempts == 0]
        done = self._claim_and_work(fresh) if fresh else 0
        for message_id, attempts in found:
            if attempts:
                done += self._claim_and_work([message_id])
        self._give_back_owed()
        return done

    def _claim_and_work(self, ids: Sequence[str]) -> int:
        office = self._tools.reception.fresh_office()  # what may fail is asked before a claim costs an attempt
        now, lease = self._tools.clock.now(), self._tools.lease
        claimed = self._write(Move.CLAIM, lambda unit: messages.claim(unit, ids, now, lease))
        for start in range(0, len(claimed), GROUP):
            self._work(claimed[start : start + GROUP], office)
        return len(claimed)

    def _work(self, claimed: Sequence[tuple[str, int]], office: Office) -> None:
        """Work some messages, each whole or not at all, in one commit group."""
        begun = [(message_id, attempts, self._begin(message_id, attempts, office)) for message_id, attempts in claimed]
        for message_id, attempts, future in begun:
            error = future.exception()
            if error is not None:
                self._fail(message_id, attempts, error)

    def _begin(self, message_id: str, attempts: int, office: Office) -> "Future[None]":
        now, signer = self._tools.clock.now(), self._tools.signer
        try:
            if attempts > MOST_ATTEMPTS:
                return self._shunt(message_id, attempts, "the worker did not survive this mail")
            mail = self._read(message_id)
        except Exception as error:
            failed: Future[None] = Future()
            failed.set_exception(error)
            return failed

        def do(unit: Unit) -> None:
            row = messages.lock(unit, message_id, attempts)
            if row is not None:
                routing.route(unit, Work(row, mail, office, signer, now))

        return self._tools.committer.submit(Move.ROUTE, do)

    def _read(self, message_id: str) -> Received:
        """Before the commit group, whose lock must not wait for a large body to be hashed."""
        with self._database.read() as unit:
            brief = refined.brief_of(unit, message_id)
            arrived = Arrived(Class(brief.classification), not brief.reverse_path)
            mail = received.read(content.pieces(lambda: nullcontext(unit), brief.content_id), arrived)
            return replace(mail, files=_files(unit, brief.content_id, mail))

    def _fail(self, message_id: str, attempts: int, error: BaseException) -> None:
        try:
            if not is_ill(error):
                self._count_failure(message_id, attempts, error)
                return
        except Exception as another:
            if not is_ill(another):
                raise
            error = another
        log.error("message %s waits for the database: %s", message_id, " ".join(str(error).split()))
        self._owed[message_id] = attempts

    def _give_back_owed(self) -> None:
        """Undo claims that the database cost us: no mail is shunted because it was ill."""
        due_at = self._tools.clock.now() + PAUSE_AFTER_FAILURE
        for message_id, attempts in tuple(self._owed.items()):
            self._write(Move.CLAIM, partial(_give_back, message_id, attempts, due_at))
            del self._owed[message_id]

    def _count_failure(self, message_id: str, attempts: int, error: BaseException) -> None:
        log.error("message %s could not be routed, attempt %d", message_id, attempts, exc_info=error)
        if attempts >= MOST_ATTEMPTS:
            self._shunt(message_id, attempts, f"routing failed: {type(error).__name__}").result()
            return
        due_at = self._tools.clock.now() + PAUSE_AFTER_FAILURE * attempts
        self._write(Move.CLAIM, lambda unit: messages.postpone(unit, message_id, due_at))

    def _shunt(self, message_id: str, attempts: int, reason: str) -> "Future[None]":
        log.error("message %s goes to the fallback queue: %s", message_id, reason)
        office, now = self._tools.reception.fresh_office(), self._tools.clock.now()

        def do(unit: Unit) -> None:
            row = messages.lock(unit, message_id, attempts)
            if row is not None:
                routing.shunt(unit, row, office, reason, now)

        return self._tools.committer.submit(Move.SHUNT, do)

    def _assign(self, case_id: int) -> bool:
        work = self._work_without_mail()
        return self._write(Move.ASSIGN, lambda unit: routing.assign_waiting(unit, case_id, work))

    def _hand_over(self, case_id: int) -> bool:
        work = self._work_without_mail()
        try:
            return self._write(Move.HAND, lambda unit: handing.hand_over(unit, case_id, work))
        except Exception as error:
            if is_ill(error):
                raise
            log.exception("the new owner of a case could not be given its mail, a later sweep tries again")
            later = {"copies_due_at": work.now + PAUSE_AFTER_FAILURE}
            self._write(Move.HAND, lambda unit: cases.write(unit, case_id, later))
            return False

    def _tell(self, notice_id: int) -> bool:
        post = telling_mail.Post(self._tools.reception.fresh_office(), self._tools.signer, self._tools.clock.now())
        try:
            return self._write(Move.TELL, lambda unit: telling_mail.tell(unit, notice_id, post))
        except Exception as error:
            if is_ill(error):
                raise
            log.exception("an agent could not be told of a change, a later sweep tries again")
            return False

    def _work_without_mail(self) -> Work:
        office = self._tools.reception.fresh_office()
        return Work(None, received.read(()), office, self._tools.signer, self._tools.clock.now())


def _files(unit: Unit, content_id: int, mail: Received) -> tuple[Attachment, ...]:
    """What cannot be listed costs the list, never the mail."""
    try:
        return files_of_mail.of_mail(lambda: nullcontext(unit), content_id, mail)
    except Exception as error:
        if is_ill(error) or isinstance(error, content.ContentMissing):
            raise
        log.exception("the files of a mail cannot be listed")
        return ()


def _give_back(message_id: str, attempts: int, due_at: datetime, unit: Unit) -> None:
    if messages.lock(unit, message_id, attempts) is not None:
        messages.put_back(unit, message_id, due_at)


def route(ids: list[str]) -> None:
    """The RQ job: the ids of a commit group, or none when an outbox row is due."""
    DOORS["route"](ids)
