# SPDX-License-Identifier: Apache-2.0
"""Jobs that work mail for one ended case at the same moment, and somebody who ends it meanwhile, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from sqlalchemy import text

from handlers import changing, following
from handlers.acting import casegate
from handlers.changes import merging
from storage import cases
from storage.states import Move
from tests.handlers.changes.hands import Hands
from tests.support.office import World, customer_address, mail, sign
from tests.support.waiting import PATIENCE_S, wait_until

MAILS = 4


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An office on each database."""
    is_sqlite = request.param == "sqlite"
    made = World(f"sqlite:///{tmp_path}/casegate.db" if is_sqlite else request.getfixturevalue("postgres_store"))
    yield made
    made.close()


def test_mails_that_come_too_late_at_once_make_one_case(office: World) -> None:
    token = office.carl().token
    end(office, 1)
    office.clock.advance(31 * 86_400)
    late = [accept(office, token) for _ in range(MAILS)]
    at_once([lambda one=one: office.work_one(one) for one in late])
    office.clock.advance(2)
    office.route()
    assert {office.message(one).case.number for one in late} == {2}
    assert (office.case(1).status, office.case(1).links, office.case(2).status) == (
        "closed",
        [("followed_by", 2)],
        "new",
    )


def test_whoever_ends_a_case_while_its_mail_is_worked_leaves_the_mail_in_it(office: World) -> None:
    token = office.carl().token
    for _ in range(3):
        one = accept(office, token)
        at_once([lambda: office.work_one(one), lambda: end(office, 1)])  # noqa: B023 (it is done when this returns)
        office.clock.advance(2)
        office.route()
        assert (office.message(one).state, office.message(one).case.number) == ("routed", 1)
        statuses = [detail["after"] for _, kind, detail in office.case(1).events if kind == "status"]
        assert statuses[-1] == office.case(1).status


@pytest.mark.postgres
def test_a_merge_waits_for_a_late_mail_and_neither_is_torn(
    postgres_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job holds all threads that go on before it holds a case, as whoever merges does (decision 0031)."""
    office = Hands(postgres_store)
    token = office.carl().token
    for number in (1, 2):
        end(office, number)
        office.clock.advance(31 * 86_400)
        late = accept(office, token)
        if number == 1:
            office.route()
    asked, is_over = Event(), following.is_over

    def wait_for_the_merge(case: Any, work: Any) -> bool:
        asked.set()
        wait_until(lambda: waiting(office), "the merge waits")
        return is_over(case, work)

    monkeypatch.setattr(following, "is_over", wait_for_the_merge)
    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(office.work_one, late)
        assert asked.wait(PATIENCE_S)
        merged = pool.submit(merge, office)
        assert job.result(60) is False
        merged.result(60)
    monkeypatch.undo()
    office.route()
    assert office.message(late).case.number == 3
    office.close()


def merge(office: Hands) -> None:
    """Once: whoever is the victim of a deadlock fails."""
    with office.database.move(Move.CHANGE) as unit:
        merging.merge(unit, office.office.desk, (2, 1), office.by, is_sure=True)


def waiting(office: World) -> bool:
    """Whether anybody waits for a lock of the database."""
    with office.database.read() as unit:
        rows = unit.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        return bool(rows.scalar_one())


def accept(office: World, token: str) -> str:
    return office.accept(sign(mail(), "customer.example"), customer_address(token))


def end(office: World, number: int) -> None:
    with office.database.move(Move.EDIT) as unit:
        case = cases.lock(unit, office.case(number).id)
        changing.change(unit, office.office.desk, case, {"status": "closed"}, casegate(office.now))


def at_once(work: list[Callable[[], Any]]) -> None:
    """Each in a thread of its own, begun together."""
    barrier = Barrier(len(work))

    def begin(one: Callable[[], Any]) -> Any:
        barrier.wait(PATIENCE_S)
        return one()

    with ThreadPoolExecutor(len(work)) as pool:
        list(pool.map(begin, work))
