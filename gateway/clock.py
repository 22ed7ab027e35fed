# SPDX-License-Identifier: Apache-2.0
"""The real clock; tests bring their own."""

from datetime import UTC, datetime


class SystemClock:
    """handlers.ports.Clock by the system's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)
