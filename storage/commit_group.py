# SPDX-License-Identifier: Apache-2.0
"""Group commit: one thread a process takes whatever work is waiting and makes one durable transaction of it.

There is no linger timer: while one group is being synced, or waits for the writers of other processes, the next one
gathers. Each work has a savepoint; one that fails is rolled back and tried once more alone, and so is each of a group
whose commit failed: only the offender gets its exception. The instant that matters is the return of the commit: futures
are answered after it, never before.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import text

from storage.database import Database, Unit
from storage.prepared import Prepared
from storage.states import Move

T = TypeVar("T")

GROUP_LIMIT = 64

_SAVE, _RELEASE = Prepared(text("SAVEPOINT work")), Prepared(text("RELEASE SAVEPOINT work"))
_ROLL_BACK = Prepared(text("ROLLBACK TO SAVEPOINT work"))


@dataclass(slots=True)
class _Work:
    move: Move
    do: Callable[[Unit], Any]
    future: "Future[Any]"
    submitted_at: float
    result: Any = None
    failed: bool = False


class GroupCommitter:
    """Submit work from any thread; `close()` finishes what was submitted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._closed = False
        self._busy_since: float | None = None  # of its first work: all others came later
        self._thread = threading.Thread(target=self._run, name="commit-group", daemon=True)
        self._thread.start()

    def submit(self, move: Move, do: Callable[[Unit], T]) -> "Future[T]":
        """Do this in the next group; the future is answered once it is durable, or has failed."""
        if self._closed:
            raise RuntimeError("the commit group is closed")
        future: Future[T] = Future()
        self._waiting.put(_Work(move, do, future, time.monotonic()))
        return future

    def oldest_s(self) -> float:
        """How long the oldest work of the group under way has waited; 0 when there is none."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def close(self) -> None:
        """Finish all that is waiting, then stop."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            if first.future.set_running_or_notify_cancel():  # whoever no longer waits for it was promised nothing
                self._busy_since = first.submitted_at
                self._commit([first])
                self._busy_since = None

    def _gather(self, group: list[_Work]) -> None:
        """Take along what waits at this moment."""
        for _ in range(min(self._waiting.qsize(), GROUP_LIMIT - len(group))):
            work = self._waiting.get()
            if work is None:  # the end, for `_run` to see
                self._waiting.put(None)
            elif work.future.set_running_or_notify_cancel():
                group.append(work)

    def _commit(self, group: list[_Work]) -> None:
        try:
            self._together(group)
        except BaseException:
            alone = group
        else:
            for work in group:
                if not work.failed:
                    work.future.set_result(work.result)
            alone = [work for work in group if work.failed]
        for work in alone:
            self._alone(work)

    def _together(self, group: list[_Work]) -> None:
        """The group is complete once it is our turn to write: however long that took, all who came meanwhile join."""
        moves: dict[Move, None] = {}
        with self._database.moves(moves) as unit:
            self._gather(group)
            moves |= dict.fromkeys(work.move for work in group)
            if len(group) == 1:  # nobody else to protect
                group[0].result = group[0].do(unit)
                return
            for work in group:
                self._guarded(unit, work)

    def _guarded(self, unit: Unit, work: _Work) -> None:
        """In a savepoint of plain statements: SQLAlchemy's own costs more than the work's INSERTs."""
        _SAVE.run(unit)
        try:
            work.result = work.do(unit)
        except BaseException:
            _ROLL_BACK.run(unit)
            work.failed = True
        _RELEASE.run(unit)

    def _alone(self, work: _Work) -> None:
        try:
            with self._database.move(work.move) as unit:
                result = work.do(unit)
        except Exception as error:
            work.future.set_exception(error)
        except BaseException as error:  # it ends neither this thread nor whoever waits: all others would hear nothing
            failed = RuntimeError(f"{type(error).__name__}: {error}")
            failed.__cause__ = error
            work.future.set_exception(failed)
        else:
            work.future.set_result(result)
