# SPDX-License-Identifier: Apache-2.0
"""One office a test, on SQLite in a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.office import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty office."""
    made = World(f"sqlite:///{tmp_path}/casegate.db")
    yield made
    made.close()
