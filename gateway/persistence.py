# SPDX-License-Identifier: Apache-2.0
"""A change that people make to what others change at the same time: tried again until it is whole, or refused whole."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

from storage.case_changes import Moved
from storage.database import Database, DatabaseUnavailable, Unit, is_ill
from storage.states import Move

T = TypeVar("T")
Begin = Callable[[Database], AbstractContextManager[Unit]]

MOST_TRIES = 6  # of a call that meets others at the same rows
PAUSE_S = 0.05  # after the first of them, twice as long after each


def changing(database: Database) -> AbstractContextManager[Unit]:
    """A unit of work that gives mail another case, or cases another contact."""
    return database.move(Move.CHANGE)


def persistent(database: Database, begin: Begin, do: Callable[[Unit], T]) -> T:
    """Make this move; whoever loses to another one at the same rows looks again. What is refused changes nothing."""
    for tries in range(MOST_TRIES):
        try:
            with begin(database) as unit:
                return do(unit)
        except Exception as error:
            if not isinstance(error, Moved) and (not is_ill(error) or tries == MOST_TRIES - 1):
                raise
        time.sleep(PAUSE_S * 2**tries)
    raise DatabaseUnavailable("what this changes is being changed by others; try again")
