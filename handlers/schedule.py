# SPDX-License-Identifier: Apache-2.0
"""When a deferred recipient is tried again: pure arithmetic over a published list of delays.

Enters: how many attempts were made, when the first and the present one were, and one random number.
Leaves: the next instant, or None when it is time to give up (RFC 5321 §4.5.4.1).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

SPREAD = 0.1  # a tenth earlier or later, so that mails deferred together do not come back together


@dataclass(frozen=True, slots=True)
class Schedule:
    """The delay after each attempt, the last one repeated, until `give_up` has passed since the first attempt."""

    delays: tuple[timedelta, ...]
    give_up: timedelta

    def __post_init__(self) -> None:
        if not self.delays or min(self.delays) <= timedelta(0):
            raise ValueError("a schedule needs at least one delay, and each above zero")


def next_attempt(
    attempts: int, first_at: datetime, now: datetime, schedule: Schedule, jitter: float
) -> datetime | None:
    """The instant after `attempts` attempts, of which the last is `now`; `jitter` is in [0, 1]; None: give up."""
    delay = schedule.delays[min(max(attempts, 1), len(schedule.delays)) - 1]
    following = now + delay * (1 - SPREAD + 2 * SPREAD * jitter)
    return following if following < first_at + schedule.give_up else None
