# SPDX-License-Identifier: Apache-2.0
"""Open cases whose owner or team leaves the desk: somebody has them again, and the timeline tells who had them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from handlers import case_edits, changing, routing, stranding
from handlers.acting import By
from handlers.case_edits import Edit
from storage import cases, desk
from storage.address import parse
from storage.desk_values import Agent, Desk
from storage.states import Move
from tests.support.office import DESK, World

OPERATOR = "operator:root"
EVE = Agent("eve", "Eve Loe", parse("eve.loe@private.example"), ("support", "sales"))
VALUE = replace(DESK, agents=(*DESK.agents, EVE))
SUPPORT, SALES = DESK.teams


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """Case 1 is Ann's, of support; Eve, of both teams, takes no new cases."""
    sqlite = f"sqlite:///{tmp_path}/casegate.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_store")
    made = World(url, VALUE)
    made.presence("eve", "away")
    made.carl()
    yield made
    made.close()


def without(*logins: str, teams: bool = True) -> Desk:
    """The desk without these agents; or without team support, its addresses and its agents' part in it."""
    agents = tuple(one for one in VALUE.agents if one.login not in logins)
    if teams:
        return replace(VALUE, agents=agents)
    addresses = tuple(one for one in VALUE.addresses if one.team != "support")
    agents = tuple(replace(one, teams=tuple(t for t in one.teams if t != "support")) for one in agents)
    return replace(VALUE, teams=(SALES,), agents=agents, addresses=addresses)


def apply(world: World, value: Desk) -> list[str]:
    """What `apply` says and does of the cases."""
    world.apply(value)
    with world.database.read() as unit:
        words = stranding.words(unit, world.office.desk)
    goes_on = True
    while goes_on:
        with world.database.move(Move.EDIT) as unit:
            goes_on = stranding.free_some(unit, world.office.desk, By(OPERATOR, world.now))
    return words


def edit(world: World, number: int, **wanted: object) -> None:
    with world.database.move(Move.EDIT) as unit:
        row = cases.lock_number(unit, number)
        changing.change(unit, world.office.desk, row, wanted, By(OPERATOR, world.now))


def last(world: World, number: int, kind: str) -> dict:
    return [detail for _, one, detail in world.case(number).events if one == kind][-1]


def test_the_case_of_an_agent_who_is_gone_waits_for_another_one(world: World):
    assert apply(world, without("ann")) == ["team support: 1 open case of nobody now, in queue support"]
    case = world.case(1)
    assert (case.owner, case.team, case.queue) == (None, "support", "support")
    told = last(world, 1, "queued")
    assert (told["after"], told["owner"]) == ("support", "ann")
    world.presence("eve", "available")
    with world.database.move(Move.ROUTE) as unit:
        assert routing.assign_waiting(unit, case.row.id, world.work(unit))
    assert world.case(1).owner == "eve"


def test_so_does_the_case_of_an_agent_who_left_the_team(world: World):
    agents = tuple(replace(one, teams=("sales",)) if one.login == "ann" else one for one in VALUE.agents)
    apply(world, replace(VALUE, agents=agents))
    assert (world.case(1).owner, world.case(1).queue) == (None, "support")


def test_an_owner_keeps_the_case_of_a_team_that_is_gone_in_a_team_of_theirs(world: World):
    edit(world, 1, owner_id=world.office.desk.agents["eve"].id)
    assert apply(world, without(teams=False)) == ["team support: 1 open case with their owners in team sales"]
    case = world.case(1)
    assert (case.owner, case.team, case.queue) == ("eve", "sales", None)
    assert (last(world, 1, "team")["before"], last(world, 1, "team")["after"]) == ("support", "sales")


def test_a_case_that_waits_for_a_team_that_is_gone_stands_in_the_fallback_queue(world: World):
    edit(world, 1, owner_id=None, queue="support")
    assert apply(world, without(teams=False)) == ["team support: 1 open case of nobody now, in queue fallback"]
    assert (world.case(1).owner, world.case(1).queue) == (None, "fallback")
    assert apply(world, without(teams=False)) == []


# What waits for nobody of ours now: it is given away when it is open again.
@pytest.mark.parametrize("status", ["solved", "closed"])
def test_a_case_that_has_ended_is_left_until_it_is_opened_again(world: World, status: str):
    edit(world, 1, status=status)
    assert apply(world, without("ann")) == []
    assert world.case(1).owner == "ann"
    with world.database.move(Move.EDIT) as unit:
        row = cases.lock_number(unit, 1)
        case_edits.edit(unit, world.office.desk, row, Edit(status="open"), By(OPERATOR, world.now))
    assert (world.case(1).owner, world.case(1).queue) == (None, "support")


def test_more_cases_than_one_transaction_takes_are_all_given_away(world: World, monkeypatch: pytest.MonkeyPatch):
    for _ in range(4):
        world.carl()
    monkeypatch.setattr(stranding, "AT_ONCE", 2)
    assert apply(world, without("ann")) == ["team support: 5 open cases of nobody now, in queue support"]
    assert {world.case(number).queue for number in range(1, 6)} == {"support"}


def test_a_team_that_is_renamed_keeps_its_cases_and_its_queue(world: World):
    world.presence("ann", "away")
    world.carl()
    named = replace(SUPPORT, name="helpdesk")
    agents = tuple(
        replace(one, teams=tuple(t.replace("support", "helpdesk") for t in one.teams)) for one in VALUE.agents
    )
    addresses = tuple(replace(one, team=one.team.replace("support", "helpdesk")) for one in VALUE.addresses)
    value = replace(VALUE, teams=(named, SALES), agents=agents, addresses=addresses)
    with world.database.move(Move.APPLY) as unit:
        assert "team support: renamed helpdesk" in desk.apply(unit, value, world.now)
    assert apply(world, value) == []
    assert [(world.case(n).team, world.case(n).owner, world.case(n).queue) for n in (1, 2)] == [
        ("helpdesk", "ann", None),
        ("helpdesk", None, "helpdesk"),
    ]


# Each row: what makes it another team than the one that is gone.
@pytest.mark.parametrize(
    "teams",
    [
        (
            replace(SUPPORT, name="helpdesk", sender=parse("help@firm.example")),
            SALES,
        ),  # customers know it by the sender
        (replace(SUPPORT, name="one"), replace(SUPPORT, name="two"), SALES),  # which of both would it be?
    ],
)
def test_another_team_takes_nothing_over(world: World, teams: tuple):
    gone = without(teams=False)
    apply(world, replace(gone, teams=teams))
    assert world.case(1).queue == "fallback"
