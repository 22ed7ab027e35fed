# SPDX-License-Identifier: Apache-2.0
"""How sessions ended, for `casegate session list`: tallied from what each was told, written together once a second.

Enter: the responses of a session, and its end. Leaves: rows, through the group commit of the mails, so that a write
costs no sync of its own and no mail waits for it. Memory is bounded: in a flood those who were turned away are left out
first, and how many is logged. A store that fails costs the records of that second and one line in the log.
"""

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from handlers.ports import Clock
from storage import sessions
from storage.commit_group import GroupCommitter
from storage.envelope import Session
from storage.response import (
    R250_ACCEPTED,
    R250_RECIPIENT_OK,
    R421_SHUTTING_DOWN,
    R421_TIMEOUT,
    R421_TOO_SLOW,
    R554_TOO_EARLY,
    Response,
)
from storage.sessions import Refusal, SessionRecord
from storage.states import Move

log = logging.getLogger(__name__)

PERIOD_S = 1.0
MOST_WAITING = 1000  # records: what one process writes at once
MOST_IDS = 100  # of messages, in one record
LAST_REFUSALS = 5  # in one record


class Outcome(Enum):
    """How a session ended, in the words of docs/cli.md; whatever else happened, a mail accepted is DELIVERED."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # something was, and nothing accepted
    NOTHING = "nothing"
    LOST = "lost"  # gone without QUIT
    TURNED_AWAY = "turned_away"  # before the greeting
    EARLY_TALKER = "early_talker"
    TIMEOUT = "timeout"
    TOO_SLOW = "too_slow"
    LIMIT = "limit"
    SHUTDOWN = "shutdown"
    TLS_FAILED = "tls_failed"
    NO_PROXY_HEADER = "no_proxy_header"


_ENDS = (
    (R554_TOO_EARLY, Outcome.EARLY_TALKER),
    (R421_SHUTTING_DOWN, Outcome.SHUTDOWN),
    (R421_TIMEOUT, Outcome.TIMEOUT),
    (R421_TOO_SLOW, Outcome.TOO_SLOW),
)
_CHEAP = (Outcome.TURNED_AWAY, Outcome.EARLY_TALKER)  # a flood of them tells no more than their number


def accepted_id(response: Response) -> str:
    """The id by which a 250 names the mail it accepts; empty for every other response."""
    is_it = response.code == R250_ACCEPTED.code and response.enhanced == R250_ACCEPTED.enhanced
    return response.text.removeprefix(R250_ACCEPTED.text).strip() if is_it else ""


def _end_by(last: Response, otherwise: Outcome) -> Outcome:
    """What the last refusal says about the end; any 421 but the known ones is said at a bound."""
    for response, outcome in _ENDS:
        if response.code == last.code and last.text.startswith(response.text):  # an id may follow
            return outcome
    return Outcome.LIMIT if last.code == 421 and otherwise is Outcome.REFUSED else otherwise


@dataclass(slots=True)
class Tally:
    """What one session has been told so far; `end` is set where no response tells how it ended."""

    accepted: int = 0
    recipients: int = 0
    refusals: int = 0
    octets: int = 0
    messages: list[str] = field(default_factory=list)
    refused: deque[Refusal] = field(default_factory=lambda: deque(maxlen=LAST_REFUSALS))
    last: Response | None = None  # of the refusals
    end: Outcome | None = None
    _began: float = field(default_factory=time.monotonic)
    _greeted: bool = False
    _quit: bool = False
    _last_id: str = ""

    def heard(self, response: Response) -> None:
        """The client is told this."""
        code = response.code
        if code >= 400:
            self.refusals += 1
            self.last = response
        elif code == 250:
            if response.enhanced == R250_RECIPIENT_OK.enhanced:
                self.recipients += 1
            elif message_id := accepted_id(response):
                self._accept(message_id)
        elif code == 220:
            self._greeted = True
        elif code == 221:
            self._quit = True

    def _accept(self, message_id: str) -> None:
        """Over LMTP every recipient of one mail hears its id."""
        if message_id == self._last_id:
            return
        self._last_id = message_id
        self.accepted += 1
        if len(self.messages) < MOST_IDS:
            self.messages.append(message_id)

    def outcome(self) -> Outcome:
        """How the session ended."""
        if self.accepted:
            return Outcome.DELIVERED
        if self.end is not None:
            return self.end
        if self.last is not None:
            return _end_by(self.last, Outcome.REFUSED if self._greeted else Outcome.TURNED_AWAY)
        return Outcome.NOTHING if self._quit else Outcome.LOST

    def record(self, listener: str, session: Session, clock: Clock) -> SessionRecord:
        """The tally as it is stored, once the session has ended."""
        ended_at = clock.now()
        return SessionRecord(
            session=session,
            listener=listener,
            began_at=ended_at - timedelta(seconds=time.monotonic() - self._began),
            ended_at=ended_at,
            outcome=self.outcome().value,
            accepted=self.accepted,
            messages=tuple(self.messages),
            recipients=self.recipients,
            refusals=self.refusals,
            response="" if self.last is None else str(self.last),
            refused=tuple(self.refused),
            octets=self.octets,
        )


class SessionLog:
    """The sessions of one process that have ended and are not written yet; `keep` 0 writes none."""

    def __init__(self, committer: GroupCommitter, clock: Clock, keep: int) -> None:
        self._committer, self._clock, self._keep = committer, clock, keep
        self._cheap: deque[SessionRecord] = deque()
        self._others: deque[SessionRecord] = deque()
        self._left_out = 0
        self._timer: asyncio.TimerHandle | None = None
        self._written: Future[int] | None = None
        self._is_failing = False

    def ended(self, listener: str, session: Session, tally: Tally) -> None:
        """Remember one session; called in the event loop, which is not held up."""
        if self._keep:
            record = tally.record(listener, session, self._clock)
            (self._cheap if tally.outcome() in _CHEAP else self._others).append(record)
            self._bound()
        self._arm()

    def close(self) -> None:
        """Hand over what is left; the committer's own close makes it durable."""
        if self._timer is not None:
            self._timer.cancel()
            self._submit()

    def _bound(self) -> None:
        if len(self._cheap) + len(self._others) > MOST_WAITING:
            (self._cheap or self._others).popleft()
            self._left_out += 1

    def _arm(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PERIOD_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._written is None or self._written.done():
            self._submit()
        else:  # the store is slow: what ends meanwhile gathers, within its bound
            self._arm()

    def _submit(self) -> None:
        if self._left_out:
            log.warning("%d ended sessions are left out of the session log", self._left_out)
            self._left_out = 0
        records, keep = sorted((*self._cheap, *self._others), key=lambda record: record.ended_at), self._keep
        self._cheap.clear()
        self._others.clear()
        self._written = self._committer.submit(Move.LOG, lambda unit: sessions.log(unit, records, keep))
        self._written.add_done_callback(self._hear)

    def _hear(self, written: "Future[int]") -> None:
        """Called by the committer's thread; one line when the store begins to fail."""
        error = None if written.cancelled() else written.exception()
        if error is not None and not self._is_failing:
            log.warning("ended sessions are not written to the session log: %s", " ".join(str(error).split()))
        self._is_failing = error is not None
