# SPDX-License-Identifier: Apache-2.0
"""Processes die by SIGKILL at every kill point of the state table and start again: nothing is lost, nothing is doubled.

One installation for each stack lives through all of it, one death after the other.
"""

from collections.abc import Iterator

import pytest

from storage.states import Move, kill_points
from tests.crash.conftest import ONE_OF_EACH, Build
from tests.crash.house import House
from tests.crash.ledger import LARGE_OCTETS
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


# How many more mails the sink has twice: those it had taken when the knowledge of it was lost. Copy and acknowledgement
# leave at the same time: where one is settled, the other may just have been taken.
@pytest.mark.parametrize(
    ("point", "fewest", "most"),
    [("take:before", 0, 0), ("take:after", 0, 0), ("settle:before", 1, 2), ("settle:after", 0, 1)],
)
def test_over_smtp_only_a_lost_settlement_sends_twice(sending_house: House, point: str, fewest: int, most: int):
    move, _, side = point.partition(":")
    before = sending_house.check()
    DELIVERY[move](sending_house, side)
    assert fewest <= sending_house.check() - before <= most


# A large reply is written ahead twice, as the agent sent it and as it leaves: the death is in the second one.
@pytest.mark.parametrize(("point", "orphans"), [("arrive:before:5", 1), ("arrive:after:5", 2)])
def test_a_large_reply_that_was_cut_off_leaves_once(house: House, point: str, orphans: int):
    house.settle()
    asked = house.ledger.send(house.ledger.mail())
    reply = house.ledger.reply(house.copy_of(asked), LARGE_OCTETS)
    with house.dying("submission", point):
        assert not house.ledger.try_reply(reply)
    house.ledger.send_reply(reply)
    assert house.check(orphans) == 0


def test_a_250_that_the_remote_sent_and_we_never_heard_is_counted(sending_house: House):
    before = sending_house.check()
    sending_house.sink.lose_250()
    sending_house.ledger.send(sending_house.ledger.mail())
    assert sending_house.check() == before + 1
