# SPDX-License-Identifier: Apache-2.0
"""What a piece of work costs, for a ratio to another piece in the same test: CPU seconds, never the wall clock."""

import time
from collections.abc import Callable


def seconds(work: Callable[[], object]) -> float:
    """The best of three."""
    return min(_once(work) for _ in range(3))


def _once(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin
