# SPDX-License-Identifier: Apache-2.0
"""Who is told of a change of a case, by the desk's rules ([[tell]])."""

from typing import Any

from handlers.acting import By
from storage.database import Unit
from storage.desk import Snapshot


def follow(unit: Unit, desk: Snapshot, before: Any, after: Any, by: By) -> None:
    """Note for each member whom a rule names what they are to be told."""
