# SPDX-License-Identifier: Apache-2.0
"""Ways, probes and aliases on both databases: each probe once, whoever looks, and nothing decided twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from storage import desk, listing, outbox, probes, ways
from storage.database import Database
from storage.desk_version import version
from storage.probes import EXPIRES, NewProbe
from storage.states import Move
from storage.ways import Confirmation, Host, Passage, Way
from tests.storage.given import NOW, applied, outgoing

KEY = "support@firm.example"
FAR = NOW + timedelta(days=1)
HOST = Host("192.0.2.1", "mail.forwarder.example", "", True, "2026-11-22T12:00:00Z")
SEEN = Passage(
    at="2026-11-22T12:00:00Z",
    latency_s=1.5,
    host=HOST,
    helo="mail.forwarder.example",
    received=("a.example",),
    spf="fail",
    dkim="pass",
    dmarc="pass",
    reverse_path="x@y.example",
    is_rewritten=True,
    fields=("x-tag",),
    subject_before="[External]",
    subject_after="",
    body="unchanged",
)


@pytest.fixture
def forwarded(database: Database) -> Database:
    """A forwarded address that nobody has proved."""
    applied(database)
    with database.move(Move.ADDRESS) as unit:
        ways.put(unit, Way(KEY, KEY, "forwarded", "in-abc"), "MX: elsewhere", NOW)
    return database


def sent(database: Database, name: str, at: datetime = NOW) -> int:
    with database.move(Move.PROBE) as unit:
        row = outbox.put(unit, outgoing(name, None, kind="probe", recipients=(KEY,)), at)
        probes.add(unit, NewProbe(name, KEY, row, "heartbeat", at, at + timedelta(minutes=30)))
    return row


def moved(database: Database, move: Move, do: Callable[..., Any]) -> Any:
    with database.move(move) as unit:
        return do(unit)


def test_what_was_learnt_is_read_as_it_was_written(forwarded: Database):
    value = Way(KEY, KEY, "forwarded", "in-abc", True, (HOST,), SEEN, SEEN)
    with forwarded.read() as unit:
        before = version(unit)
    moved(forwarded, Move.ROUTE, lambda unit: ways.note_passage(unit, value, learns=True, now=NOW))
    with forwarded.read() as unit:
        assert ways.all_of(unit) == {KEY: value}
        assert desk.snapshot(unit).ways[KEY] == value
        assert version(unit) > before


def test_a_due_heartbeat_is_taken_by_one_worker_only(forwarded: Database, connect: Callable[[], Database]):
    moved(forwarded, Move.ADDRESS, lambda unit: ways.plan_probe(unit, KEY, NOW))
    with forwarded.read() as unit:
        assert ways.is_due(unit, NOW, FAR)
    other = connect()
    with forwarded.move(Move.PROBE) as unit:
        assert [row.key for row in ways.due(unit, NOW, FAR, 10)] == [KEY]
        if not other.is_sqlite:  # SQLite's writers wait for each other
            with other.move(Move.PROBE) as second:
                assert ways.due(second, NOW, FAR, 10) == []
        ways.plan_probe(unit, KEY, NOW + timedelta(hours=1))
    with other.move(Move.PROBE) as unit:
        assert ways.due(unit, NOW, FAR, 10) == []


def test_a_probe_comes_back_once_and_not_when_it_is_too_old(forwarded: Database):
    sent(forwarded, "p1")
    back = [moved(forwarded, Move.ROUTE, lambda unit: probes.come_back(unit, "p1", NOW)) for _ in range(2)]
    assert [row is not None for row in back] == [True, False]
    sent(forwarded, "p2")
    late = moved(forwarded, Move.ROUTE, lambda unit: probes.come_back(unit, "p2", NOW + EXPIRES))
    assert (late, moved(forwarded, Move.ROUTE, lambda unit: probes.come_back(unit, "nosuch", NOW))) == (None, None)


def test_a_lost_probe_is_lost_once_and_may_still_come_back(forwarded: Database):
    row = sent(forwarded, "p1")
    later = NOW + timedelta(minutes=31)
    with forwarded.read() as unit:
        assert (probes.is_late(unit, NOW), probes.is_late(unit, later)) == (False, True)
    lost = [len(moved(forwarded, Move.MISS, lambda unit: probes.lose(unit, later, 10))) for _ in range(2)]
    assert lost == [1, 0]
    assert moved(forwarded, Move.SETTLE, lambda unit: probes.refuse(unit, row, "550", later)) is None
    moved(forwarded, Move.MISS, lambda unit: outbox.give_up(unit, row, "not sent in time"))
    assert moved(forwarded, Move.TAKE, lambda unit: outbox.take(unit, later, timedelta(minutes=1), 10)) == []
    assert moved(forwarded, Move.ROUTE, lambda unit: probes.come_back(unit, "p1", later)).state == "returned"


def test_old_probes_go_with_what_left_for_them_but_the_newest_of_each_way(
    forwarded: Database, connect: Callable[[], Database]
):
    names = ("old", "lost", "waits", "newest")
    rows = {name: sent(forwarded, name) for name in names}
    later = NOW + probes.KEPT + timedelta(seconds=1)
    for name in ("old", "waits", "newest"):
        moved(forwarded, Move.ROUTE, lambda unit, n=name: probes.come_back(unit, n, NOW))
    moved(forwarded, Move.MISS, lambda unit: probes.lose(unit, later, 10))
    for name in ("old", "lost", "newest"):  # of the other one no host has said what became of it
        moved(forwarded, Move.MISS, lambda unit, n=name: outbox.give_up(unit, rows[n], "not sent in time"))
    assert moved(forwarded, Move.TIDY, lambda unit: probes.forget_old(unit, later - timedelta(seconds=2))) == 0
    done = [moved(each, Move.TIDY, lambda unit: probes.forget_old(unit, later)) for each in (forwarded, connect())]
    assert done == [2, 0]
    with forwarded.read() as unit:
        assert [probes.by_name(unit, name) is not None for name in names] == [False, False, True, True]
        left = {one.outbox_id for one in listing.outbox_recipients(unit, 10)}
    assert left == {rows["waits"], rows["newest"]}


def test_what_is_under_way_is_not_given_up(forwarded: Database):
    row = sent(forwarded, "p1")
    (taken,) = moved(forwarded, Move.TAKE, lambda unit: outbox.take(unit, NOW, timedelta(minutes=1), 10))
    moved(forwarded, Move.MISS, lambda unit: outbox.give_up(unit, row, "not sent in time"))
    assert moved(forwarded, Move.TAKE, lambda unit: outbox.renew(unit, [taken], NOW, timedelta(minutes=1))) == 1


def test_an_alarm_is_raised_and_ended_once(forwarded: Database):
    words = ("stopped", "stopped", "slow", "", "")
    said = [moved(forwarded, Move.MISS, lambda unit, w=word: ways.set_alarm(unit, KEY, w, NOW)) for word in words]
    assert said == [True, False, True, True, False]


def test_the_intake_stays_and_a_proof_does_not_when_an_address_goes_and_comes_back(forwarded: Database):
    value = Way(KEY, KEY, "forwarded", "in-abc", True, (HOST,), SEEN, SEEN)
    moved(forwarded, Move.ROUTE, lambda unit: ways.note_passage(unit, value, learns=True, now=NOW))
    moved(forwarded, Move.ADDRESS, lambda unit: ways.forget(unit, KEY))
    moved(forwarded, Move.ADDRESS, lambda unit: ways.put(unit, Way(KEY, KEY, "forwarded", "in-new"), "", NOW))
    with forwarded.read() as unit:
        assert ways.all_of(unit) == {KEY: Way(KEY, KEY, "forwarded", "in-abc")}


def test_questions_are_kept_for_an_address_without_a_way_too(database: Database):
    one = Confirmation("google", "a@b.example", "123", "https://x", "2026-11-22T12:00:00Z")
    moved(database, Move.ROUTE, lambda unit: ways.add_confirmation(unit, KEY, KEY, one))
    with database.read() as unit:
        row = ways.rows(unit)[KEY]
    assert (row.kind, ways.confirmations_of(row)) == ("word", (one,))


def test_an_alias_of_an_alias_leads_to_the_last(database: Database):
    moved(database, Move.ADDRESS, lambda unit: ways.put_alias(unit, "a@x", "a@x", "b@x", "command"))
    moved(database, Move.ADDRESS, lambda unit: ways.put_alias(unit, "b@x", "b@x", "c@x", "command"))
    with database.read() as unit:
        assert {key: row.target_key for key, row in ways.aliases(unit).items()} == {"a@x": "c@x", "b@x": "c@x"}
    moved(database, Move.ADDRESS, lambda unit: ways.put_alias(unit, "c@x", "c@x", "a@x", "command"))
    with database.read() as unit:
        assert {key: row.target_key for key, row in ways.aliases(unit).items()} == {"b@x": "a@x", "c@x": "a@x"}
