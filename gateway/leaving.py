# SPDX-License-Identifier: Apache-2.0
"""An outbox row and the content that leaves, read from the store as often as a route asks for it.

The survey is one look at the store; after it each piece of a large content is read in a look of its own, for a
slow remote must not keep a reader of old pages open (SQLite's log would grow for as long).
"""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from handlers.contents import Content, Unreadable, survey
from storage import leaving, outbox
from storage.content import ContentMissing, Look
from storage.database import Database, is_unavailable


def load(database: Database, outbox_id: int) -> tuple[Any, Content]:
    """The row and its content, surveyed; raises whatever the store raises, and Unreadable for a damaged content."""
    with database.read() as unit:
        row = outbox.row_of(unit, outbox_id)
        return row, survey(_pieces(lambda: nullcontext(unit), row), partial(_pieces, database.read, row))


def _pieces(look: Look, row: Any) -> Iterator[bytes]:
    try:
        yield from leaving.pieces(look, row)
    except ContentMissing as error:
        raise Unreadable(str(error)) from error
    except Exception as error:
        if not is_unavailable(error):
            raise
        raise Unreadable(f"the store cannot be read: {type(error).__name__}") from error
