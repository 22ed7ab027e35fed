# SPDX-License-Identifier: Apache-2.0
"""The log of ended sessions: what is written is read, and it never grows beyond its bound."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from storage import migrate, sessions
from storage.database import Database
from storage.envelope import Session
from storage.sessions import Refusal, SessionRecord
from storage.states import Move
from tests.storage.given import NOW


def record(name: str, **changes: Any) -> SessionRecord:
    values: dict[str, Any] = {
        "session": Session(name, "192.0.2.1", "mail.customer.example"),
        "listener": "mx",
        "began_at": NOW,
        "ended_at": NOW + timedelta(seconds=2),
        "outcome": "delivered",
    }
    return SessionRecord(**(values | changes))


def log(database: Database, *records: SessionRecord, keep: int = 100) -> int:
    with database.move(Move.LOG) as unit:
        return sessions.log(unit, records, keep)


def names(database: Database) -> list[str]:
    with database.read() as unit:
        return [row.id for row in sessions.newest(unit, 10_000)]


def test_a_session_is_read_as_it_was_written(database: Database) -> None:
    session = Session("s1", "2001:db8::1", "laptop\0\udc80", "ESMTP", "TLSv1.3 X", "ann")
    told = {"accepted": 3, "messages": ("s1-1", "s1-2"), "recipients": 4, "refusals": 1, "octets": 5_000_000_000}
    refused = (Refusal("s1-1", "RCPT 'TO:<a>'", "550 5.1.1 No"),)
    log(database, record("s1", session=session, response="550 5.1.1 No", refused=refused, **told))
    with database.read() as unit:
        row = sessions.by_id(unit, "s1")
        assert sessions.by_id(unit, "s2") is None
    assert row is not None
    assert (row.peer, row.helo, row.protocol, row.tls, row.login) == (
        *("2001:db8::1", "laptop\ufffd\ufffd", "ESMTP"),
        *("TLSv1.3 X", "ann"),
    )
    assert (row.began_at, row.ended_at) == (NOW, NOW + timedelta(seconds=2))
    kept = {"id": "s1-1", "command": "RCPT 'TO:<a>'", "response": "550 5.1.1 No", "because": ""}
    assert json.loads(row.refused) == [kept]
    assert (row.listener, row.outcome, row.response) == ("mx", "delivered", "550 5.1.1 No")
    assert (row.accepted, json.loads(row.messages), row.recipients, row.refusals, row.octets) == tuple(
        list(one) if isinstance(one, tuple) else one for one in told.values()
    )


def test_the_newest_come_first_and_no_more_than_asked_for(database: Database) -> None:
    log(database, record("s1"), record("s2"))
    log(database, record("s3"))
    with database.read() as unit:
        assert [row.id for row in sessions.newest(unit, 2)] == ["s3", "s2"]


def test_only_the_newest_so_many_are_kept(database: Database) -> None:
    assert log(database, *(record(f"s{number}") for number in range(10)), keep=10) == 0
    assert log(database, record("s10"), record("s11"), keep=10) == 2
    assert names(database) == [f"s{number}" for number in range(11, 1, -1)]


def test_a_smaller_bound_is_reached_in_bounded_steps(database: Database, monkeypatch: Any) -> None:
    log(database, *(record(f"s{number}") for number in range(10)))
    monkeypatch.setattr(sessions, "TRIM_AT_ONCE", 4)
    assert [log(database, keep=0) for _ in range(4)] == [4, 4, 2, 0]
    assert names(database) == []


def test_an_empty_log_has_nothing_to_forget(database: Database) -> None:
    assert log(database, keep=0) == 0


def test_processes_that_write_at_once_keep_the_bound_and_stop_nobody(connect: Callable[[], Database]) -> None:
    stores = [connect() for _ in range(3)]
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        start.wait()
        try:
            for turn in range(10):
                log(stores[number], *(record(f"s{number}-{turn}-{one}") for one in range(5)), keep=20)
        except BaseException as error:
            failures.append(error)

    migrate.ready(stores[0])
    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log(stores[0], keep=20)
    assert failures == []
    assert len(names(stores[0])) == 20
