# SPDX-License-Identifier: Apache-2.0
"""What a piece of work costs, for a ratio to another piece in the same test: CPU seconds, never the wall clock.

Without the garbage collector, which goes through all that the tests before have left behind.
"""

import gc
import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """The best of three."""
    return min(_once(work) for _ in range(3))


def within(limit_s: float, work: Callable[[], object]) -> bool:
    """Whether it costs less; the first of three that does is enough."""
    return any(_once(work) < limit_s for _ in range(3))


def _once(work: Callable[[], object]) -> float:
    gc.disable()
    try:
        begin = time.process_time()
        work()
        return time.process_time() - begin
    finally:
        gc.enable()
