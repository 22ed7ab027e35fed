# SPDX-License-Identifier: Apache-2.0
"""A clock that stands still until a test moves it: handlers.ports.Clock."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Begins at a fixed instant, so that every run sees the same times."""

    def __init__(self, start: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        return self._now

    def advance(self, seconds: float) -> datetime:
        """Move on by so many seconds; returns the new instant."""
        self._now += timedelta(seconds=seconds)
        return self._now

    def set(self, instant: datetime) -> None:
        """Jump to an aware instant."""
        self._now = instant.astimezone(UTC)
