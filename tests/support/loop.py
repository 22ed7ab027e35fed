# SPDX-License-Identifier: Apache-2.0
"""The event loop of the tests: its clock does not see that the machine stalled.

Time goes on while nothing comes, as far as was waited for, and by a moment at most for each turn of the loop. So a
deadline passes when its client is silent, and not because neither program nor test was let run.
"""

import asyncio
import selectors
import time

MOMENT_S = 0.01


class _Selector(selectors.DefaultSelector):
    """Tells the clock how long a wait may have been."""

    clock: "Clock"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.clock.go_on(MOMENT_S)
        events = super().select(timeout)
        self.clock.go_on(MOMENT_S if events or timeout is None else timeout)
        return events


class Clock:
    """Monotonic seconds of which those in a stall are left out."""

    def __init__(self) -> None:
        self._seen, self.now = time.monotonic(), 0.0

    def go_on(self, most_s: float) -> float:
        """So much of what has passed since the last look counts; the time now."""
        seen = time.monotonic()
        self.now += min(seen - self._seen, most_s)
        self._seen = seen
        return self.now


class Loop(asyncio.SelectorEventLoop):
    """The loop on that clock."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.clock = self._clock = Clock()
        super().__init__(selector)

    def time(self) -> float:
        return self._clock.go_on(MOMENT_S)


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return Loop()
