# SPDX-License-Identifier: Apache-2.0
"""Processes die by SIGKILL at every kill point of the state table and start again: nothing is lost, nothing is doubled.

One installation for each stack lives through all of it, one death after the other.
"""

from collections.abc import Iterator

import pytest

from storage.states import Move, kill_points
from tests.crash.conftest import ONE_OF_EACH, Build
from tests.crash.house import House
from tests.crash.scenarios import SCENARIOS, settle, take
from tests.support.fake_mx import FakeMx

pytestmark = pytest.mark.slow

DELIVERY = {"take": take, "settle": settle}


@pytest.fixture(scope="module")
def house(build: Build) -> House:
    """Mail leaves into a maildir."""
    made = build(ONE_OF_EACH)
    made.start("mx", "submission", "worker")
    return made


@pytest.fixture(scope="module")
def sending_house(build: Build) -> Iterator[House]:
    """Mail leaves to an SMTP server."""
    with FakeMx() as sink:
        made = build(ONE_OF_EACH, sink)
        made.start("mx", "worker")
        yield made
        made.close()


def test_every_kill_point_has_a_scenario():
    assert {f"{move.value}:{side}" for move in SCENARIOS for side in ("before", "after")} == set(kill_points())


@pytest.mark.parametrize("point", kill_points())
def test_nothing_is_lost_or_doubled_by_a_death_at(house: House, point: str):
    move, _, side = point.partition(":")
    orphans = SCENARIOS[Move(move)](house, side)
    assert house.check(orphans) == 0


# Whether the sink has a mail twice: it does exactly where it had the mail and the settlement was lost.
@pytest.mark.parametrize(
    ("point", "is_sent_twice"),
    [("take:before", False), ("take:after", False), ("settle:before", True), ("settle:after", False)],
)
def test_over_smtp_only_a_lost_settlement_sends_twice(sending_house: House, point: str, is_sent_twice: bool):
    move, _, side = point.partition(":")
    before = sending_house.check()
    DELIVERY[move](sending_house, side)
    assert (sending_house.check() > before) == is_sent_twice
