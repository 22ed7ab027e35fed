# SPDX-License-Identifier: Apache-2.0
"""What may be changed in a case by hand, what each change leaves in the timeline, and what is refused."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from handlers import case_edits, giving
from handlers.acting import By, casegate
from handlers.case_edits import Edit, Refusal
from handlers.changing import change
from handlers.giving import Giving
from storage import cases
from storage.case_values import CaseField, CaseSettings, Handling, Outcome, Sections, Status
from storage.database import Database
from storage.schema_cases import case_tag
from storage.states import Move
from storage.threads import Person
from tests.support.office import CARL, DESK, SUPPORT, World, field, mail

OPERATOR = "operator:root"
DORA = Person("Dora Other", "Dora@other.example", "dora@other.example")
SECTIONS = Sections(
    cases=CaseSettings(number_prefix="FS-"),
    statuses=(Status("waiting_for_parts", "on_hold"), Status("paid", "closed")),
    fields=(
        CaseField("product", "choice", choices=("press", "Drill")),
        CaseField("seats", "number", default="1"),
        CaseField("until", "date"),
        CaseField("warranty", "yes_no"),
        CaseField("order"),
    ),
)
OUTCOMES = (Outcome("sold"), Outcome("lost"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """An office with statuses and fields of its own, on both databases."""
    sqlite = f"sqlite:///{tmp_path}/casegate.db"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgres_store")
    made = World(url, replace(DESK, sections=SECTIONS))
    yield made
    made.close()


@pytest.fixture
def office(tmp_path: Path) -> Iterator[World]:
    """The same on SQLite, for tables that do not ask the store anything new."""
    made = World(f"sqlite:///{tmp_path}/casegate.db", replace(DESK, sections=SECTIONS))
    yield made
    made.close()


def edit(world: World, number: int, **wish):
    """What an edit comes to: the case, or the words of the refusal, with which the unit of work is left."""
    return doing(world, number, lambda *place: case_edits.edit(*place[:3], Edit(**wish), place[3]))


def give(world: World, number: int, **wish):
    return doing(world, number, lambda *place: giving.give(*place[:3], Giving(**wish), place[3]))


def doing(world: World, number: int, do):
    with world.database.move(Move.EDIT) as unit:
        row = cases.lock_number(unit, number)
        done = do(unit, world.office.desk, row, By(OPERATOR, world.now))
        return done.words if isinstance(done, Refusal) else done


def told(world: World, number: int) -> list[tuple[str, dict]]:
    """What the operator has in the timeline."""
    return [(kind, detail) for actor, kind, detail in world.case(number).events if actor == OPERATOR]


def test_many_values_change_in_one_step_and_each_is_told_before_and_after(world: World):
    world.carl()
    edit(world, 1, status="waiting_for_parts", priority="high", subject="  Press broken ", fields={"seats": "12"})
    case = world.case(1)
    assert (case.status, case.status_kind, case.priority, case.subject) == (
        "waiting_for_parts",
        "on_hold",
        "high",
        "Press broken",
    )
    assert told(world, 1) == [
        ("status", {"before": "new", "after": "waiting_for_parts"}),
        ("priority", {"before": "normal", "after": "high"}),
        ("subject", {"before": "Broken", "after": "Press broken"}),
        ("field", {"field": "seats", "before": "1", "after": "12"}),
    ]


def test_doing_it_again_changes_nothing_and_tells_nothing(world: World):
    world.carl()
    wish = {"priority": "high", "tags": ("+vip",), "fields": {"product": "press"}}
    edit(world, 1, **wish)
    before = told(world, 1)
    edit(world, 1, **wish)
    assert told(world, 1) == before


def test_tags_are_added_and_taken_away_and_table_and_column_agree(world: World):
    world.carl()
    edit(world, 1, tags=("+vip", "Ärger"))
    edit(world, 1, tags=("-vip", "+billing", "-never_there"))
    with world.database.read() as unit:
        tags = sorted(unit.execute(select(case_tag.c.tag)).scalars())
    assert tags == json.loads(world.case(1).tags) == ["billing", "Ärger"]
    assert told(world, 1)[-1] == (
        "tags",
        {"before": ["vip", "Ärger"], "after": ["billing", "Ärger"], "added": ["billing"], "removed": ["vip"]},
    )


# Each type takes what people write, and keeps one form of it.
@pytest.mark.parametrize(
    ("name", "written", "kept"),
    [
        ("product", "drill", "Drill"),
        ("seats", "-3.50", "-3.50"),
        ("until", "2026-12-25", "2026-12-25"),
        ("warranty", "True", "yes"),
        ("order", " A 17 ", "A 17"),
    ],
)
def test_a_field_keeps_a_value_of_its_type(office: World, name: str, written: str, kept: str):
    office.carl()
    edit(office, 1, fields={name: written})
    assert json.loads(office.case(1).fields) == {"seats": "1"} | {name: kept}
    edit(office, 1, fields={name: ""})
    assert name not in json.loads(office.case(1).fields)


# Nothing of a call that is refused is written, and the words say what is allowed.
@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"status": "gone"}, "new, open, pending, on_hold, solved, closed, waiting_for_parts, paid"),
        ({"priority": "Huge"}, "low, normal, high, urgent"),
        ({"outcome": "sold"}, "this desk has: none"),
        ({"subject": "two\nlines"}, "one line"),
        ({"subject": " "}, "one line"),
        ({"tags": ("+two words",)}, "'+two words' is no tag"),
        ({"tags": tuple(f"+t{n}" for n in range(51))}, "at most 50 tags"),
        ({"fields": {"colour": "red"}}, "this desk has: product, seats, until, warranty, order"),
        ({"fields": {"product": "saw"}}, "'saw' is not one of press, Drill"),
        ({"fields": {"seats": "many"}}, "a number such as"),
        ({"fields": {"until": "tomorrow"}}, "a date such as"),
        ({"fields": {"warranty": "perhaps"}}, "yes or no"),
        ({"fields": {"order": "x" * 1001}}, "one line of 1 to 1000"),
        ({"contact": Person("Ann", "ann.doe@private.example", "ann.doe@private.example")}, "no contact's"),
        ({"contact": Person("", str(SUPPORT), SUPPORT.key)}, "no contact's"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(office: World, wish: dict, words: str):
    office.carl()
    before = office.case(1).row
    assert words in edit(office, 1, **({"priority": "high"} | wish))
    assert (office.case(1).row, told(office, 1)) == (before, [])


def test_where_outcomes_are_listed_who_ends_a_case_names_one(world: World):
    world.apply(replace(DESK, sections=replace(SECTIONS, outcomes=OUTCOMES)))
    world.carl()
    for status in ("solved", "closed", "paid"):
        assert edit(world, 1, status=status) == "say how it ended: --outcome sold|lost"
    edit(world, 1, status="paid", outcome="sold", note=" two of them ")
    case = world.case(1)
    assert (case.status_kind, case.outcome, case.outcome_note, case.ended_at) == (
        "closed",
        "sold",
        "two of them",
        world.now,
    )
    assert told(world, 1)[-1] == ("outcome", {"before": "", "after": "sold", "note": "two of them"})
    edit(world, 1, note="three")
    assert told(world, 1)[-1] == ("outcome_note", {"before": "two of them", "after": "three"})


# It ended so once; that stays in the timeline.
def test_a_case_that_is_open_again_has_no_outcome(world: World):
    world.apply(replace(DESK, sections=replace(SECTIONS, outcomes=OUTCOMES)))
    world.carl()
    edit(world, 1, status="closed", outcome="lost")
    edit(world, 1, status="open")
    case = world.case(1)
    assert (case.status, case.outcome, case.ended_at) == ("open", "", None)
    assert ("outcome", {"before": "lost", "after": "", "note": ""}) in told(world, 1)


# A sweep that closes cases asks nobody for an outcome.
def test_the_clock_may_close_without_an_outcome(world: World):
    world.apply(replace(DESK, sections=replace(SECTIONS, outcomes=OUTCOMES)))
    world.carl()
    row = doing(world, 1, lambda unit, desk, row, _: change(unit, desk, row, {"status": "closed"}, casegate(world.now)))
    assert row.status == "closed"


def test_another_contact_gets_the_next_reply_and_may_write(world: World):
    world.carl()
    edit(world, 1, contact=DORA)
    assert told(world, 1) == [
        ("contact", {"before": f"Carl Customer <{CARL}>", "after": "Dora Other <Dora@other.example>"})
    ]
    back = field(world.sent("copy")[-1], "reply-to")
    assert isinstance(world.reply(mail("Ann <ann.doe@private.example>", to=back), back), str)
    assert world.sent("reply")[-1].to == ["Dora@other.example"]
    answer = world.carl(
        author="Dora Other <dora@other.example>", references=f"<{world.sent('reply')[-1].message_id}>", body="Thanks."
    )
    assert (answer.case.number, answer.proof) == (1, "proven")


def test_people_see_the_label_of_a_case(world: World):
    world.carl()
    assert field(world.sent("copy")[-1], "x-casegate-case") == "FS-1"
    assert field(world.sent("acknowledgement")[-1], "subject") == "Case FS-1"


def test_a_case_begins_with_what_its_address_says(world: World):
    handling = Handling(priority="urgent", tags=("vip",), fields={"product": "press"})
    support = replace(DESK.addresses[0], handling=handling)
    cases_ = replace(SECTIONS.cases, handling=Handling(priority="low", tags=("all",)))
    value = replace(DESK, addresses=(support, *DESK.addresses[1:]), sections=replace(SECTIONS, cases=cases_))
    world.apply(value)
    world.carl()
    world.carl("sales@firm.example", author="Dora <dora@other.example>")
    begun = [(one.priority, one.tags, one.fields) for one in map(world.case, (1, 2))]
    assert begun == [
        ("urgent", '["vip"]', '{"product":"press","seats":"1"}'),
        ("low", '["all"]', '{"seats":"1"}'),
    ]
    with world.database.read() as unit:
        assert sorted(unit.execute(select(case_tag.c.tag)).scalars()) == ["all", "vip"]


def test_operators_who_change_a_case_at_once_lose_nothing_of_each_other(world: World):
    world.carl()
    start, url = threading.Barrier(3), world.database.url.render_as_string(hide_password=False)

    def work(mine: str) -> None:
        own = Database(url)
        start.wait()
        for number in range(4):
            with own.move(Move.EDIT) as unit:
                row = cases.lock_number(unit, 1)
                wish = Edit(tags=(f"+{mine}{number}",))
                case_edits.edit(unit, world.office.desk, row, wish, By(f"operator:{mine}", world.now))
        own.close()

    workers = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert json.loads(world.case(1).tags) == [f"{name}{number}" for name in "abc" for number in range(4)]
    assert [kind for actor, kind, _ in world.case(1).events if actor.startswith("operator:")] == ["tags"] * 12


def test_a_contact_named_by_the_address_alone_has_the_name_that_is_known(world: World):
    world.carl()
    edit(world, 1, contact=DORA)
    edit(world, 1, contact=Person("", CARL, CARL))
    assert world.case(1).contact_name == "Carl Customer"
