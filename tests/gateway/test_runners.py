# SPDX-License-Identifier: Apache-2.0
"""The contract of both runners, RQ on Redis and casegate's own workers: the same bell, jobs and promises.

Workers run as processes; a test accepts mail into their store itself, so that it decides whether the bell rings.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.bell import BellThread, Doors, own_bell, rq_bell
from storage.schema import message, outbox
from storage.schema_cases import case
from tests.support.installation import Installation
from tests.support.office import ANN, World, mail, sign
from tests.support.ports import free_port
from tests.support.program import Program
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

NEVER, SOON = "1h", "200ms"  # the sweep's period: never within a test, and at once
SHORT_LEASE = "1s"


class Runner:
    """One installation whose only processes are workers, the office that gives them mail, and the bell."""

    def __init__(self, installation: Installation, world: World, make_bell: Callable[[], BellThread]) -> None:
        self.installation, self.world = installation, world
        self._make_bell = make_bell
        self._bells: list[BellThread] = []

    def start(self, kill_at: str = "") -> Program:
        """Workers that are ready; `kill_at` is the point at which each of them dies."""
        program = self.installation.start("worker", environment={"CASEGATE_KILL_AT": kill_at} if kill_at else None)
        self._bells.append(self._make_bell())
        return program

    def accept(self, count: int = 1) -> list[str]:
        """Promise so many mails, each by its own author; nobody is told."""
        self.world.clock.set(datetime.now(UTC))
        authors = [f"carl{number}@customer.example" for number in range(count)]
        return [self.world.accept(sign(mail(author), "customer.example"), sender=author) for author in authors]

    def ring(self, ids: Sequence[str]) -> None:
        self._bells[-1].ring(ids)

    def rows(self) -> list[Any]:
        """Every message, oldest first."""
        with self.world.database.read() as unit:
            return list(unit.execute(select(message).order_by(message.c.seq)))

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def wait_until_all_are(self, state: str) -> None:
        wait_until(lambda: set(self.states()) == {state}, f"all mail {state}")

    def counts(self) -> tuple[int, int]:
        """How many cases and how many mails to leave there are."""
        with self.world.database.read() as unit:
            return len(unit.execute(select(case.c.id)).all()), len(unit.execute(select(outbox.c.id)).all())

    def close(self) -> None:
        for bell in self._bells:
            bell.close()
        self.installation.close()
        self.world.close()


Make = Callable[..., Runner]


@pytest.fixture(
    params=[
        pytest.param("own", id="own-sqlite"),
        pytest.param("rq", id="rq-postgres", marks=[pytest.mark.postgres, pytest.mark.redis]),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path, tls_files: Any) -> Iterator[Make]:
    """Makes a runner with this sweep period, lease and number of workers; not started."""
    made: list[Runner] = []

    def runner(sweep: str = SOON, lease: str = "1m", workers: int = 1) -> Runner:
        place = tmp_path / "casegate"
        queue = {"sweep_period": sweep, "lease": lease, "workers": workers}
        database_url, redis_url = f"sqlite:///{place}/casegate.db", ""
        if request.param == "rq":
            database_url = request.getfixturevalue("postgres_url")
            redis_url = request.getfixturevalue("redis_server").url
        installation = Installation(
            place,
            database_url=database_url,
            redis_url=redis_url,
            nameservers=[f"127.0.0.1:{free_port()}"],  # nothing listens: workers ask no DNS
            tls=tls_files,
            config={"queue": queue},
        )
        installation.call("init", str(place))  # the keys, before there is mail
        world = World(database_url)
        bell = (lambda: rq_bell(redis_url)) if redis_url else (lambda: own_bell(Doors(place / "run")))
        made.append(Runner(installation, world, bell))
        return made[-1]

    yield runner
    for one in made:
        one.close()


def test_rung_mail_is_routed_and_leaves_without_any_sweep(make: Make) -> None:
    runner = make(sweep=NEVER)
    runner.start()
    runner.ring(runner.accept(3))

    runner.wait_until_all_are("routed")
    assert len(runner.installation.wait_for_mail(3, str(ANN))) == 3
    runner.installation.stop()


def test_mail_that_was_not_rung_is_found_by_the_sweep(make: Make) -> None:
    runner = make(sweep=SOON)
    runner.start()
    runner.accept(3)

    runner.wait_until_all_are("routed")
    runner.installation.wait_for_mail(3, str(ANN))


def test_mail_from_before_the_start_is_found_by_the_sweep(make: Make) -> None:
    runner = make(sweep=SOON)
    runner.accept(2)
    runner.start()

    runner.wait_until_all_are("routed")


def test_ringing_twice_and_for_nothing_is_harmless(make: Make) -> None:
    runner = make(sweep=NEVER, workers=2)
    program = runner.start()
    first = runner.accept(2)
    for ids in (["nonsense"], first, first, [], first):
        runner.ring(ids)
    runner.wait_until_all_are("routed")
    runner.ring(first)  # and once more after the fact
    runner.ring(runner.accept(1))
    runner.wait_until_all_are("routed")

    # Each mail's case, copy and acknowledgement are there once, and each left once.
    assert runner.counts() == (3, 6)
    runner.installation.wait_for_mail(6)
    runner.installation.stop()
    assert program.errors() == []


def test_the_mail_of_a_killed_worker_is_done_by_another(make: Make) -> None:
    runner = make(sweep=SOON, lease=SHORT_LEASE)
    killed = runner.start(kill_at="claim:after:1")
    runner.ring(runner.accept(1))
    killed.wait_for_line("ended with status -9")
    runner.installation.kill()
    (row,) = runner.rows()
    assert (row.state, row.attempts) == ("accepted", 1)

    runner.start()
    runner.wait_until_all_are("routed")
    assert runner.rows()[0].attempts == 2
    assert runner.counts()[0] == 1


def test_a_worker_killed_from_outside_is_replaced(make: Make) -> None:
    runner = make(sweep=NEVER)
    program = runner.start()
    (worker,) = program.children()
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: program.children() not in ([], [worker]), "a new worker")
    wait_until(lambda: ring_and_look(runner), "the new worker at its bell")


def ring_and_look(runner: Runner) -> bool:
    """Ring for the mail that is there, or for a first one; whether it is done."""
    ids = [row.id for row in runner.rows()] or runner.accept(1)
    runner.ring(ids)
    return set(runner.states()) == {"routed"}


def test_a_mail_that_kills_its_worker_three_times_goes_to_the_fallback_queue(make: Make) -> None:
    runner = make(sweep=SOON, lease=SHORT_LEASE)
    program = runner.start(kill_at="route:before:1")
    (message_id,) = runner.accept(1)

    runner.wait_until_all_are("shunted")
    assert len(program.lines("ended with status -9")) == 3
    (shown,) = runner.installation.cases()
    assert shown["queue"] == "fallback"
    assert shown["messages"] == [message_id]
    events = runner.installation.case(shown["number"])["timeline"]
    assert [one["reason"] for one in events if one["kind"] == "routing_failed"] == [
        "the worker did not survive this mail"
    ]


def test_a_worker_asked_to_stop_finishes_what_it_has_in_hand(make: Make) -> None:
    runner = make(sweep=NEVER, workers=2)
    program = runner.start()
    ids = runner.accept(30)
    runner.ring(ids[:15])
    runner.ring(ids[15:])
    wait_until(lambda: "routed" in runner.states(), "the first mail")
    runner.installation.stop()

    # Whatever was claimed is done, so nobody has to wait for a lease; what was not is untouched.
    assert {(row.state, row.attempts) for row in runner.rows()} <= {("routed", 1), ("accepted", 0)}
    assert program.errors() == []


def test_a_bell_that_nobody_hears_harms_nobody(make: Make) -> None:
    runner = make(sweep=SOON)
    runner.start()
    runner.installation.kill()
    runner.ring(runner.accept(1))
    runner.start()
    runner.wait_until_all_are("routed")
