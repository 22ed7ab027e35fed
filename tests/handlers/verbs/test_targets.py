# SPDX-License-Identifier: Apache-2.0
"""First-response and resolution targets: begun, met, paused, missed; solved cases that are closed by the clock."""

from dataclasses import replace
from datetime import timedelta

import pytest

from handlers import ageing, changing
from handlers.acting import By
from storage import ageing as old_cases
from storage import cases
from storage.case_values import Calendar, CaseSettings, Handling, Sections, Target
from storage.states import Move
from tests.support.office import CARL, DESK, World, field, mail, sign

HOUR = 3600
TARGETS = (
    Target("urgent", HOUR, 4 * HOUR, priorities=("urgent",)),
    Target("sales", 2 * HOUR, 0, teams=("sales",)),
    Target("usual", 4 * HOUR, 24 * HOUR),
    Target("named", 8 * HOUR, 0, priorities=("low",)),
)


def desk_with(*targets: Target, **settings: object):
    sections = Sections(cases=CaseSettings(**settings), targets=targets)  # type: ignore[arg-type]
    return replace(DESK, sections=sections)


@pytest.fixture
def office(world: World) -> World:
    world.apply(desk_with(*TARGETS))
    return world


def tick(world: World) -> int:
    """What the sweep does; how many cases it touched."""
    solved = ageing.closing_before(world.office.desk, world.now)
    with world.database.read() as unit:
        due = [*old_cases.alarming(unit, world.now, 50)]
        due += old_cases.solved_before(unit, solved, 50) if solved is not None else ()
    with world.database.move(Move.AGE) as unit:
        return sum(ageing.age(unit, world.office.desk, one, world.now) for one in due)


def change(world: World, number: int = 1, **wanted: object) -> None:
    with world.database.move(Move.EDIT) as unit:
        case = cases.lock(unit, world.case(number).id)
        changing.change(unit, world.office.desk, case, wanted, By("operator:test", world.now))


def hours(world: World, number: int = 1) -> tuple[float | None, ...]:
    """When response and resolution are due, and what comes next, in hours after the case was opened."""
    row = world.case(number).row
    given = (row.response_due_at, row.resolution_due_at, row.due_at)
    return tuple(None if one is None else round((one - row.created_at).total_seconds() / HOUR, 2) for one in given)


def answer(world: World) -> None:
    back = field(world.sent("copy")[-1], "reply-to")
    assert isinstance(world.reply(mail("Ann Doe <ann.doe@private.example>", "Done.", to=back), back), str)


def test_a_new_case_has_the_first_target_that_fits(office: World):
    office.carl()
    assert (office.case(1).target, hours(office)) == ("usual", (4, 24, 4))
    office.carl("sales@firm.example", author="Dora <dora@other.example>")
    assert (office.case(2).target, hours(office, 2)) == ("sales", (2, None, 2))


def test_an_address_may_name_its_target(world: World):
    named = replace(DESK.addresses[0], handling=Handling(target="named"))
    world.apply(replace(desk_with(*TARGETS), addresses=(named, *DESK.addresses[1:])))
    world.carl()
    assert (world.case(1).target, hours(world)) == ("named", (8, None, 8))


def test_a_desk_without_targets_has_none(world: World):
    world.carl()
    assert (world.case(1).target, hours(world)) == ("", (None, None, None))


def test_another_priority_is_another_target_counted_from_the_beginning(office: World):
    office.carl()
    office.clock.advance(HOUR / 2)
    change(office, priority="urgent")
    assert (office.case(1).target, hours(office)) == ("urgent", (1, 4, 1))


def test_the_teams_first_reply_meets_the_first_target_and_what_waits_for_the_customer_is_paused(office: World):
    office.carl()
    office.clock.advance(2 * HOUR)
    answer(office)
    row = office.case(1).row
    assert row.responded_at is not None
    assert (row.status_kind, row.due_at) == ("pending", None)
    paused_at = row.paused_at
    office.clock.advance(10 * HOUR)
    octets = mail(f"Carl <{CARL}>", "Still broken.", in_reply_to=f"<{field(office.sent('reply')[-1], 'message-id')}>")
    office.receive(sign(octets.replace(b"<<", b"<").replace(b">>", b">"), "customer.example"))
    row = office.case(1).row
    assert (row.status_kind, row.paused_at) == ("open", None)
    paused = (office.case(1).row.status_at - paused_at).total_seconds()
    assert hours(office)[1:] == (round(24 + paused / HOUR, 2),) * 2


def test_business_hours_count(world: World):
    """The world begins on a Sunday at noon; Monday 09:00 in Berlin is 20 hours later."""
    office_hours = Calendar("office", "Europe/Berlin")
    desk = desk_with(Target("usual", 2 * HOUR, 0, calendar="office"))
    world.apply(replace(desk, sections=replace(desk.sections, calendars=(office_hours,))))
    world.carl()
    due_at = world.case(1).row.response_due_at
    assert due_at.isoformat() == "2026-11-23T10:00:00+00:00"


def test_a_missed_target_is_told_once_and_the_next_one_again(office: World):
    office.carl()
    assert tick(office) == 0
    office.clock.advance(5 * HOUR)
    assert (tick(office), tick(office)) == (1, 0)
    assert [one for one in office.case(1).events if one[1] == "missed"] == [
        ("casegate", "missed", {"before": "", "after": "first_response"})
    ]
    office.clock.advance(20 * HOUR)
    assert (tick(office), tick(office)) == (1, 0)
    assert office.case(1).missed == "resolution"


def test_a_paused_case_misses_nothing(office: World):
    office.carl()
    change(office, status="on_hold")
    office.clock.advance(100 * HOUR)
    assert tick(office) == 0
    change(office, status="open")
    assert hours(office) == (104.0, 124.0, 104.0)


def test_a_solved_case_is_closed_after_the_desks_days(world: World):
    world.apply(desk_with(auto_close_days=3))
    world.carl()
    change(world, status="solved")
    world.clock.advance(timedelta(days=3).total_seconds() - 60)
    assert (tick(world), world.case(1).status) == (0, "solved")
    world.clock.advance(120)
    assert (tick(world), world.case(1).status) == (1, "closed")
    assert world.case(1).events[-1][2]["reason"] == "solved for 3 days (auto_close_days)"
    assert tick(world) == 0


def test_a_desk_may_close_nothing_by_itself(world: World):
    world.apply(desk_with(auto_close_days=0))
    world.carl()
    change(world, status="solved")
    world.clock.advance(timedelta(days=4000).total_seconds())
    assert (tick(world), world.case(1).status) == (0, "solved")
