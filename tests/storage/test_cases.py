# SPDX-License-Identifier: Apache-2.0
"""Numbers without gaps, work shared out evenly, links seen from both sides."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from storage import case_views, cases, desk
from storage.cases import Event, Opening
from storage.database import Database, Unit
from storage.states import Move
from tests.storage.given import NOW, accepted, applied


def _team(unit: Unit) -> int:
    return next(iter(desk.snapshot(unit).teams))


def _make(unit: Unit, message: Any, queue: str = "support") -> Any:
    opening = Opening(
        thread_id=message.thread_id,
        thread_token=f"TOKEN-{message.id}",
        team_id=_team(unit),
        queue=queue,
        contact_name="Carl",
        contact_address="carl@customer.example",
        routing_address="support@firm.example",
        subject="Help",
    )
    return cases.make(unit, opening, NOW)


def _case(database: Database, name: str, queue: str = "support") -> Any:
    message = accepted(database, name)
    with database.move(Move.ROUTE) as unit:
        return _make(unit, message, queue)


def test_numbers_rise_without_gaps_also_when_work_fails_and_workers_race(
    database: Database, connect: Callable[[], Database]
) -> None:
    applied(database)
    mails = [[accepted(database, f"m{worker}-{number}") for number in range(6)] for worker in range(3)]
    start, numbers = threading.Barrier(3), list[int]()

    def work(own: Database, mine: list[Any]) -> None:
        start.wait()
        for number, mail in enumerate(mine):
            try:
                with own.move(Move.ROUTE) as unit:
                    made = _make(unit, mail).number
                    if number % 2:
                        raise LookupError
                numbers.append(made)
            except LookupError:
                continue

    workers = [threading.Thread(target=work, args=(connect(), mine)) for mine in mails]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(numbers) == list(range(1, 10))


def test_a_new_case_waits_in_its_queue_and_belongs_to_its_thread(database: Database) -> None:
    applied(database)
    made = _case(database, "one")
    assert (made.number, made.status, made.queue, made.owner_id) == (1, "new", "support", None)
    with database.read() as unit:
        shown = case_views.by_number(unit, 1)
        assert (shown.team, shown.owner) == ("support", None)
        assert len(cases.threads_of(unit, made.id)) == 1


def test_workers_that_assign_at_once_share_the_cases_evenly(
    database: Database, connect: Callable[[], Database]
) -> None:
    applied(database)
    made = [_case(database, f"m{number}") for number in range(8)]
    start = threading.Barrier(2)

    def work(own: Database, mine: list[Any]) -> None:
        start.wait()
        for case in mine:
            with own.move(Move.ASSIGN) as unit:
                cases.write(unit, case.id, {"owner_id": cases.least_loaded(unit, case.team_id).id, "queue": None})

    workers = [threading.Thread(target=work, args=(connect(), made[part::2])) for part in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    with database.read() as unit:
        owners = [case_views.by_number(unit, number).owner for number in range(1, 9)]
        assert cases.waiting(unit, 10) == []
    assert (owners.count("ann"), owners.count("bob")) == (4, 4)


def test_solved_cases_are_no_load_and_those_who_are_away_get_none(database: Database) -> None:
    applied(database)
    made = _case(database, "one")
    with database.move(Move.ASSIGN) as unit:
        ann = cases.least_loaded(unit, made.team_id)
        cases.write(unit, made.id, {"owner_id": ann.id, "queue": None})
        assert cases.least_loaded(unit, made.team_id).login == "bob"
        cases.write(unit, made.id, {"status": "solved", "status_kind": "solved"})
        assert cases.least_loaded(unit, made.team_id).login == "ann"
        desk.set_presence(unit, "ann", "away")
        assert cases.least_loaded(unit, made.team_id).login == "bob"
        desk.set_presence(unit, "bob", "away")
        assert cases.least_loaded(unit, made.team_id) is None


def test_only_open_cases_of_a_team_with_somebody_free_are_waiting(database: Database) -> None:
    applied(database)
    one, two, three = _case(database, "one"), _case(database, "two"), _case(database, "three", cases.FALLBACK_QUEUE)
    with database.move(Move.ASSIGN) as unit:
        assert cases.waiting(unit, 10) == [one.id, two.id]
        assert three.queue == "fallback"
        cases.write(unit, one.id, {"status": "closed", "status_kind": "closed"})
        assert cases.waiting(unit, 10) == [two.id]
        for login in ("ann", "bob"):
            desk.set_presence(unit, login, "away")
        assert cases.waiting(unit, 10) == []


def test_a_link_is_seen_from_both_cases_once(database: Database) -> None:
    applied(database)
    one, two = _case(database, "one"), _case(database, "two")
    with database.move(Move.ROUTE) as unit:
        for _ in range(2):
            cases.add_link(unit, one.id, two.id, "third_party")
        cases.add_link(unit, one.id, one.id, "third_party")
        assert case_views.links(unit, [one.id])[one.id] == [("third_party", 2)]
        assert case_views.links(unit, [two.id])[two.id] == [("third_party", 1)]


def test_a_timeline_tells_in_order(database: Database) -> None:
    applied(database)
    case = _case(database, "one")
    with database.move(Move.ROUTE) as unit:
        for number in range(3):
            cases.add_event(unit, case.id, Event("casegate", "note", {"n": number}), NOW)
        assert [event.detail for event in cases.timeline(unit, case.id)] == ['{"n":0}', '{"n":1}', '{"n":2}']


@pytest.mark.parametrize(("most", "allowed"), [(1, False), (2, True)])
def test_acknowledgements_are_bounded_for_each_case_and_each_author(
    database: Database, most: int, allowed: bool
) -> None:
    applied(database)
    one, two = _case(database, "one"), _case(database, "two")
    since = NOW - timedelta(days=1)
    with database.move(Move.ROUTE) as unit:
        assert cases.may_acknowledge(unit, one.id, "carl@customer.example", since, most)
        cases.note_acknowledgement(unit, one.id, "carl@customer.example", NOW)
        assert not cases.may_acknowledge(unit, one.id, "other@customer.example", since, most)
        assert cases.may_acknowledge(unit, two.id, "carl@customer.example", since, most) is allowed
        assert cases.may_acknowledge(unit, two.id, "carl@customer.example", NOW, most)
