# SPDX-License-Identifier: Apache-2.0
"""Opens what a process works with: the store and the keys. Enters: the Config. Leaves: a Database at this program's
schema; Keys. Fails: ConfigError or SchemaOutdated (the operator must act), DatabaseUnavailable (a later try may work).
"""

from sqlalchemy import select

from gateway import credentials
from gateway.config import Config
from gateway.config_errors import ConfigError
from handlers.tokens import Keys
from storage import migrate, schema
from storage.database import Database


def make_state_dir(config: Config) -> None:
    """The directory of keys, sockets and the SQLite file, if it is not there yet."""
    directory = config.server.state_dir
    try:
        directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{config.source}: server.state_dir: cannot make {directory} ({error.strerror}), expected a directory"
        ) from None


def connect(config: Config) -> Database:
    """The store at whatever version; `casegate migrate` needs that."""
    make_state_dir(config)
    return Database(credentials.database_url(config))


def open_store(config: Config) -> Database:
    """The store, set up when it is fresh."""
    database = connect(config)
    try:
        migrate.ready(database)
    except BaseException:
        database.close()
        raise
    return database


def open_keys(config: Config, database: Database, *, complete: bool = False) -> tuple[Keys, bytes]:
    """The keys and the DKIM key; a fresh installation gets new ones, with `complete` also where only some are missing.

    Once there are threads, lost keys are an accident that new ones would hide: every address we gave out would be void.
    """
    from gateway import keys

    state_dir = config.server.state_dir
    absent = keys.missing(state_dir)
    may_make = complete or len(absent) == len(keys.FIRST_FILES)
    return keys.load(state_dir, config.server.name, make=bool(absent) and may_make and _has_no_threads(database))


def _has_no_threads(database: Database) -> bool:
    with database.read() as unit:
        return unit.execute(select(schema.thread.c.id).limit(1)).first() is None
