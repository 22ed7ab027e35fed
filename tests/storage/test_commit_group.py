# SPDX-License-Identifier: Apache-2.0
"""Many works in one transaction: durable before anybody is told, and one offender harms nobody else."""

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

import storage.database
from storage import migrate, schema, threads
from storage.commit_group import GroupCommitter
from storage.database import Database, Unit
from storage.states import Move
from tests.storage.given import NOW
from tests.support import stores
from tests.support.waiting import PATIENCE_S


def _tokens(database: Database) -> set[str]:
    with database.read() as unit:
        return set(unit.execute(select(schema.thread.c.token)).scalars())


def _make(token: str) -> Callable[[Unit], int]:
    return lambda unit: threads.make(unit, token, NOW)


class Gate:
    """Holds the committer inside a first group, so that all that is submitted meanwhile makes the next."""

    def __init__(self, committer: GroupCommitter) -> None:
        self._inside, self._open = threading.Event(), threading.Event()
        committer.submit(Move.ACCEPT, self._wait)
        assert self._inside.wait(PATIENCE_S)

    def _wait(self, unit: Unit) -> None:
        self._inside.set()
        assert self._open.wait(PATIENCE_S)

    def open(self) -> None:
        self._open.set()


def test_what_waits_is_committed_in_one_transaction(database: Database) -> None:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    committer = GroupCommitter(database)
    gate = Gate(committer)
    futures = [committer.submit(Move.ACCEPT, _make(f"T{number}")) for number in range(20)]
    gate.open()
    assert len({future.result(30) for future in futures}) == 20
    assert len(commits) == 2
    committer.close()


def test_all_that_comes_while_another_process_writes_is_one_transaction(tmp_path: Path) -> None:
    """SQLite has one writer: a group that closed before its turn would leave the rest for a turn of their own."""
    url = f"sqlite:///{tmp_path / 'casegate.db'}"
    stores.prepare(url)
    database, other = Database(url), Database(url)
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    committer = GroupCommitter(database)
    with other.alone():
        futures = [committer.submit(Move.ACCEPT, _make(f"T{number}")) for number in range(20)]
    assert len({future.result(30) for future in futures}) == 20
    assert len(commits) == 1
    committer.close()
    database.close()
    other.close()


def test_work_that_fails_gets_its_exception_and_all_others_are_durable(database: Database) -> None:
    committer = GroupCommitter(database)
    gate = Gate(committer)

    def fail(unit: Unit) -> None:
        threads.make(unit, "half done", NOW)
        raise LookupError("its own fault")

    futures: list[Future[Any]] = [
        committer.submit(Move.ACCEPT, _make("A")),
        committer.submit(Move.ACCEPT, fail),
        committer.submit(Move.ACCEPT, _make("A")),  # the database itself refuses the same ID twice
        committer.submit(Move.ACCEPT, _make("B")),
    ]
    gate.open()
    futures[0].result(30), futures[3].result(30)
    assert isinstance(futures[1].exception(30), LookupError)
    assert "UNIQUE" in str(futures[2].exception(30)).upper()
    assert _tokens(database) == {"A", "B"}
    committer.close()


def test_work_that_fails_once_is_tried_again_alone(database: Database) -> None:
    committer = GroupCommitter(database)
    tries: list[str] = []

    def race(unit: Unit) -> int:
        tries.append("try")
        if len(tries) == 1:
            raise threads.ThreadRace
        return threads.make(unit, "A", NOW)

    assert committer.submit(Move.ACCEPT, race).result(30)
    assert len(tries) == 2
    committer.close()


def test_work_that_would_end_its_thread_fails_alone_and_all_others_are_durable(database: Database) -> None:
    committer = GroupCommitter(database)
    gate = Gate(committer)

    def leave(unit: Unit) -> None:
        threads.make(unit, "half done", NOW)
        raise SystemExit(3)

    before, left, after = (committer.submit(Move.ACCEPT, do) for do in (_make("A"), leave, _make("B")))
    gate.open()
    before.result(30), after.result(30)
    assert "SystemExit: 3" in str(left.exception(30))
    assert isinstance(left.exception(), Exception)  # whoever waits for it goes on too
    assert "SystemExit: 3" in str(committer.submit(Move.ACCEPT, leave).exception(30))
    committer.submit(Move.ACCEPT, _make("C")).result(30)
    assert _tokens(database) == {"A", "B", "C"}
    committer.close()


def test_a_group_whose_commit_fails_is_committed_one_by_one(database: Database) -> None:
    committer = GroupCommitter(database)
    gate = Gate(committer)
    commits: list[object] = []

    def fail_second(unit: object) -> None:
        commits.append(unit)
        if len(commits) == 2:
            raise OSError("the disk is full")

    event.listen(database.engine, "commit", fail_second)
    futures = [committer.submit(Move.ACCEPT, _make(f"T{number}")) for number in range(3)]
    gate.open()
    for future in futures:
        future.result(30)
    assert len(commits) == 5
    assert _tokens(database) == {"T0", "T1", "T2"}
    committer.close()


def test_nobody_is_answered_before_the_commit(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    committer = GroupCommitter(database)
    gate = Gate(committer)
    futures: list[Future[int]] = []
    seen: list[tuple[str, int, set[str]]] = []

    def note(move: Move, side: str) -> None:
        if futures:
            seen.append((side, sum(future.done() for future in futures), _tokens(database)))

    gate.open()
    committer.submit(Move.ACCEPT, lambda unit: None).result(30)
    monkeypatch.setattr(storage.database, "pass_kill_point", note)
    gate = Gate(committer)
    futures += [committer.submit(Move.ACCEPT, _make(token)) for token in ("A", "B")]
    gate.open()
    for future in futures:
        future.result(30)
    committer.close()
    assert seen[-2:] == [("before", 0, set()), ("after", 0, {"A", "B"})]


def test_closing_finishes_what_was_submitted_and_takes_no_more(database: Database) -> None:
    committer = GroupCommitter(database)
    gate = Gate(committer)
    futures = [committer.submit(Move.ACCEPT, _make(f"T{number}")) for number in range(200)]
    gate.open()
    committer.close()
    assert all(future.done() for future in futures)
    assert len(_tokens(database)) == 200
    with pytest.raises(RuntimeError):
        committer.submit(Move.ACCEPT, _make("late"))


def test_work_that_nobody_waits_for_any_more_is_left_out_and_harms_nobody(database: Database) -> None:
    """asyncio cancels the future of a session that is gone; answering it would have killed the thread."""
    committer = GroupCommitter(database)
    gate = Gate(committer)
    gone = committer.submit(Move.ACCEPT, _make("gone"))
    stays = committer.submit(Move.ACCEPT, _make("stays"))
    assert gone.cancel()
    gate.open()
    stays.result(30)
    assert _tokens(database) == {"stays"}
    committer.close()


def test_many_threads_with_many_works_all_find_theirs_written(database: Database) -> None:
    committer = GroupCommitter(database)
    start = threading.Barrier(8)

    def submit(worker: int) -> None:
        start.wait()
        for number in range(25):
            committer.submit(Move.ACCEPT, _make(f"T{worker}-{number}")).result(60)

    workers = [threading.Thread(target=submit, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    committer.close()
    assert len(_tokens(database)) == 200


def _in_a_child(url: str, name: str) -> None:
    database = Database(url)
    committer = GroupCommitter(database)
    futures = [committer.submit(Move.ACCEPT, _make(f"{name}-{number}")) for number in range(10)]
    for future in futures:
        future.result(60)
    committer.close()
    database.close()


def test_processes_made_by_fork_commit_side_by_side(database_url: str) -> None:
    parent = Database(database_url)
    migrate.ready(parent)
    parent.close()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_in_a_child, args=(database_url, f"P{number}")) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE_S)
    assert [child.exitcode for child in children] == [0, 0, 0]
    after = Database(database_url)
    assert len(_tokens(after)) == 30
    after.close()


def test_the_age_of_the_oldest_work_is_known_while_it_waits_and_is_gone_with_it(database: Database) -> None:
    committer = GroupCommitter(database)
    assert committer.oldest_s() == 0
    gate = Gate(committer)
    first = committer.oldest_s()
    behind = committer.submit(Move.ACCEPT, _make("T1"))
    assert committer.oldest_s() > first > 0
    gate.open()
    behind.result(30)
    committer.close()
    assert committer.oldest_s() == 0
