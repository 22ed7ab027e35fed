# SPDX-License-Identifier: Apache-2.0
"""The arithmetic: percentile of latencies, median and spread of rounds, ratio of two sides. Pure functions."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds with their least and greatest value."""

    median: float
    least: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Median, least and greatest; there must be at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(side: Sequence[float], peer: Sequence[float]) -> Spread:
    """The ratio within each round, so that what slowed a whole round slows both; equal lengths."""
    return spread([ours / theirs for ours, theirs in zip(side, peer, strict=True)])


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one between two."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]
