# SPDX-License-Identifier: Apache-2.0
"""One office a test, on SQLite in a file; where the store is asked the most, on PostgreSQL too."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.office import World

# Matching, contacts, the archive and targets: both stores give the same answers.
ON_BOTH = frozenset(
    f"test_{name}" for name in ("contacting", "importing", "likely", "pointers", "proof", "targets", "threads")
)
STORES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("world", STORES, indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An empty office."""
    is_postgres = getattr(request, "param", "sqlite") == "postgresql"
    made = World(request.getfixturevalue("postgres_store") if is_postgres else f"sqlite:///{tmp_path}/casegate.db")
    yield made
    made.close()
