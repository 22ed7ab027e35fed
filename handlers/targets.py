# SPDX-License-Identifier: Apache-2.0
"""How soon a case is to be answered and resolved: what a change of the case does to its targets."""

from typing import Any

from handlers.acting import By
from storage.database import Unit
from storage.desk import Snapshot


def follow(unit: Unit, desk: Snapshot, before: Any, after: Any, by: By) -> None:
    """Pause, resume or end the targets of a case that has changed."""
