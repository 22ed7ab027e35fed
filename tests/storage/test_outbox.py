# SPDX-License-Identifier: Apache-2.0
"""What leaves: leased, counted before the wire, settled once."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from storage import listing, outbox, schema
from storage.database import Database
from storage.outbox import Taken
from storage.states import Move, RecipientState
from tests.storage.given import CONTENT, NOW, accepted, outgoing

LEASE = timedelta(minutes=10)


def _put(database: Database, name: str = "out", **changes: object) -> int:
    row = accepted(database, name)
    with database.move(Move.ROUTE) as unit:
        return outbox.put(unit, outgoing(name, row.seq, **changes), NOW)


def _take(database: Database, now: object = NOW, limit: int = 10) -> list[Taken]:
    with database.move(Move.TAKE) as unit:
        return outbox.take(unit, now, LEASE, limit)


def _settle(database: Database, taken: Taken, state: RecipientState, due: object = None) -> bool:
    with database.move(Move.SETTLE) as unit:
        return outbox.settle(unit, taken, state, "250 ok", (NOW, due))


def _recipient(database: Database) -> object:
    with database.read() as unit:
        return unit.execute(select(schema.outbox_recipient)).one()


def test_a_recipient_named_twice_gets_one_mail(database: Database) -> None:
    _put(database, recipients=("a@x.example", "b@x.example", "a@x.example"))
    assert [one.address for one in _take(database)] == ["a@x.example", "b@x.example"]


def test_what_is_taken_is_not_taken_again_before_its_lease_ends(database: Database) -> None:
    _put(database)
    (taken,) = _take(database)
    assert taken.attempts == 1
    assert _take(database, NOW + LEASE - timedelta(seconds=1)) == []
    with database.read() as unit:
        assert not outbox.is_due(unit, NOW)
        assert outbox.is_due(unit, NOW + LEASE)


def test_each_lost_lease_is_counted_once_and_fences_its_holder(database: Database) -> None:
    _put(database)
    (first,) = _take(database)
    (second,) = _take(database, NOW + LEASE)
    assert (second.attempts, _recipient(database).unsettled) == (2, 1)
    assert not _settle(database, first, RecipientState.DELIVERED)
    assert _settle(database, second, RecipientState.DEFERRED, NOW + LEASE * 3)
    (third,) = _take(database, NOW + LEASE * 3)
    assert (third.attempts, _recipient(database).unsettled) == (3, 1)


def _renew(database: Database, now: object, *taken: Taken) -> int:
    with database.move(Move.TAKE) as unit:
        return outbox.renew(unit, taken, now, LEASE)


def test_a_renewed_lease_is_the_same_attempt_from_now_on(database: Database) -> None:
    _put(database)
    (taken,) = _take(database)
    half = NOW + LEASE / 2
    assert _renew(database, half, taken) == 1
    assert _take(database, half + LEASE - timedelta(seconds=1)) == []
    assert (_recipient(database).attempts, _recipient(database).unsettled) == (1, 0)
    assert _settle(database, taken, RecipientState.DELIVERED)


def test_only_its_holder_renews_a_lease_and_only_until_it_is_settled(database: Database) -> None:
    _put(database)
    (first,) = _take(database)
    (second,) = _take(database, NOW + LEASE)
    assert _renew(database, NOW + LEASE * 2, first) == 0
    assert _recipient(database).due_at == NOW + LEASE * 2
    _settle(database, second, RecipientState.DEFERRED, NOW + LEASE * 9)
    assert _renew(database, NOW, second) == 0
    assert _recipient(database).due_at == NOW + LEASE * 9


def test_an_attempt_is_settled_once(database: Database) -> None:
    _put(database)
    (taken,) = _take(database)
    assert _settle(database, taken, RecipientState.DEFERRED, NOW)
    assert not _settle(database, taken, RecipientState.DELIVERED)
    with database.read() as unit:
        (attempt,) = listing.attempts_since(unit, 0)
    assert (attempt.outcome, attempt.response, attempt.at) == ("deferred", "250 ok", NOW)


@pytest.mark.parametrize("state", [RecipientState.DELIVERED, RecipientState.FAILED])
def test_delivered_and_failed_are_final(database: Database, state: RecipientState) -> None:
    _put(database)
    (taken,) = _take(database)
    assert _settle(database, taken, state)
    assert (_recipient(database).state, _recipient(database).due_at) == (state.value, None)
    assert _take(database, NOW + timedelta(days=99)) == []
    assert not _settle(database, replace(taken, attempts=2), RecipientState.DEFERRED, NOW)


def test_a_deferred_recipient_is_due_at_its_time(database: Database) -> None:
    _put(database)
    (taken,) = _take(database)
    _settle(database, taken, RecipientState.DEFERRED, NOW + timedelta(hours=1))
    assert _take(database, NOW + timedelta(minutes=59)) == []
    assert len(_take(database, NOW + timedelta(hours=1))) == 1


def test_the_oldest_are_taken_first_and_no_more_than_asked(database: Database) -> None:
    _put(database, recipients=tuple(f"r{number}@x.example" for number in range(5)))
    assert [one.address for one in _take(database, limit=2)] == ["r0@x.example", "r1@x.example"]


def test_workers_that_take_at_once_share_the_recipients_out(
    database: Database, connect: Callable[[], Database]
) -> None:
    _put(database, recipients=tuple(f"r{number}@x.example" for number in range(20)))
    start, found = threading.Barrier(4), list[int]()

    def work(own: Database) -> None:
        start.wait()
        for _ in range(4):
            found.extend(one.recipient_id for one in _take(own, limit=5))

    workers = [threading.Thread(target=work, args=(connect(),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == len(set(found)) == 20


def test_what_leaves_is_the_head_and_the_body_where_it_lies(database: Database) -> None:
    row = accepted(database, "one")
    offset = CONTENT.index(b"\r\n\r\n") + 4
    with database.move(Move.ROUTE) as unit:
        copy = outbox.put(unit, outgoing("copy", row.seq, content_id=row.content_id, body_offset=offset), NOW)
        alone = outbox.put(unit, outgoing("notice", row.seq), NOW)
    with database.read() as unit:
        assert outbox.load(unit, copy)[1] == b"Subject: Help\r\n\r\nIt is broken.\r\none"
        assert outbox.load(unit, alone)[1] == b"Subject: Help\r\n\r\n"
