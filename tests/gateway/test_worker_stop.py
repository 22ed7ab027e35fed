# SPDX-License-Identifier: Apache-2.0
"""A worker without Redis ends at the first signal, and a further one does not disturb it."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.bell import Doors
from gateway.worker import Worker, serve_own


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """The worker takes SIGTERM and SIGINT; pytest wants them back."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


class Interrupted:
    """gateway.jobs.Jobs of a process that is told to stop in the middle of them, again and again."""

    times = 1

    def tidy(self) -> None:
        for _ in range(self.times):
            os.kill(os.getpid(), signal.SIGTERM)

    def route(self, ids: list[str]) -> int:
        return 0

    def route_due(self) -> int:
        return 0

    assign_waiting = probe = route_due


class Still:
    """gateway.deliverer.Deliverer that has nothing to do."""

    def wake(self) -> None:
        pass


# One; so many that the socket that wakes it is full.
@pytest.mark.parametrize("times", [1, 2000])
def test_further_signals_while_it_ends_and_after_it_has_ended_change_nothing(tmp_path: Path, times: int):
    jobs: Any = Interrupted()
    jobs.times = times
    deliverer: Any = Still()
    worker = Worker(jobs, deliverer, 3600)
    serve_own(worker, Doors(tmp_path), 3600)
    os.kill(os.getpid(), signal.SIGINT)  # while deliveries are finished
    assert worker.stopping.is_set()
