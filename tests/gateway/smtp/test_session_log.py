# SPDX-License-Identifier: Apache-2.0
"""How a session ended is told from what it heard; the records are written together, bounded, and never in the way."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway import session_log
from gateway.session_log import MOST_IDS, Outcome, SessionLog, Tally, accepted_id
from storage import migrate, sessions
from storage.commit_group import GroupCommitter
from storage.database import Database
from storage.envelope import Session
from storage.response import (
    R221_BYE,
    R250_ACCEPTED,
    R250_OK,
    R250_RECIPIENT_OK,
    R250_SENDER_OK,
    R354_GO_AHEAD,
    R421_SHUTTING_DOWN,
    R421_TIMEOUT,
    R421_TOO_MANY_CONNECTIONS,
    R421_TOO_MANY_ERRORS,
    R421_TOO_SLOW,
    R451_TRY_LATER,
    R550_NO_SUCH_ADDRESS,
    R554_TOO_EARLY,
    Response,
)
from tests.support.clock import FakeClock

HELLO = Response(220, "", "gw.example ESMTP")
MAIL = (R250_SENDER_OK, R250_RECIPIENT_OK, R354_GO_AHEAD)


def tally(*responses: Response) -> Tally:
    made = Tally()
    for response in responses:
        made.heard(response)
    return made


@pytest.mark.parametrize(
    ("heard", "outcome"),
    [
        # One mail is enough, whatever follows it.
        ((HELLO, *MAIL, R250_ACCEPTED.about("m1"), R421_TOO_SLOW), Outcome.DELIVERED),
        # Who is refused seldom says QUIT.
        ((HELLO, R250_SENDER_OK, R550_NO_SUCH_ADDRESS), Outcome.REFUSED),
        ((HELLO, R451_TRY_LATER.about("s1"), R221_BYE), Outcome.REFUSED),
        ((HELLO, R250_OK, R221_BYE), Outcome.NOTHING),
        # In the middle of the content, or a port scan.
        ((HELLO, *MAIL), Outcome.LOST),
        ((), Outcome.LOST),
        # Before the greeting; an id may follow the words.
        ((R421_TOO_MANY_CONNECTIONS.about("s1"),), Outcome.TURNED_AWAY),
        ((R554_TOO_EARLY,), Outcome.EARLY_TALKER),
        ((R421_SHUTTING_DOWN,), Outcome.SHUTDOWN),
        # The end is the last that was said, not what was refused before.
        ((HELLO, R550_NO_SUCH_ADDRESS, R421_TIMEOUT.about("s1")), Outcome.TIMEOUT),
        ((HELLO, *MAIL, R421_TOO_SLOW), Outcome.TOO_SLOW),
        ((HELLO, R550_NO_SUCH_ADDRESS, R421_TOO_MANY_ERRORS), Outcome.LIMIT),
        # A bound that is named elsewhere.
        ((HELLO, Response(421, "4.7.0", "Something else")), Outcome.LIMIT),
        ((HELLO, R421_SHUTTING_DOWN), Outcome.SHUTDOWN),
    ],
)
def test_the_outcome_is_told_from_what_the_client_heard(heard: tuple[Response, ...], outcome: Outcome) -> None:
    assert tally(*heard).outcome() is outcome


def test_what_no_response_tells_is_said_by_the_connection() -> None:
    failed = tally(HELLO)
    failed.end = Outcome.TLS_FAILED
    assert failed.outcome() is Outcome.TLS_FAILED


def test_recipients_refusals_and_mails_are_counted() -> None:
    accepted = [R250_ACCEPTED.about(f"m{number}") for number in (1, 1, 2)]  # over LMTP each recipient hears it
    made = tally(HELLO, R250_RECIPIENT_OK, R250_RECIPIENT_OK, R550_NO_SUCH_ADDRESS, *accepted)
    record = made.record("lmtp", Session("s1", "unix"), FakeClock())
    assert (record.accepted, record.messages, record.recipients, record.refusals) == (2, ("m1", "m2"), 2, 1)
    assert record.response == str(R550_NO_SUCH_ADDRESS)
    assert record.ended_at == FakeClock().now() >= record.began_at


def test_a_session_of_many_mails_names_the_first_and_counts_all() -> None:
    made = tally(*(R250_ACCEPTED.about(f"m{number}") for number in range(MOST_IDS + 5)))
    assert (made.accepted, len(made.messages)) == (MOST_IDS + 5, MOST_IDS)


def test_only_an_accepted_mail_has_an_id() -> None:
    assert accepted_id(R250_ACCEPTED.about("m1")) == "m1"
    assert [accepted_id(one) for one in (R250_OK, R250_SENDER_OK, R550_NO_SUCH_ADDRESS)] == ["", "", ""]


@dataclass
class ScriptedCommitter:
    """Keeps the works, and ends them when a test says so."""

    works: list[Any] = field(default_factory=list)

    def submit(self, move: object, do: Any) -> "Future[int]":
        self.works.append((do, Future()))
        return self.works[-1][1]


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second passes at once."""
    monkeypatch.setattr(session_log, "PERIOD_S", 0)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/casegate.db")
    migrate.ready(made)
    yield made
    made.close()


def names(database: Database) -> list[str]:
    with database.read() as unit:
        return [row.id for row in sessions.newest(unit, 10_000)]


async def test_what_ended_is_written_in_the_order_of_ending_and_flushed_at_the_end(database: Database) -> None:
    clock = FakeClock()
    committer = GroupCommitter(database)
    kept = SessionLog(committer, clock, 100)
    for number, heard in enumerate(((HELLO, R221_BYE), (R421_TOO_MANY_CONNECTIONS,), (HELLO, *MAIL))):
        clock.advance(1)
        kept.ended("mx", Session(f"s{number}", "192.0.2.1"), tally(*heard))
    kept.close()
    committer.close()
    assert names(database) == ["s2", "s1", "s0"]


@pytest.mark.usefixtures("fast")
async def test_one_write_at_a_time_and_what_ends_meanwhile_goes_into_the_next() -> None:
    committer = ScriptedCommitter()
    kept = SessionLog(committer, FakeClock(), 100)
    kept.ended("mx", Session("s0", "192.0.2.1"), tally())
    await _turns()
    for name in ("s1", "s2"):
        kept.ended("mx", Session(name, "192.0.2.1"), tally())
    await _turns()
    assert len(committer.works) == 1
    committer.works[0][1].set_result(0)
    await _turns()
    assert len(committer.works) == 2
    committer.works[1][1].set_result(0)
    await _turns()
    kept.close()
    assert len(committer.works) == 2  # nothing ended since


async def _turns() -> None:
    """Let the loop go round a few times."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_in_a_flood_those_who_were_turned_away_are_left_out_first(
    database: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(session_log, "MOST_WAITING", 5)
    committer = GroupCommitter(database)
    kept = SessionLog(committer, FakeClock(), 100)
    for number in range(4):
        kept.ended("mx", Session(f"good{number}", "192.0.2.1"), tally(HELLO, *MAIL, R250_ACCEPTED.about("m")))
    for number in range(50):
        kept.ended("mx", Session(f"flood{number}", "198.51.100.1"), tally(R421_TOO_MANY_CONNECTIONS))
    for number in range(4, 7):
        kept.ended("mx", Session(f"good{number}", "192.0.2.1"), tally(HELLO, *MAIL, R250_ACCEPTED.about("m")))
    kept.close()
    committer.close()
    assert sorted(names(database)) == [f"good{number}" for number in range(2, 7)]
    assert [one.message for one in caplog.records if one.levelno == logging.WARNING] == [
        "52 ended sessions are left out of the session log"
    ]


async def test_a_store_that_fails_costs_one_line_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    committer = ScriptedCommitter()
    kept = SessionLog(committer, FakeClock(), 100)
    for error in (OSError("the disk\nis full"), OSError("still"), None, OSError("again")):
        kept.ended("mx", Session("s", "192.0.2.1"), tally())
        kept._tick()
        done = committer.works[-1][1]
        done.set_exception(error) if error else done.set_result(0)
    kept.close()
    assert [one.message for one in caplog.records] == [
        "ended sessions are not written to the session log: the disk is full",
        "ended sessions are not written to the session log: again",
    ]


async def test_a_bound_of_none_keeps_none_and_forgets_what_was_kept_before(database: Database) -> None:
    for keep, expected in ((100, ["s0"]), (0, [])):
        committer = GroupCommitter(database)
        kept = SessionLog(committer, FakeClock(), keep)
        kept.ended("mx", Session("s0", "192.0.2.1"), tally())
        kept.close()
        committer.close()
        assert names(database) == expected


class Remembered(list):
    """Stands for the SessionLog: (listener, session, tally) of what ended."""

    def ended(self, listener: str, session: Session, tally: Tally) -> None:
        self.append((listener, session, tally))


async def _left(running: Any, count: int = 1) -> Remembered:
    """Wait until so many sessions have ended."""
    kept = running.edge.session_log
    async with asyncio.timeout(20):
        while len(kept) < count:  # noqa: ASYNC110 (the edge tells nobody)
            await asyncio.sleep(0.005)
    return kept


@pytest.mark.parametrize(
    ("commands", "outcome", "accepted"),
    [
        (
            (b"EHLO me", b"MAIL FROM:<>", b"RCPT TO:<a@firm.example>", b"DATA", b"Subject: x\r\n\r\n.", b"QUIT"),
            "delivered",
            1,
        ),
        ((b"EHLO me", b"MAIL FROM:<>", b"RCPT TO:<a@other.example>"), "refused", 0),
        ((b"EHLO me", b"QUIT"), "nothing", 0),
        ((b"EHLO me",), "lost", 0),
    ],
)
async def test_each_session_is_remembered_once_when_it_has_ended(start, commands, outcome, accepted) -> None:
    running = await start()
    running.edge.session_log = Remembered()
    client = await running.connect()
    for command in commands:
        await client.say(command)
    assert len(running.edge.session_log) <= int(commands[-1] == b"QUIT")
    await client.close()
    ((listener, session, tally),) = await _left(running)
    assert (tally.octets > 0) == bool(accepted)
    assert (listener, tally.outcome().value, tally.accepted, session.helo) == ("mx", outcome, accepted, "me")


async def test_who_is_turned_away_or_fails_tls_is_remembered_too(start, server_tls) -> None:
    running = await start(max_connections_per_address=1, tls=server_tls)
    running.edge.session_log = Remembered()
    client = await running.connect()
    await client.say(b"EHLO me")
    await client.say(b"STARTTLS")
    refused = await running.connect(greet=False)
    assert (await refused.response()).startswith(b"421 ")
    await client.send(b"this is no handshake\r\n")
    kept = await _left(running, 2)
    assert {tally.outcome() for _, _, tally in kept} == {Outcome.TURNED_AWAY, Outcome.TLS_FAILED}
