# SPDX-License-Identifier: Apache-2.0
"""Redis is a bell: emptied, killed and started again while mail comes, it loses none and delays none beyond the sweep.

Each mail's delay is measured in the database, from its acceptance to its case.
"""

import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from redis import Redis
from rq import Queue
from sqlalchemy import Table, func, select

from gateway.bell import QUEUE_NAME
from storage.schema import message, outbox_recipient, thread
from storage.schema_cases import case
from tests.end_to_end.conftest import MAILBOX, Build, World
from tests.support.dkim import Signer
from tests.support.people import SUPPORT, accepted_id, mail
from tests.support.redis_server import RedisServer
from tests.support.waiting import PATIENCE_S, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(300)]

MAILS, CLIENTS = 250, 4
SWEEP_S = 2
BACKLOG = 40  # accepted and not yet routed: above it the clients wait, so that no delay is a mere queue of work
ALLOWANCE_S = PATIENCE_S  # to work such a backlog once the sweep has found it; what no sweep finds waits for the lease
EMPTIED_AT = (20, 45, 70, 95, 180, 205, 230)
KILLED_AT, STARTED_AT = 120, 165


@pytest.fixture
def world(build: Build, postgres_url: str, redis_server: RedisServer) -> Iterator[World]:
    """On PostgreSQL and RQ; RQ complains of a lost Redis in the log, nobody else complains of anything."""
    queue = {"sweep_period": f"{SWEEP_S}s", "lease": "1h"}
    made = build(database_url=postgres_url, redis_url=redis_server.url, config={"queue": queue})
    made.installation.start()
    yield made
    assert [line for line in made.installation.errors() if "rq.worker" not in line] == []
    made.installation.stop()


def test_mail_goes_on_without_redis_and_the_bell_rings_again_with_it(world: World, redis_server: RedisServer) -> None:
    carl, ann = world.customer(), world.agent
    carl.write("Broken tractor", "It smokes.")
    first = ann.inbox("It smokes.")

    redis_server.kill()
    ann.reply(first, "Turn the key.")
    letter = carl.inbox("Turn the key.")
    answer = carl.answer(letter, "It works again.")
    ann.inbox("It works again.")
    assert answer in carl.case()["messages"]

    redis_server.start()
    with Redis.from_url(redis_server.url) as connection:
        jobs = Queue(QUEUE_NAME, connection=connection, serializer="json")
        carl.answer(letter, "And once more.")
        wait_until(lambda: connection.sismember("rq:queues", jobs.key), "a ring")
        wait_until(lambda: jobs.count == 0, "a worker that answers it")
    ann.inbox("And once more.")


# Redis may be away from the first moment, or go while RQ waits for jobs.
@pytest.mark.parametrize("away_at_start", [True, False], ids=["never-there", "gone-later"])
def test_it_works_and_stops_cleanly_while_redis_is_away(
    build: Build, postgres_url: str, redis_server: RedisServer, away_at_start: bool
) -> None:
    queue = {"sweep_period": "1s"}
    made = build(database_url=postgres_url, redis_url=redis_server.url, config={"queue": queue})
    if away_at_start:
        redis_server.kill()
    program = made.installation.start()
    redis_server.kill()
    made.customer().write("Broken tractor", "It smokes.")
    made.agent.inbox("It smokes.")
    made.installation.stop()
    assert program.lines("killed after") == []


def test_wiping_redis_under_load_loses_no_mail_and_delays_none(world: World, redis_server: RedisServer) -> None:
    mails = signed_mails(world)
    load = Load(world, mails)
    load.start()
    for count, act in sorted(disturbances(redis_server), key=lambda one: one[0]):
        load.wait_for(count)
        act()
    ids = load.finish()

    assert len(set(ids)) == MAILS
    wait_until(lambda: files(world) >= MAILS, "all copies")
    assert files(world) == MAILS
    copies = world.installation.maildir(MAILBOX)
    assert {one.field("Subject") for one in copies} == {f"Mail {number}" for number in range(MAILS)}
    wait_until(lambda: "queued" not in states(world, outbox_recipient), "what was filed to be noted")
    assert states(world, message) == {"routed": MAILS}
    assert states(world, outbox_recipient) == {"delivered": MAILS}
    found = delays(world)
    assert len(found) == MAILS
    assert max(found) <= SWEEP_S + ALLOWANCE_S, sorted(found)[-20:]


def disturbances(redis_server: RedisServer) -> list[tuple[int, Callable[[], None]]]:
    """What happens to Redis after how many mails were accepted."""
    emptied = [(count, redis_server.flush) for count in EMPTIED_AT]
    return [*emptied, (KILLED_AT, redis_server.kill), (STARTED_AT, redis_server.start)]


def signed_mails(world: World) -> Sequence[tuple[str, bytes]]:
    """Reverse-path and content of first mails, each of another author; the small key is for the test's speed alone."""
    signer = Signer(world.zone, "customers.example", bits=1024)
    authors = [f"carl{number}@customers.example" for number in range(MAILS)]
    return [
        (author, signer.sign(mail(author, SUPPORT, f"Mail {number}", "It smokes.")))
        for number, author in enumerate(authors)
    ]


def files(world: World) -> int:
    return sum(1 for _ in (world.installation.out / "new").glob("*"))


def states(world: World, table: Table) -> dict[str, int]:
    """How many rows are in each state."""
    with world.installation.read() as unit:
        return {
            row.state: row.rows
            for row in unit.execute(select(table.c.state, func.count().label("rows")).group_by("state"))
        }


def delays(world: World) -> list[float]:
    """Seconds from the acceptance of each mail to its case."""
    with world.installation.read() as unit:
        rows = unit.execute(
            select(message.c.received_at, case.c.created_at)
            .join(thread, thread.c.id == message.c.thread_id)
            .join(case, case.c.id == thread.c.case_id)
        ).all()
    return [(row.created_at - row.received_at).total_seconds() for row in rows]


class Load:
    """Clients that send mail, each in one session, as fast as the work behind them goes."""

    def __init__(self, world: World, mails: Sequence[tuple[str, bytes]]) -> None:
        self._world = world
        self._ids: list[str] = []
        self._failures: list[BaseException] = []
        self._news = threading.Condition()
        self._threads = [threading.Thread(target=self._send, args=(mails[n::CLIENTS],)) for n in range(CLIENTS)]

    def start(self) -> None:
        for one in self._threads:
            one.start()

    def wait_for(self, count: int) -> None:
        """Wait until so many mails were accepted."""
        with self._news:
            assert self._news.wait_for(lambda: len(self._ids) >= count or self._failures, PATIENCE_S)
            assert self._failures == []

    def finish(self) -> list[str]:
        """Wait for the clients; the ids of what was accepted."""
        for one in self._threads:
            one.join(PATIENCE_S)
        assert self._failures == []
        return self._ids

    def _send(self, mails: Sequence[tuple[str, bytes]]) -> None:
        try:
            with self._world.installation.mx() as session:
                for author, content in mails:
                    wait_until(self._has_room, "room for one more mail")
                    message_id = accepted_id(session.send_mail(author, [SUPPORT], content))
                    with self._news:
                        self._ids.append(message_id)
                        self._news.notify_all()
        except BaseException as failure:
            with self._news:
                self._failures.append(failure)
                self._news.notify_all()

    def _has_room(self) -> bool:
        with self._world.installation.read() as unit:
            waiting = select(func.count()).select_from(message).where(message.c.due_at.is_not(None))
            return unit.execute(waiting).scalar_one() < BACKLOG
