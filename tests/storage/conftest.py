# SPDX-License-Identifier: Apache-2.0
"""One store for each test, on SQLite and on PostgreSQL: what holds on one must hold on the other."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage.database import Database
from tests.support import stores


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store; set up already where the test takes it as `database`."""
    is_set_up = "database" in request.fixturenames
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgres_store" if is_set_up else "postgres_url"))
    url = f"sqlite:///{tmp_path / 'casegate.db'}"
    if is_set_up:
        stores.prepare(url)
    return url


@pytest.fixture
def connect(database_url: str) -> Iterator[Callable[[], Database]]:
    """Opens the store once more, as another process would."""
    opened: list[Database] = []

    def _connect() -> Database:
        opened.append(Database(database_url))
        return opened[-1]

    yield _connect
    for one in opened:
        one.close()


@pytest.fixture
def database(connect: Callable[[], Database]) -> Database:
    """The store of a fresh installation."""
    return connect()
