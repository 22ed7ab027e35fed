# SPDX-License-Identifier: Apache-2.0
"""The tables of scenarios, each row on both databases: mails in, and the graph of cases that must come out."""

import functools
import tempfile

import pytest

from tests.scenarios.language import Scenario, scenarios
from tests.scenarios.stage import Outcome, play

ALL = scenarios()
NAMES = [one.name for one in ALL]

POLICIES = ("strict", "standard", "open")
# (threads of the address, proof, what becomes of the mail): the proof table of design.md under each policy.
CELLS = {
    *((policy, "proven", fate) for policy in POLICIES for fate in ("joins", "new")),
    *((policy, "unproven", fate) for policy in POLICIES for fate in ("linked", "new")),
    ("strict", "likely", "linked"),
    ("standard", "likely", "joins"),
    ("open", "likely", "joins"),
    ("strict", "third_party", "linked"),
    ("standard", "third_party", "linked"),
    ("open", "third_party", "joins"),
    # A bounce at our signed bounce address joins as a third party's.
    ("standard", "third_party", "joins"),
    # Another topic, where the address wants a case for it.
    ("standard", "proven", "linked"),
}
# What rivals get wrong, by their issue numbers or names.
RIVALS = {"Zammad #2444", "Zammad #5064", "FreeScout #5620", "Chatwoot #15869", "Chatwoot #10028", "osTicket #1426"} | {
    "Discourse PR #13382",
    "uvdesk",
    "Zendesk CC",
}


@pytest.mark.parametrize("scenario", ALL, ids=NAMES)
def test_on_sqlite(scenario: Scenario) -> None:
    check(scenario, on_sqlite(scenario.name))


@pytest.mark.postgres
@pytest.mark.parametrize("scenario", ALL, ids=NAMES)
def test_on_postgresql(scenario: Scenario, postgres_store: str) -> None:
    check(scenario, play(scenario, postgres_store))


def test_every_cell_of_the_proof_table_is_reached_under_every_policy_and_no_other() -> None:
    assert frozenset[tuple[str, str, str]]().union(*(on_sqlite(name).cells for name in NAMES)) == CELLS


def test_every_row_is_there_once_and_what_rivals_get_wrong_is_among_them() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60
    assert {issue for one in ALL for issue in one.rivals} >= RIVALS


@functools.cache
def on_sqlite(name: str) -> Outcome:
    """What a row comes to, played once."""
    with tempfile.TemporaryDirectory() as place:
        return play(ALL[NAMES.index(name)], f"sqlite:///{place}/casegate.db")


def check(scenario: Scenario, found: Outcome) -> None:
    """What the row says, and where it says nothing of them: no refusal, and no report that a case is told of."""
    assert found.cases == scenario.cases, scenario.only_catches
    for name, expected in {"refused": [], "told": [], **scenario.more}.items():
        wanted = expected.split() if isinstance(expected, str) else expected
        assert list(getattr(found, name)) == wanted, name
