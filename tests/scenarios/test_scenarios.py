# SPDX-License-Identifier: Apache-2.0
"""The tables of scenarios, each row on both databases: mails in, and the graph of cases that must come out."""

from pathlib import Path

import pytest

from tests.scenarios.language import Scenario, scenarios
from tests.scenarios.stage import Outcome, play

ALL = scenarios()
NAMES = [one.name for one in ALL]


@pytest.mark.parametrize("scenario", ALL, ids=NAMES)
def test_on_sqlite(scenario: Scenario, tmp_path: Path) -> None:
    check(scenario, play(scenario, f"sqlite:///{tmp_path}/casegate.db"))


@pytest.mark.postgres
@pytest.mark.parametrize("scenario", ALL, ids=NAMES)
def test_on_postgresql(scenario: Scenario, postgres_store: str) -> None:
    check(scenario, play(scenario, postgres_store))


def check(scenario: Scenario, found: Outcome) -> None:
    """What the row says, and where it says nothing of them: no refusal, and no report that a case is told of."""
    assert found.cases == scenario.cases, scenario.only_catches
    for name, expected in {"refused": [], "told": [], **scenario.more}.items():
        wanted = expected.split() if isinstance(expected, str) else expected
        assert list(getattr(found, name)) == wanted, name
