# SPDX-License-Identifier: Apache-2.0
"""Setting a store up, and refusing one of another version."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import select, text

from storage import migrate, schema
from storage.database import Database, DatabaseUnavailable

VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"

# A migration that has been released is history: change the schema by a new file, never by editing an old one.
FROZEN = {"0001_first_schema.py": "2e0742a825ac9e8a66ffa9b220e47eec3d38a06f4e8c4faf9e8d5c21b536266b"}


def test_a_fresh_store_is_set_up_and_doing_it_again_changes_nothing(database: Database) -> None:
    migrate.ready(database)
    with database.read() as unit:
        rows = unit.execute(select(schema.counter).order_by(schema.counter.c.name)).all()
    assert [tuple(row) for row in rows] == [("case", 0), ("desk", 0)]


def test_processes_that_set_up_one_fresh_store_at_once_all_succeed(connect: Callable[[], Database]) -> None:
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def set_up(own: Database) -> None:
        start.wait()
        try:
            migrate.ready(own)
        except BaseException as error:
            failures.append(error)

    workers = [threading.Thread(target=set_up, args=(connect(),)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert failures == []


def test_the_migrations_make_exactly_the_schema_of_the_program(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def _set_version(database: Database, version: str) -> None:
    with database.alone(), database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})


def test_a_store_of_a_newer_program_is_refused_with_what_to_do(database: Database) -> None:
    _set_version(database, "9999")
    for attempt in (migrate.ready, migrate.upgrade):
        with pytest.raises(migrate.SchemaOutdated) as refusal:
            attempt(database)
        line = "the database has version 9999, which this program does not know: install a newer one"
        assert str(refusal.value) == line


def test_a_store_without_version_that_is_not_empty_waits_for_the_operator(database: Database) -> None:
    with database.alone(), database.engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    with pytest.raises(migrate.SchemaOutdated, match=r"version None, this program needs 0001: run casegate migrate"):
        migrate.ready(database)


def test_upgrading_tells_before_and_after(connect: Callable[[], Database]) -> None:
    fresh = connect()
    assert migrate.upgrade(fresh) == (None, "0001")
    assert migrate.upgrade(fresh) == ("0001", "0001")


def test_no_released_migration_has_been_edited() -> None:
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("*.py")}
    assert files == FROZEN


def test_a_file_that_is_no_database_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "casegate.db").write_bytes(b"no database " * 100)
    broken = Database(f"sqlite:///{tmp_path / 'casegate.db'}")
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: cannot use the database: file is not a database$"):
        migrate.ready(broken)
    broken.close()


def test_a_directory_that_does_not_exist_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: cannot open .*casegate\.db: No such file"):
        Database(f"sqlite:///{tmp_path / 'absent' / 'casegate.db'}")


def test_an_unreachable_server_is_refused_with_one_line() -> None:
    away = Database("postgresql+psycopg://casegate@127.0.0.1:1/casegate")
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: cannot use the database: .*127\.0\.0\.1"):
        migrate.ready(away)
    away.close()
