# SPDX-License-Identifier: Apache-2.0
"""What one response means for one recipient of the outbox: delivered, deferred or failed (RFC 5321 §4.2.1).

Enters: the response of the route and the instant of the next attempt from `handlers.schedule`, None after the last.
Leaves: a Settlement. What is neither 2xx nor 5xx is temporary.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from storage.response import Response


class Outcome(Enum):
    """How one attempt left one recipient."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Settlement:
    """`next_attempt_at` is set for a deferred recipient, and only there."""

    outcome: Outcome
    next_attempt_at: datetime | None
    response: Response


def outcome(response: Response, next_attempt_at: datetime | None) -> Settlement:
    """Settle one recipient; without a next attempt a temporary failure is final."""
    if 200 <= response.code < 300:
        return Settlement(Outcome.DELIVERED, None, response)
    if response.is_permanent or next_attempt_at is None:
        return Settlement(Outcome.FAILED, None, response)
    return Settlement(Outcome.DEFERRED, next_attempt_at, response)
