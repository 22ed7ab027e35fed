# SPDX-License-Identifier: Apache-2.0
"""People and processes who work on the same cases at the same time, each with a committer of their own, as in service.

Whoever meets an ill database tries again, as an MTA, a mail client or an operator would; nothing else may fail.
"""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from gateway.jobs import Jobs, Tools
from handlers import intake, proof, settling
from handlers.answered import answered
from handlers.case_edits import Refusal
from handlers.changes.parting import Wish
from handlers.schedule import Schedule
from storage import messages, outbox
from storage import replies as reply_store
from storage.commit_group import GroupCommitter
from storage.content import packed
from storage.database import Database, is_ill
from storage.outbox import Taken
from storage.response import Response
from storage.schema import message
from storage.schema_cases import case
from storage.states import Move
from storage.threads import ThreadRace
from tests.handlers.changes.hands import Hands
from tests.support.office import field, mail, sign

TRIES = 30
GONE, TAKEN = Response(550, "5.1.1", "No such address"), Response(250, "2.0.0", "OK")
_ONCE = Schedule((timedelta(minutes=1),), timedelta(days=1))


class Crowd:
    """What each of them does, over and over; `hands` is the office that they share."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.accepted: list[str] = []
        self.made: list[int] = []
        self._ends: list[Callable[[], None]] = []

    def close(self) -> None:
        for end in self._ends:
            end()

    def customer(self, author: str, reply: SimpleNamespace, count: int) -> None:
        """Answers the team's reply, again and again; their MX routes what it took."""
        committer = self._committer()
        jobs = self._jobs(committer)
        for number in range(count):
            to = field(reply, "reply-to")
            fields = {"in_reply_to": field(reply, "message-id"), "subject": f"Re: {number}"}
            octets = sign(mail(author, to=to, **fields), author.rpartition("@")[2])
            judged = self.hands.judged(octets, to, sender=author)
            arrival = intake.arrival(judged, self.hands.office, packed(octets))
            done = _until_done(committer, Move.ACCEPT, lambda unit, it=arrival: messages.accept(unit, it, proof.decide))
            self.accepted.append(done.id)
            jobs.route([done.id])

    def agent(self, firsts: list[SimpleNamespace], count: int) -> None:
        """Answers customers' mail in turn, and sends what is due; some addresses are gone."""
        committer, hands = self._committer(), self.hands
        tell = answered(hands.office.desk)
        for number in range(count):
            made = hands.begin_reply(firsts[number % len(firsts)])
            _until_done(committer, Move.SUBMIT, lambda unit, it=made: reply_store.submit(unit, it, tell))
            self._deliver(committer)

    def _deliver(self, committer: GroupCommitter) -> None:
        now = self.hands.now
        due = _until_done(committer, Move.TAKE, lambda unit: outbox.take(unit, now, timedelta(minutes=1), 20))
        for taken in due:
            _until_done(committer, Move.SETTLE, lambda unit, it=taken: settling.settle(unit, self._ending(it)))

    def _ending(self, taken: Taken) -> settling.Ending:
        """Every fourth customer's address is gone: then the agent is told, and the timeline."""
        is_gone = taken.recipient_id % 4 == 0 and "private" not in taken.address
        response = GONE if is_gone else TAKEN
        return settling.Ending(taken, response, _ONCE, 0.5, self.hands.office, self.hands.signer, self.hands.now)

    def operator(self, seed: int, count: int) -> None:
        """Merges, splits, moves and undoes whatever there is."""
        dice = Random(seed)
        for _ in range(count):
            done = self._one_change(dice)
            if not isinstance(done, Refusal):
                self.made.append(done.change_id)

    def _one_change(self, dice: Random) -> object:
        numbers, ids = self._look()
        one, other = dice.sample(numbers, 2)
        mail_id, hands = dice.choice(ids), self.hands
        choices = (
            lambda: hands.change_merge(one, other),
            lambda: hands.change_part(None, Wish((mail_id,))),
            lambda: hands.change_part(None, Wish((mail_id,), into=other, is_sure=True)),
            lambda: hands.change_undo(one),
            lambda: hands.change_undo(other),
        )
        return dice.choice(choices)()

    def _look(self) -> tuple[list[int], list[str]]:
        with self.hands.database.read() as unit:
            numbers = list(unit.execute(select(case.c.number)).scalars())
            return numbers, list(unit.execute(select(message.c.id)).scalars())

    def _committer(self) -> GroupCommitter:
        """In a process of its own, which has a database of its own."""
        url = self.hands.database.url.render_as_string(hide_password=False)
        database = Database(url)
        committer = GroupCommitter(database)
        self._ends += [committer.close, database.close]
        return committer

    def _jobs(self, committer: GroupCommitter) -> Jobs:
        hands = self.hands
        reception: Any = SimpleNamespace(fresh_office=lambda: hands.office)
        bell: Any = SimpleNamespace(ring=lambda ids: None)
        lease = timedelta(minutes=1)
        return Jobs(Tools(committer._database, committer, reception, hands.signer, hands.clock, bell, lease))

    def finish(self) -> None:
        """What sweeps do until nothing is due."""
        jobs = self._jobs(self._committer())
        for _ in range(200):
            self.hands.clock.advance(60)
            if not jobs.route_due() and not self._waiting():
                break
        self.hands.sweep()

    def _waiting(self) -> bool:
        with self.hands.database.read() as unit:
            return unit.execute(select(message.c.id).where(message.c.due_at.is_not(None))).first() is not None


def _until_done(committer: GroupCommitter, move: Move, do: Callable[[Any], Any]) -> Any:
    for _ in range(TRIES):
        error = (future := committer.submit(move, do)).exception()
        if error is None:
            return future.result()
        if not is_ill(error) and not isinstance(error, ThreadRace):
            raise error
    raise AssertionError(f"{move} never got through")
