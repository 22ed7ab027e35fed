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
from storage.desk_values import Desk
from storage.states import Move
from tests.support.office import CARL, DESK, World, field, mail, sign

HOUR, DAY = 3600, 86400
TARGETS = (
    Target("urgent", HOUR, 4 * HOUR, priorities=("urgent",)),
    Target("sales", 2 * HOUR, 0, teams=("sales",)),
    Target("usual", 4 * HOUR, 24 * HOUR),
    Target("named", 8 * HOUR, 0, priorities=("low",)),
)
NAMING = replace(DESK.addresses[0], handling=Handling(target="named"))


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
    world.apply(replace(desk_with(*TARGETS), addresses=(NAMING, *DESK.addresses[1:])))
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


def with_office_hours(*targets: Target):
    desk = desk_with(*targets)
    return replace(desk, sections=replace(desk.sections, calendars=(Calendar("office", "UTC"),)))


def missed(world: World, number: int = 1) -> list[object]:
    return [told["after"] for _, kind, told in world.case(number).events if kind == "missed"]


def told_of_targets(world: World) -> list[tuple[str, object, object]]:
    """The lines of the timeline about targets."""
    return [(by, told["before"], told["after"]) for by, kind, told in world.case(1).events if kind == "target"]


def test_a_pause_is_counted_in_the_hours_of_the_target_that_holds_now(world: World):
    """A week of waiting is 40 working hours: urgent is due in the first working hour of what comes after."""
    world.apply(with_office_hours(Target("urgent", HOUR, 0, "office", priorities=("urgent",)), Target("usual", HOUR)))
    world.carl()
    world.clock.advance(HOUR / 2)
    change(world, status="pending")
    world.clock.advance(7 * DAY)
    change(world, status="open")
    change(world, priority="urgent")
    assert world.case(1).row.response_due_at.isoformat() == "2026-11-30T10:00:00+00:00"
    change(world, priority="normal")
    assert hours(world)[0] == 1 + 7 * 24


def test_a_case_from_before_the_first_target_has_all_the_time_of_it(world: World):
    """What is there when a desk gets targets is due from then on; so is what had ended, from when it is open again."""
    world.carl()
    world.carl(author="Dora <dora@other.example>")
    change(world, 2, status="solved")
    world.clock.advance(9 * DAY)
    world.apply(desk_with(*TARGETS))
    begun = (world.now - world.case(1).row.created_at).total_seconds() / HOUR
    assert (tick(world), missed(world), told_of_targets(world)) == (1, [], [("casegate", "", "usual")])
    assert hours(world) == tuple(round(begun + hour, 2) for hour in (4, 24, 4))
    world.clock.advance(DAY)
    change(world, 2, status="open")
    begun = (world.now - world.case(2).row.created_at).total_seconds() / HOUR
    assert hours(world, 2) == tuple(round(begun + hour, 2) for hour in (4, 24, 4))
    assert (tick(world), missed(world), missed(world, 2)) == (1, ["resolution"], [])


def test_a_case_that_waits_when_its_first_target_comes_begins_when_it_is_open_again(world: World):
    world.carl()
    change(world, status="on_hold")
    world.clock.advance(DAY)
    world.apply(desk_with(*TARGETS))
    assert (tick(world), world.case(1).row.due_at) == (1, None)
    world.clock.advance(DAY)
    change(world, status="open")
    due_in = world.case(1).row.due_at - world.now
    assert (tick(world), due_in) == (0, timedelta(hours=4))


def test_another_file_reaches_open_cases_by_the_sweep_which_tells_only_what_is_missed_then(office: World):
    office.carl()
    office.clock.advance(5 * HOUR)
    office.apply(desk_with(Target("usual", 6 * HOUR, 24 * HOUR)))
    assert (tick(office), hours(office), missed(office)) == (1, (6, 24, 6), [])
    office.apply(desk_with(Target("usual", HOUR, 24 * HOUR)))
    assert (tick(office), hours(office), missed(office)) == (1, (1, 24, 1), ["first_response"])
    assert tick(office) == 0


def test_a_target_that_the_file_drops_alarms_nobody(office: World):
    office.carl()
    office.apply(desk_with())
    assert (tick(office), hours(office)) == (1, (None, None, None))
    office.clock.advance(DAY)
    assert (tick(office), missed(office), told_of_targets(office)) == (0, [], [("casegate", "usual", "")])
    office.apply(desk_with(*TARGETS))
    assert (tick(office), tick(office), missed(office), hours(office)) == (1, 0, [], (28, 48, 28))


def test_a_target_that_was_dropped_before_it_passed_is_not_told(office: World):
    office.carl()
    office.apply(desk_with())
    office.clock.advance(DAY)
    assert (tick(office), tick(office), missed(office)) == (1, 0, [])


# What differs in the file, and whether the open cases are looked at again.
@pytest.mark.parametrize(
    ("changed", "looked_at"),
    [
        (with_office_hours(*TARGETS), 1),
        (desk_with(*TARGETS, handling=Handling(target="named")), 1),
        (replace(desk_with(*TARGETS), addresses=(NAMING, *DESK.addresses[1:])), 1),
        (desk_with(*TARGETS, auto_close_days=3), 0),
        (desk_with(*TARGETS), 0),
    ],
    ids=["calendars", "the target of [cases]", "the target of an address", "something else", "nothing"],
)
def test_open_cases_are_looked_at_when_what_decides_on_targets_differs(office: World, changed: Desk, looked_at: int):
    office.carl()
    office.apply(changed)
    assert (tick(office), tick(office)) == (looked_at, 0)


def test_a_job_that_still_has_the_old_file_does_not_hide_a_case_from_the_sweep(office: World):
    office.carl()
    old = office.office
    office.apply(desk_with(Target("usual", HOUR / 2, 0)))
    new, office.office = office.office, old
    change(office, status="pending")
    change(office, status="open")
    office.office = new
    assert (tick(office), hours(office)[0]) == (1, 0.5)


def test_another_target_is_a_line_of_the_timeline_that_the_first_one_is_not(office: World):
    office.carl()
    assert told_of_targets(office) == []
    change(office, priority="urgent")
    change(office, subject="Broken press")
    assert told_of_targets(office) == [("operator:test", "usual", "urgent")]


@pytest.mark.parametrize("ended", ["solved", "closed"])
def test_a_late_case_that_is_opened_again_has_its_time_anew_and_a_new_miss_is_told_once(office: World, ended: str):
    office.apply(desk_with(*TARGETS, auto_close_days=0))
    office.carl()
    answer(office)
    change(office, status="open")
    office.clock.advance(30 * HOUR)
    assert (tick(office), missed(office)) == (1, ["resolution"])
    change(office, status=ended)
    office.clock.advance(10 * DAY)
    change(office, status="open")
    assert (office.case(1).row.due_at - office.now, office.case(1).missed) == (timedelta(hours=24), "")
    assert (tick(office), missed(office)) == (0, ["resolution"])
    office.clock.advance(25 * HOUR)
    assert (tick(office), tick(office), missed(office)) == (1, 0, ["resolution"] * 2)


def test_a_case_that_ended_in_time_and_is_opened_again_has_the_time_that_was_left(office: World):
    office.carl()
    office.clock.advance(3 * HOUR)
    change(office, status="solved")
    office.clock.advance(DAY)
    change(office, status="open")
    assert hours(office)[2] == 4 + 24


def test_a_late_case_that_only_waited_has_no_time_anew(office: World):
    office.carl()
    office.clock.advance(5 * HOUR)
    assert tick(office) == 1
    change(office, status="pending")
    office.clock.advance(DAY)
    change(office, status="open")
    assert (tick(office), missed(office), office.case(1).row.due_at < office.now) == (1, ["first_response"], True)


# What comes after the answer, which was two hours after the opening and due within four, and when it was due then.
AFTERWARDS = [
    ({"status": "open"}, 4.0),  # the pause in which the customer had the word
    ({"priority": "urgent"}, 4.0),  # an hour would make a late answer of one in time
    ({"priority": "low", "status": "open"}, 4.0),
]


@pytest.mark.parametrize(("wanted", "due"), AFTERWARDS)
def test_when_an_answer_was_due_stays_once_it_was_given(office: World, wanted: dict[str, str], due: float):
    office.carl()
    office.clock.advance(2 * HOUR)
    change(office, responded_at=office.now, status="pending")
    office.clock.advance(5 * HOUR)
    change(office, **wanted)
    assert hours(office)[0] == due


def test_a_target_that_comes_after_the_answer_says_when_it_was_due(world: World):
    world.carl()
    change(world, responded_at=world.now)
    world.apply(desk_with(*TARGETS))
    tick(world)
    assert hours(world)[0] is not None
