# SPDX-License-Identifier: Apache-2.0
"""Stores of this version, migrated once a run and copied for each test: the migrations are a third of a second.

Enters: the URL of a store. Leaves: a store as `migrate.ready` would have made it, where there was none.
"""

import functools
import tempfile
from pathlib import Path

from sqlalchemy import make_url

from storage import migrate
from storage.database import Database


def prepare(url: str) -> None:
    """A SQLite file that is not there yet is made; any other store is left to `migrate.ready`."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite" and not Path(found.database).exists():
        Path(found.database).write_bytes(_migrated())


@functools.cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="casegate-store-") as place:
        file = Path(place) / "casegate.db"
        migrate_at(f"sqlite:///{file}")
        return file.read_bytes()


def migrate_at(url: str) -> None:
    """Migrate an empty store; nothing of a SQLite file stays in its log."""
    database = Database(url)
    migrate.ready(database)
    database.checkpoint()
    database.close()
