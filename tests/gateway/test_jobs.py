# SPDX-License-Identifier: Apache-2.0
"""What a failure costs a message: a fault of the mail an attempt, an illness of the database nothing."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import errors as postgres
from sqlalchemy.exc import OperationalError

from gateway import jobs
from gateway.jobs import Jobs, Tools
from handlers import handing, routing
from storage import cases
from storage.commit_group import GroupCommitter
from storage.database import DatabaseUnavailable
from storage.states import Move
from tests.support.office import World, mail


def sqlite_error(code: int) -> Exception:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    return wrapped(error)


def wrapped(error: Exception, *, lost: bool = False) -> Exception:
    return OperationalError("SELECT 1", None, error, connection_invalidated=lost)


ILL = {
    "deadlock": wrapped(postgres.DeadlockDetected("no")),
    "serialization": wrapped(postgres.SerializationFailure("no")),
    "shutdown": wrapped(postgres.AdminShutdown("no")),
    "disconnect": wrapped(postgres.OperationalError("no"), lost=True),
    # No server answers: psycopg has no SQLSTATE, and SQLAlchemy no connection that it could have lost.
    "refused": wrapped(postgres.OperationalError("connection failed: Connection refused")),
    "locked": sqlite_error(sqlite3.SQLITE_LOCKED),
    "busy": sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT),
    "full": sqlite_error(sqlite3.SQLITE_FULL),
    "away": DatabaseUnavailable("no"),
}
FAULTS = {
    "bug": ValueError("no"),
    "no such table": sqlite_error(sqlite3.SQLITE_ERROR),
    # Python's own words for too many values of a statement and the like have no code.
    "no code": wrapped(sqlite3.OperationalError("no")),
    # An index row that is too large is the mail's fault.
    "limit": wrapped(postgres.ProgramLimitExceeded("no")),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path}/casegate.db")
    yield made
    made.close()


@pytest.fixture
def work(world: World) -> Iterator[Jobs]:
    committer = GroupCommitter(world.database)
    reception: Any = SimpleNamespace(fresh_office=lambda: world.office)
    bell: Any = SimpleNamespace(ring=lambda ids: None)
    lease = timedelta(minutes=1)
    yield Jobs(Tools(world.database, committer, reception, world.signer, world.clock, bell, lease))
    committer.close()


def fail_with(monkeypatch: pytest.MonkeyPatch, place: object, name: str, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(place, name, fail)


def turns(world: World, work: Jobs, count: int) -> None:
    for _ in range(count):
        work.route_due()
        world.clock.advance(60)


@pytest.mark.parametrize("illness", ILL)
@pytest.mark.parametrize("step", [(routing, "route"), (jobs.refined, "brief_of")], ids=["write", "read"])
def test_an_ill_database_costs_no_attempt(
    world: World, work: Jobs, monkeypatch: pytest.MonkeyPatch, illness: str, step: tuple[object, str]
) -> None:
    message_id = world.accept(mail())
    with monkeypatch.context() as ill:
        fail_with(ill, *step, ILL[illness])
        turns(world, work, 5)
        row = world.message(message_id)
        assert (row.state, row.attempts) == ("accepted", 0)
    turns(world, work, 1)
    assert (world.message(message_id).state, world.message(message_id).attempts) == ("routed", 1)


def test_a_claim_is_given_back_once_the_database_is_well(
    world: World, work: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = world.accept(mail())
    with monkeypatch.context() as ill:
        fail_with(ill, routing, "route", ILL["away"])
        fail_with(ill, jobs.messages, "put_back", ILL["away"])
        with pytest.raises(DatabaseUnavailable):
            work.route_due()
    work.route_due()
    row = world.message(message_id)
    assert (row.state, row.attempts, row.due_at) == ("accepted", 0, world.now + jobs.PAUSE_AFTER_FAILURE)


def test_a_mail_that_cannot_be_shunted_now_is_shunted_later(
    world: World, work: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = world.accept(mail())
    fail_with(monkeypatch, routing, "route", FAULTS["bug"])
    with monkeypatch.context() as ill:
        fail_with(ill, routing, "shunt", ILL["deadlock"])
        turns(world, work, 5)
        assert world.message(message_id).state == "accepted"
    turns(world, work, 1)
    assert world.message(message_id).state == "shunted"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_an_attempt_and_the_third_shunts(
    world: World, work: Jobs, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    message_id = world.accept(mail())
    fail_with(monkeypatch, routing, "route", FAULTS[fault])
    turns(world, work, 2)
    assert (world.message(message_id).state, world.message(message_id).attempts) == ("accepted", 2)
    turns(world, work, 1)
    assert (world.message(message_id).state, world.message(message_id).case.queue) == ("shunted", "fallback")


def test_a_case_that_cannot_be_handed_over_waits_and_holds_up_no_other(
    world: World, work: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [world.receive(mail()).case.number for _ in range(2)]
    broken, *_ = (world.case(number).id for number in numbers)
    for number in numbers:
        mark_for_copies(world, number)
    give_all = handing.give_all

    def fail_for_one(unit: Any, case: Any, *rest: Any) -> None:
        if case.id == broken:
            raise ValueError("no")
        give_all(unit, case, *rest)

    with monkeypatch.context() as ill:
        ill.setattr(handing, "give_all", fail_for_one)
        assert (work.hand_over(), work.hand_over()) == (1, 0)
        assert world.case(numbers[0]).copies_due_at > world.now
    world.clock.advance(60)
    assert (work.hand_over(), work.hand_over()) == (1, 0)


def test_an_ill_database_leaves_the_mark(world: World, work: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    number = world.receive(mail()).case.number
    mark_for_copies(world, number)
    with monkeypatch.context() as ill:
        fail_with(ill, handing, "give_all", ILL["deadlock"])
        with pytest.raises(OperationalError):
            work.hand_over()
    assert work.hand_over() == 1


def mark_for_copies(world: World, number: int) -> None:
    """As a change of owner by hand leaves it."""
    with world.database.move(Move.EDIT) as unit:
        cases.write(unit, world.case(number).id, {"copies_due_at": world.now})
