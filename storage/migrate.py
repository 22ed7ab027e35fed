# SPDX-License-Identifier: Apache-2.0
"""The schema's version: a fresh database is set up at once, an old one waits for `casegate migrate`.

An upgrade is one transaction, under a lock; a database newer than this program is refused.
"""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, func, inspect, select, table
from sqlalchemy.exc import SQLAlchemyError

from storage.database import Database, DatabaseUnavailable

if TYPE_CHECKING:  # Alembic is a fifth of a second, and there is seldom something for it to do
    from alembic.config import Config

_MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = table("alembic_version", column("version_num"))
_LOCK = 0x6361736567617465  # "casegate": processes that set up one PostgreSQL database at once go one by one


class SchemaOutdated(Exception):
    """The database needs `casegate migrate`, or a newer casegate."""


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this program's version; returns (before, after)."""
    from alembic import command

    config = _config()
    with database.alone(), database.engine.begin() as connection:
        if not database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        before = _current(connection)
        _refuse_newer(before)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, _head()


def ready(database: Database) -> None:
    """Set up a fresh database; raises SchemaOutdated for one of another version, DatabaseUnavailable for none."""
    try:
        with database.alone(), database.engine.connect() as connection:
            current = _current(connection)
            is_fresh = current is None and not inspect(connection).get_table_names()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise DatabaseUnavailable(f"database.url: cannot use the database: {reason}") from error
    if is_fresh:
        upgrade(database)
    elif current != _head():
        _refuse_newer(current)
        raise SchemaOutdated(f"the database has version {current}, this program needs {_head()}: run casegate migrate")


def _current(connection: Connection) -> str | None:
    """The version of a database; None for one without any."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()


def _refuse_newer(current: str | None) -> None:
    if current is not None and current not in _versions():
        raise SchemaOutdated(
            f"the database has version {current}, which this program does not know: install a newer one"
        )


def _head() -> str:
    return _versions()[-1]


@cache
def _versions() -> tuple[str, ...]:
    """The number in front of each migration's name, which is its version; the last is this program's."""
    return tuple(sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py")))


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
