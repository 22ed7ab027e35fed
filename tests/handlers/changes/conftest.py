# SPDX-License-Identifier: Apache-2.0
"""One office a test, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.handlers.changes.hands import Hands


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def hands(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hands]:
    """An office and the hands that change its cases."""
    is_sqlite = request.param == "sqlite"
    made = Hands(f"sqlite:///{tmp_path}/casegate.db" if is_sqlite else str(request.getfixturevalue("postgres_url")))
    yield made
    made.close()
