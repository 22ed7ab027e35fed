# SPDX-License-Identifier: Apache-2.0
"""Who does something to a case, when and why."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class By:
    """`actor` is "casegate", "agent:LOGIN", "contact:ADDRESS" or "operator:USER"."""

    actor: str
    now: datetime
    because: str = ""


def casegate(now: datetime, because: str = "") -> By:
    """Nobody: a rule or the clock."""
    return By("casegate", now, because)
