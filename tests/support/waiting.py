# SPDX-License-Identifier: Apache-2.0
"""Waits for what another process brings about: looked at again and again until a deadline, never slept for."""

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_S = 240.0  # generous: a test that passes never uses it up, not even where the machine stalls for minutes
TIMEOUT_S = 120.0  # made of pauses, so that a stall of the machine counts as one
PAUSE_S = 0.02


def wait_until(predicate: Callable[[], T], what: str, timeout_s: float = TIMEOUT_S) -> T:
    """The first true value of the predicate; AssertionError with `what` and the last value after the deadline."""
    pause = threading.Event()
    for _ in range(max(1, round(timeout_s / PAUSE_S))):
        value = predicate()
        if value:
            return value
        pause.wait(PAUSE_S)
    raise AssertionError(f"waited in vain for {what}; the last look gave {value!r}")
