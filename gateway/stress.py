# SPDX-License-Identifier: Apache-2.0
"""Stress: when slots or memory of a listener run out, every process of it tightens by itself, and relaxes afterwards.

Enters: which share of either is taken, over all processes. Leaves: whether there is stress, and the deadlines and
bounds for it. It begins at `at_percent` and ends below three quarters of that, so that it does not flicker.
"""

from dataclasses import replace

from gateway.lines import Deadlines

ENDS_AT = 0.75  # of what it began at
MAX_ERRORS = 2
SESSION_FACTOR = 6  # a session may last this many times the silence
RATE_FACTOR = 10  # a content must come so much faster


class Stress:
    """Of one listener, as one process sees it."""

    def __init__(self, at_percent: int, timeout_s: float) -> None:
        self._begins = at_percent
        self._timeout_s = timeout_s
        self.is_on = False

    def look(self, percent: float) -> bool:
        """Whether it has begun or ended with this look."""
        before = self.is_on
        self.is_on = percent >= self._begins if not before else percent >= self._begins * ENDS_AT
        return self.is_on is not before

    def deadlines(self, usual: Deadlines) -> Deadlines:
        """Those for the time of stress, none longer than usual."""
        short = self._timeout_s
        return replace(
            usual,
            command_s=min(usual.command_s, short),
            session_s=min(usual.session_s, short * SESSION_FACTOR),
            content_idle_s=min(usual.content_idle_s, short),
            content_grace_s=min(usual.content_grace_s, short),
            content_octets_per_s=usual.content_octets_per_s * RATE_FACTOR,
            rate_is_recent=True,
            handshake_s=min(usual.handshake_s, short),
        )
