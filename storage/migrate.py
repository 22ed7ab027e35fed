# SPDX-License-Identifier: Apache-2.0
"""The schema's version: a fresh database is set up at once, an old one waits for `casegate migrate`.

An upgrade is one transaction, under a lock; a database newer than this program is refused.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from storage.database import Database, DatabaseUnavailable

_LOCK = 0x6361736567617465  # "casegate": processes that set up one PostgreSQL database at once go one by one


class SchemaOutdated(Exception):
    """The database needs `casegate migrate`, or a newer casegate."""


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this program's version; returns (before, after)."""
    config = _config()
    with database.alone(), database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        before = MigrationContext.configure(connection).get_current_revision()
        _refuse_newer(before)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, _head()


def ready(database: Database) -> None:
    """Set up a fresh database; raises SchemaOutdated for one of another version, DatabaseUnavailable for none."""
    try:
        with database.alone(), database.engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
            is_fresh = current is None and not inspect(connection).get_table_names()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise DatabaseUnavailable(f"database.url: cannot use the database: {reason}") from error
    if is_fresh:
        upgrade(database)
    elif current != _head():
        _refuse_newer(current)
        raise SchemaOutdated(f"the database has version {current}, this program needs {_head()}: run casegate migrate")


def _refuse_newer(current: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is not None and current not in known:
        raise SchemaOutdated(
            f"the database has version {current}, which this program does not know: install a newer one"
        )


@cache
def _head() -> str:
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
