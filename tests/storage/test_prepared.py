# SPDX-License-Identifier: Apache-2.0
"""Statements that the driver executes itself: they do what SQLAlchemy's own execution does, and fail as it does."""

from datetime import timedelta, timezone

import pytest
from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage.database import Database, is_ill
from storage.prepared import Prepared
from storage.schema import digest, thread
from storage.states import Move
from storage.upsert import Upsert
from tests.storage.given import NOW

ADD = Prepared(insert(thread).returning(thread.c.id))
FIND = Prepared(select(thread.c.token).where(thread.c.id == bindparam("id"), thread.c.token.like("T%")).limit(1))
CLAIM = Upsert(digest, None, digest.c.message_id)


def test_values_are_written_as_core_writes_them(database: Database) -> None:
    """Text without what databases refuse, instants in UTC, octets as they are."""
    east = NOW.astimezone(timezone(timedelta(hours=5)))
    with database.move(Move.ACCEPT) as unit:
        assert CLAIM.write_one(unit, digest=b"\0\xff", message_id="a\0b\ud800c", created_at=east) == [
            ("a\ufffdb\ufffdc",)
        ]
    with database.read() as unit:
        assert unit.execute(select(digest)).all() == [(b"\0\xff", "a\ufffdb\ufffdc", NOW)]


def test_rows_come_back_in_questions_and_in_what_was_written(database: Database) -> None:
    with database.move(Move.ACCEPT) as unit:
        ((first,),) = ADD.run(unit, token="T1", created_at=NOW)
        ((other,),) = ADD.run(unit, token="X1", created_at=NOW)
        assert FIND.run(unit, id=first) == [("T1",)]
        assert FIND.run(unit, id=other) == []


def test_a_row_that_is_there_already_stays(database: Database) -> None:
    with database.move(Move.ACCEPT) as unit:
        assert CLAIM.write_one(unit, digest=b"d", message_id="first", created_at=NOW)
        assert not CLAIM.write_one(unit, digest=b"d", message_id="second", created_at=NOW)


def test_a_breach_is_the_exception_that_core_raises(database: Database) -> None:
    def add_twice() -> None:
        with database.move(Move.ACCEPT) as unit:
            ADD.run(unit, token="T1", created_at=NOW)
            ADD.run(unit, token="T1", created_at=NOW)

    with pytest.raises(IntegrityError) as found:
        add_twice()
    assert not is_ill(found.value)
    with database.read() as unit:
        assert unit.execute(select(thread.c.token)).all() == []


# What the first execution was given is what the statement takes.
@pytest.mark.parametrize(
    "given",
    [
        # one is missing
        {"token": "T2"},
        # one too many would be left out in silence
        {"token": "T2", "created_at": NOW, "case_id": None},
        # as many, but another
        {"token": "T2", "case_id": None},
    ],
)
def test_other_values_than_the_first_time_are_a_bug_that_shows(database: Database, given: dict[str, object]) -> None:
    statement = Prepared(insert(thread).returning(thread.c.id))
    with database.move(Move.ACCEPT) as unit:
        statement.run(unit, token="T1", created_at=NOW)
        with pytest.raises(KeyError):
            statement.run(unit, **given)


@pytest.mark.postgres
def test_a_connection_that_is_lost_is_an_illness_of_the_store_and_is_not_used_again(postgres_store: str) -> None:
    database = Database(postgres_store)

    def lose() -> None:
        with database.move(Move.ACCEPT) as unit, database.move(Move.ACCEPT) as other:
            victim = unit.execute(text("SELECT pg_backend_pid()")).scalar_one()
            Prepared(text("SELECT pg_terminate_backend(:pid)")).run(other, pid=victim)
            ADD.run(unit, token="T1", created_at=NOW)

    with pytest.raises(DBAPIError) as found:
        lose()
    assert found.value.connection_invalidated
    assert is_ill(found.value)
    with database.move(Move.ACCEPT) as unit:
        assert ADD.run(unit, token="T2", created_at=NOW)
    database.close()
