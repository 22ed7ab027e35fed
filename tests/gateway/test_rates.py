# SPDX-License-Identifier: Apache-2.0
"""The counters that all processes of a host share: how much comes through, for whom, and what is forgotten."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gateway.rates import SLOTS, SharedRates
from handlers.rates import Budget

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def rates() -> Iterator[SharedRates]:
    made = SharedRates()
    yield made
    made.close()


def budget(name: str = "carl", mails: int = 60, window_s: int = 3600) -> Budget:
    return Budget(name, mails, window_s, name, "rate_author")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def taken(rates: SharedRates, times: int, when: datetime, *budgets: Budget) -> int:
    """How many of so many mails came through."""
    return sum(rates.take(budgets, when) is None for _ in range(times))


@pytest.mark.parametrize(("mails", "window_s"), [(1, 1), (1, 86_400), (3, 60), (60, 3600), (999_999, 86_400)])
def test_a_full_budget_lets_its_mails_through_at_once_and_then_one_by_one(
    rates: SharedRates, mails: int, window_s: int
) -> None:
    one, asked = budget(mails=mails, window_s=window_s), min(mails, 500)
    assert taken(rates, asked, NOW, one) == asked
    if mails > asked:
        return
    assert rates.take([one], NOW) == one
    each_s = window_s / mails
    assert taken(rates, 5, at(each_s * 0.9), one) == 0
    assert taken(rates, 5, at(each_s), one) == 1
    assert taken(rates, mails + 5, at(each_s + window_s), one) == mails


def test_each_name_has_its_own_budget_and_one_that_is_spent_costs_the_others_nothing(rates: SharedRates) -> None:
    carl, dora, all_ = budget("carl", 2), budget("dora", 2), budget("all", 3)
    assert taken(rates, 5, NOW, carl, all_) == 2
    assert rates.take([carl, all_], NOW) == carl
    assert taken(rates, 5, NOW, dora, all_) == 1
    assert rates.take([dora, all_], NOW) == all_
    assert taken(rates, 5, NOW, dora) == 1


def test_what_another_process_takes_is_taken(rates: SharedRates) -> None:
    one = budget(mails=4)
    child = os.fork()
    if child == 0:
        os._exit(taken(rates, 3, NOW, one))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert taken(rates, 3, NOW, one) == 1


def test_a_clock_that_goes_back_blocks_nobody_for_longer_than_its_step(rates: SharedRates) -> None:
    one = budget(mails=60, window_s=60)
    assert taken(rates, 60, at(100), one) == 60
    assert taken(rates, 1, NOW, one) == 0
    assert taken(rates, 1, at(101), one) == 1


@pytest.mark.parametrize(("mails", "window_s"), [(60, 3600), (60, 86_400), (1, 60)])
def test_a_clock_that_was_a_year_ahead_for_one_mail_costs_one_window_at_most(
    rates: SharedRates, mails: int, window_s: int
) -> None:
    one, year_s = budget(mails=mails, window_s=window_s), 365 * 86_400
    assert taken(rates, 1, at(year_s), one) == 1
    assert taken(rates, 1, NOW, one) == 0
    assert taken(rates, mails + 5, at(window_s), one) == mails


def test_names_that_a_clock_far_ahead_has_left_take_nobodys_room() -> None:
    rates = SharedRates(buckets=1)
    year_s = 365 * 86_400
    for number in range(SLOTS):
        assert rates.take([budget(f"ahead {number}")], at(year_s)) is None
    assert taken(rates, 1, NOW, budget("busy", 1)) == 1
    assert taken(rates, 1, NOW, budget("another", 1)) == 1
    assert taken(rates, 1, NOW, budget("busy", 1)) == 0
    rates.close()


def test_names_beyond_the_room_make_the_idlest_ones_forgotten() -> None:
    """A flood of names cannot grow the memory, nor use up anybody's budget."""
    rates = SharedRates(buckets=2)
    busy = budget("busy", 1, 86_400)
    assert rates.take([busy], NOW) is None
    for number in range(100 * SLOTS):
        assert rates.take([budget(f"name {number}", 1000, 1)], at(number)) is None
    assert rates.take([busy], at(100 * SLOTS)) == busy
    rates.close()
