# SPDX-License-Identifier: Apache-2.0
"""The bench's arithmetic."""

import pytest

from bench.figures import Spread, percentile, ratios, spread

ROUNDS = [
    # One round is its own median and spread.
    ([3.0], Spread(3.0, 3.0, 3.0)),
    # An odd number of rounds: the middle one, whatever the order they came in.
    ([5.0, 1.0, 3.0, 2.0, 4.0], Spread(3.0, 1.0, 5.0)),
    # An even number: the mean of the two in the middle.
    ([1.0, 2.0, 4.0, 100.0], Spread(3.0, 1.0, 100.0)),
]


@pytest.mark.parametrize(("values", "expected"), ROUNDS)
def test_a_spread_is_the_median_with_least_and_greatest(values, expected):
    assert spread(values) == expected


def test_no_round_has_no_median():
    with pytest.raises(ValueError):
        spread([])


def test_a_ratio_is_taken_within_each_round():
    # Both sides were slow in the second round: the ratio does not see it, a ratio of unpaired extremes would.
    assert ratios([400.0, 200.0, 440.0], [200.0, 100.0, 200.0]) == Spread(2.0, 2.0, 2.2)


def test_a_ratio_needs_the_same_rounds_on_both_sides():
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


PERCENTILES = [
    # The median of an odd number.
    ([3.0, 1.0, 2.0], 50, 2.0),
    # Nearest rank: the 99th of a hundred, not the greatest.
    ([float(number) for number in range(1, 101)], 99, 99.0),
    # Few values: the greatest.
    ([1.0, 2.0], 99, 2.0),
    # Nothing below the least.
    ([7.0, 8.0], 0, 7.0),
]


@pytest.mark.parametrize(("values", "percent", "expected"), PERCENTILES)
def test_a_percentile_is_a_value_that_was_measured(values, percent, expected):
    assert percentile(values, percent) == expected
