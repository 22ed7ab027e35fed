# SPDX-License-Identifier: Apache-2.0
"""What nobody deals with leaves the quarantine by itself: after quarantine.keep, a bounded number at a time."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import jobs
from gateway.jobs import Jobs, Tools
from storage import listing, quarantine
from storage.commit_group import GroupCommitter
from tests.support.office import World, mail

KEEP = timedelta(days=30)
Make = Callable[..., Jobs]


@pytest.fixture
def world(tmp_path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'casegate.db'}")
    yield made
    made.close()


@pytest.fixture
def make(world: World) -> Iterator[Make]:
    """Jobs that keep held mail for so long."""
    committer = GroupCommitter(world.database)
    reception: Any = SimpleNamespace(fresh_office=lambda: world.office)
    bell: Any = SimpleNamespace(ring=lambda ids: None)

    def _make(keep: timedelta = KEEP) -> Jobs:
        tools = (world.database, committer, reception, world.signer, world.clock, bell)
        return Jobs(Tools(*tools, lease=timedelta(minutes=1), quarantine_keep=keep))

    yield _make
    committer.close()


def held(world: World) -> int:
    with world.database.read() as unit:
        return quarantine.tally(unit).count


def test_held_mail_expires_when_its_time_is_over_and_the_log_tells_of_each(
    world: World, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    old = world.accept(mail("Eve <eve@evil.example>"), "held@firm.example")
    world.clock.advance(86400)
    young = world.accept(mail("Eve <eve@evil.example>"), "held@firm.example")
    world.clock.advance(29 * 86400 + 1)
    with caplog.at_level(logging.INFO, "gateway.jobs"):
        make().tidy()
    told = [record.getMessage() for record in caplog.records]
    assert told == [f"message {old} has expired in quarantine"]
    with world.database.read() as unit:
        rows = [listing.message_by_id(unit, one) for one in (old, young)]
    assert [row.state for row in rows] == ["dropped", "quarantined"]
    assert "nobody released it in 30 days (quarantine.keep)" in rows[0].trace


def test_another_time_counts_for_what_is_held_already(world: World, make: Make) -> None:
    world.accept(mail("Eve <eve@evil.example>"), "held@firm.example")
    world.clock.advance(3 * 3600)
    make(timedelta(hours=4)).tidy()
    assert held(world) == 1
    make(timedelta(hours=2)).tidy()
    assert held(world) == 0


def test_a_heap_of_held_mail_goes_bit_by_bit(world: World, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(7):
        world.accept(mail("Eve <eve@evil.example>"), "held@firm.example")
    world.clock.advance(31 * 86400)
    monkeypatch.setattr(quarantine, "EXPIRE_AT_ONCE", 2)
    monkeypatch.setattr(jobs, "EXPIRIES", 2)
    left = []
    for _ in range(3):
        make().tidy()
        left.append(held(world))
    assert left == [3, 0, 0]
