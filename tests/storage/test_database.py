# SPDX-License-Identifier: Apache-2.0
"""Readers that cannot write, writers that never starve, a log that stays short."""

import multiprocessing
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.exc import DBAPIError, StatementError

import storage.database
from storage import cases, content, migrate, schema, schema_desk
from storage.database import Database, Unit, is_ill
from storage.states import Move
from tests.storage.given import NOW
from tests.support.ports import free_port
from tests.support.waiting import PATIENCE_S

_VALUE = select(schema_desk.counter.c.value).where(schema_desk.counter.c.name == "case")


def test_a_read_cannot_write(database: Database) -> None:
    with pytest.raises(DBAPIError, match=r"(?i)read-?only"), database.read() as unit:
        unit.execute(update(schema_desk.counter).values(value=7))
    with database.move(Move.ROUTE) as unit:  # and the connection is not left read-only
        assert cases.next_number(unit) == 1


def test_a_read_sees_one_instant(database: Database) -> None:
    with database.read() as unit:
        assert unit.execute(_VALUE).scalar_one() == 0
        with database.move(Move.ROUTE) as writer:
            cases.next_number(writer)
        assert unit.execute(_VALUE).scalar_one() == 0
    with database.read() as unit:
        assert unit.execute(_VALUE).scalar_one() == 1


def test_an_open_read_keeps_no_writer_waiting_and_a_writer_no_reader(database: Database) -> None:
    with database.read() as unit:
        unit.execute(_VALUE).scalar_one()
        with database.move(Move.ROUTE) as writer:
            cases.next_number(writer)
            with database.read() as other:
                assert other.execute(_VALUE).scalar_one() == 0


def _number_then_fail(unit: Unit) -> None:
    cases.next_number(unit)
    raise LookupError


def test_a_server_that_does_not_answer_is_an_illness_of_the_store() -> None:
    database = Database(f"postgresql+psycopg://casegate@127.0.0.1:{free_port()}/casegate")
    for begin in (database.read, lambda: database.move(Move.CLAIM)):
        with pytest.raises(DBAPIError) as found, begin():
            pass
        assert is_ill(found.value)
    database.close()


def test_an_exception_undoes_the_move(database: Database) -> None:
    with pytest.raises(LookupError), database.move(Move.ROUTE) as unit:
        _number_then_fail(unit)
    with database.move(Move.ROUTE) as unit:
        assert cases.next_number(unit) == 1


def test_kill_points_are_passed_before_and_after_the_commit(
    database: Database, connect: Callable[[], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    passed: list[tuple[str, str, int]] = []
    other = connect()

    def note(move: Move, side: str) -> None:
        with other.read() as unit:
            passed.append((move.value, side, unit.execute(_VALUE).scalar_one()))

    monkeypatch.setattr(storage.database, "pass_kill_point", note)
    with database.move(Move.ROUTE, Move.SHUNT) as unit:
        cases.next_number(unit)
    assert passed == [("route", "before", 0), ("shunt", "before", 0), ("route", "after", 1), ("shunt", "after", 1)]


def _count_up(url: str, times: int) -> None:
    database = Database(url)
    for _ in range(times):
        with database.move(Move.ROUTE) as unit:
            value = unit.execute(_VALUE.with_for_update()).scalar_one()
            unit.execute(
                update(schema_desk.counter).where(schema_desk.counter.c.name == "case").values(value=value + 1)
            )
    database.close()


def test_processes_that_hammer_one_row_lose_nothing(database_url: str) -> None:
    first = Database(database_url)
    migrate.ready(first)
    first.close()
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_count_up, args=(database_url, 60)) for _ in range(4)]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE_S)
    assert [child.exitcode for child in children] == [0, 0, 0, 0]
    after = Database(database_url)
    with after.read() as unit:
        assert unit.execute(_VALUE).scalar_one() == 240
    after.close()


def test_the_log_of_sqlite_shrinks_while_writers_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite:///{tmp_path / 'casegate.db'}")
    migrate.ready(database)
    log = tmp_path / "casegate.db-wal"
    stop, ids = threading.Event(), list[int]()

    def write() -> None:
        while not stop.is_set():
            with database.move(Move.ACCEPT) as unit:
                ids.append(content.keep(unit, content.packed(b"x"), NOW))

    with database.move(Move.ACCEPT) as unit:
        content.keep(unit, content.packed(bytes(range(256)) * 4096), NOW)
        unit.execute(insert(schema.author_domain), {"domain": "x" * 1_000_000, "first_aligned_at": NOW})
    before = log.stat().st_size
    monkeypatch.setattr(storage.database, "WAL_PRESSURE_OCTETS", 500_000)
    writer = threading.Thread(target=write)
    writer.start()
    database.checkpoint()
    stop.set()
    writer.join()
    assert log.stat().st_size < before
    with database.move(Move.ACCEPT) as unit:
        ids.append(content.keep(unit, content.packed(b"after"), NOW))
    with database.read() as unit:
        assert content.load(unit, ids[-1]) == b"after"
    database.close()


def test_a_checkpoint_below_the_pressure_does_not_take_the_writers_lock(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'casegate.db'}")
    migrate.ready(database)
    with database.move(Move.ROUTE) as unit:
        cases.next_number(unit)
        database.checkpoint()
    database.close()


def test_instants_come_back_aware_in_utc_and_naive_ones_are_refused(database: Database) -> None:
    instant = datetime.fromisoformat("2026-11-22T13:00:00.123456+01:00")
    with database.move(Move.ACCEPT) as unit:
        unit.execute(insert(schema.author_domain), {"domain": "x.example", "first_aligned_at": instant})
        read = unit.execute(select(schema.author_domain.c.first_aligned_at)).scalar_one()
    assert read.isoformat() == "2026-11-22T12:00:00.123456+00:00"
    with pytest.raises(StatementError, match="without a zone"), database.read() as unit:
        unit.execute(select(schema.digest).where(schema.digest.c.created_at < datetime(2026, 1, 1)))
