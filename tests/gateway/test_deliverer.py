# SPDX-License-Identifier: Apache-2.0
"""The deliverer against a route that keeps its answer to itself: leases hold, and nobody waits for another's host."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import select, update

from gateway import leaving
from gateway.deliverer import Deliverer, Terms
from gateway.routes.responses import R451_UNREADABLE
from handlers.ports import R451_UNKNOWN, Departure
from handlers.schedule import Schedule
from storage import migrate, outbox
from storage.commit_group import GroupCommitter
from storage.database import Database
from storage.response import R250_OK
from storage.schema import attempt, content_chunk, outbox_recipient
from storage.states import Move
from tests.storage.given import NOW, accepted, outgoing
from tests.support.clock import FakeClock
from tests.support.waiting import wait_until

LEASE = timedelta(seconds=0.6)  # renewed every 0.2 s of real time; the clock of the test moves only when told
SCHEDULE = Schedule((timedelta(minutes=5),), timedelta(days=4))
BOB, EVE = "bob@far.example", "eve@slow.example"


class FakeRoute:
    """Sends by domain; what `held` names is answered when the test says so."""

    def __init__(self, *held: str, response=R250_OK) -> None:
        self.held = {address: threading.Event() for address in held}
        self.response = response
        self.sent: list[str] = []

    def groups(self, recipients):
        return [(recipient,) for recipient in recipients]

    async def send(self, departure: Departure):
        self.sent += departure.recipients
        for recipient in departure.recipients:
            if recipient in self.held:
                await asyncio.to_thread(self.held[recipient].wait, 30)
        return dict.fromkeys(departure.recipients, self.response)


class House:
    """A store with one mail in its outbox, and deliverers over it."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database, self.clock = database, clock
        row = accepted(database, "one")
        with database.move(Move.ROUTE) as unit:
            outbox.put(unit, outgoing("one", row.seq, recipients=(BOB, EVE)), NOW)

    @contextmanager
    def delivering(self, route: FakeRoute) -> Iterator[Deliverer]:
        """A deliverer at work, ended when the route has let go."""
        committer = GroupCommitter(self.database)
        tools = SimpleNamespace(
            database=self.database, clock=self.clock, committer=committer, reception=self, signer=None
        )
        deliverer = Deliverer(tools, route, Terms(SCHEDULE, LEASE, 10, 0.05))
        deliverer.start()
        try:
            yield deliverer
        finally:
            for held in route.held.values():
                held.set()
            deliverer.stop()
            committer.close()

    async def office(self) -> None:
        """No mail of these tests fails, so nobody is told."""

    def recipient(self, address: str):
        with self.database.read() as unit:
            return unit.execute(select(outbox_recipient).where(outbox_recipient.c.address == address)).one()

    def due_at(self, address: str):
        return self.recipient(address).due_at

    def wait_for(self, address: str, state: str):
        wait_until(lambda: self.recipient(address).state == state, f"{address} to be {state}")
        return self.recipient(address)


@pytest.fixture
def house(tmp_path: Path, clock: FakeClock) -> Iterator[House]:
    database = Database(f"sqlite:///{tmp_path / 'casegate.db'}")
    migrate.ready(database)
    clock.set(NOW)
    yield House(database, clock)
    database.close()


def test_a_mail_under_way_is_not_sent_again_however_long_it_takes(house: House, clock: FakeClock) -> None:
    route, second = FakeRoute(BOB, EVE), FakeRoute()
    with house.delivering(route):
        wait_until(lambda: len(route.sent) == 2, "both to be sent")
        with house.delivering(second):
            for _ in range(4):  # twice the lease, in steps that leave it time for a renewal
                now = clock.advance(LEASE.total_seconds() / 2)
                for address in (BOB, EVE):
                    wait_until(lambda to=address, now=now: house.due_at(to) == now + LEASE, "the lease to be renewed")
    assert (sorted(route.sent), second.sent) == ([BOB, EVE], [])
    for address in (BOB, EVE):
        row = house.recipient(address)
        assert (row.state, row.attempts, row.unsettled) == ("delivered", 1, 0)


def test_who_has_an_answer_is_settled_while_another_host_is_slow(house: House) -> None:
    with house.delivering(FakeRoute(EVE)):
        house.wait_for(BOB, "delivered")
        assert house.recipient(EVE).leased


def test_a_response_lost_after_the_final_dot_is_counted_as_unsettled(house: House) -> None:
    with house.delivering(FakeRoute(response=R451_UNKNOWN)):
        row = house.wait_for(BOB, "deferred")
    assert (row.attempts, row.unsettled, row.leased) == (1, 1, False)
    with house.database.read() as unit:
        ended = unit.execute(select(attempt.c.outcome).where(attempt.c.recipient_id == row.id)).scalars().all()
    assert ended == ["deferred"]


def test_a_mail_that_cannot_be_read_is_left_to_its_lease(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []

    def broken(_database, outbox_id):
        loads.append(outbox_id)
        raise OSError("the disk is away")

    monkeypatch.setattr(leaving, "load", broken)
    route = FakeRoute()
    with house.delivering(route):
        wait_until(lambda: loads, "the mail to be read")
    assert route.sent == []
    assert (house.recipient(BOB).attempts, house.due_at(BOB)) == (1, NOW + LEASE)


def test_a_damaged_mail_is_not_sent_and_tried_again_by_the_schedule(house: House) -> None:
    row = accepted(house.database, "two")
    with house.database.move(Move.ROUTE) as unit:
        whole = outgoing("two", row.seq, content_id=row.content_id, recipients=("fay@far.example",))
        outbox.put(unit, whole, NOW)
        unit.execute(update(content_chunk).values(octets=b"torn"))
    route = FakeRoute()
    with house.delivering(route):
        row = house.wait_for("fay@far.example", "deferred")
    assert "fay@far.example" not in route.sent
    assert (row.response, row.unsettled) == (str(R451_UNREADABLE), 0)
    assert row.due_at > NOW
