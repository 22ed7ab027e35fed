# SPDX-License-Identifier: Apache-2.0
"""The published schedule, its jitter and its end; what a response means for a recipient."""

from datetime import UTC, datetime, timedelta

import pytest

from handlers.delivery import Outcome, outcome
from handlers.schedule import Schedule, next_attempt
from storage.response import Response

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
PUBLISHED = Schedule(tuple(timedelta(minutes=m) for m in (5, 15, 30, 60, 120, 240, 480, 960)), timedelta(days=4))
LATER = FIRST + timedelta(hours=1)


@pytest.mark.parametrize(
    ("attempts", "minutes"),
    [(0, 5), (1, 5), (2, 15), (3, 30), (4, 60), (5, 120), (6, 240), (7, 480), (8, 960), (9, 960), (1000, 960)],
)
def test_each_attempt_waits_as_published(attempts, minutes):
    assert next_attempt(attempts, FIRST, FIRST, PUBLISHED, 0.5) == FIRST + timedelta(minutes=minutes)


@pytest.mark.parametrize(("jitter", "seconds"), [(0.0, 270), (0.5, 300), (1.0, 330)])
def test_the_jitter_is_a_tenth_each_way(jitter, seconds):
    assert next_attempt(1, FIRST, FIRST, PUBLISHED, jitter) == FIRST + timedelta(seconds=seconds)


def test_no_attempt_lies_beyond_the_end():
    end = FIRST + timedelta(days=4)
    assert next_attempt(1, FIRST, end - timedelta(minutes=6), PUBLISHED, 0.5) == end - timedelta(minutes=1)
    assert next_attempt(1, FIRST, end - timedelta(minutes=5), PUBLISHED, 0.5) is None
    assert next_attempt(1, FIRST, end + timedelta(days=1), PUBLISHED, 0.5) is None


def test_the_shipped_schedule_ends_as_the_sample_configuration_says():
    now, last, attempts = FIRST, FIRST, 0
    while now is not None:
        attempts, last = attempts + 1, now
        now = next_attempt(attempts, FIRST, now, PUBLISHED, 0.5)
    assert (attempts, last - FIRST) == (13, timedelta(hours=95, minutes=50))


@pytest.mark.parametrize("delays", [(), (timedelta(0),), (timedelta(minutes=-1),)])
def test_a_schedule_that_would_spin_is_refused(delays):
    with pytest.raises(ValueError, match="delay"):
        Schedule(delays, timedelta(days=1))


@pytest.mark.parametrize(
    ("code", "next_at", "expected"),
    [
        (250, LATER, Outcome.DELIVERED),
        (251, None, Outcome.DELIVERED),
        (451, LATER, Outcome.DEFERRED),
        # the last attempt is over
        (451, None, Outcome.FAILED),
        (550, LATER, Outcome.FAILED),
        (550, None, Outcome.FAILED),
        # an intermediate response promises nothing, so the mail is still ours
        (354, LATER, Outcome.DEFERRED),
    ],
)
def test_a_response_settles_the_recipient(code, next_at, expected):
    settled = outcome(Response(code, "", "text"), next_at)
    assert settled.outcome is expected
    assert settled.next_attempt_at == (LATER if expected is Outcome.DEFERRED else None)
    assert settled.response.code == code
