# SPDX-License-Identifier: Apache-2.0
"""What a piece of work costs, for a ratio to another piece in the same test: CPU seconds, never the wall clock.

Without the garbage collector, which goes through all that the tests before have left behind.
"""

import gc
import time
from collections.abc import Callable

LONG_ENOUGH_S, MANY = 0.03, 30


def seconds(work: Callable[[], object]) -> float:
    """The best of three; of short work the best of more, so that one moment of a busy neighbour is not all of them."""
    took = [_once(work) for _ in range(3)]
    while sum(took) < LONG_ENOUGH_S and len(took) < MANY:
        took.append(_once(work))
    return min(took)


def within(limit_s: float, work: Callable[[], object]) -> bool:
    """Whether it costs less; the first of three that does is enough."""
    return any(_once(work) < limit_s for _ in range(3))


def unit() -> float:
    """What this machine needs for a million sums now: 30 ms on ours; for work that has nothing to be compared with."""
    return seconds(lambda: sum(number * number for number in range(1_000_000)))


def _once(work: Callable[[], object]) -> float:
    gc.disable()
    try:
        begin = time.process_time()
        work()
        return time.process_time() - begin
    finally:
        gc.enable()
