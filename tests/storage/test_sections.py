# SPDX-License-Identifier: Apache-2.0
"""The desk's sections about cases in the store: applied, told, exported."""

from dataclasses import replace

from storage import ageing, case_views, cases, desk, sections, threads
from storage.case_values import CaseField, CaseSettings, Handling, Sections, Status
from storage.cases import Opening
from storage.database import Database
from storage.desk_values import Desk
from storage.states import Move
from tests.storage.given import NOW
from tests.support.whole_desk import SECTIONS, WHOLE


def apply(database: Database, value: Desk) -> list[str]:
    with database.move(Move.APPLY) as unit:
        return desk.apply(unit, value, NOW)


def with_sections(**changed: object) -> Desk:
    return replace(WHOLE, sections=replace(SECTIONS, **changed))


def a_case(database: Database, token: str, status: str, kind: str) -> int:
    """A case with a status of the desk's; its number."""
    with database.move(Move.EDIT) as unit:
        thread_id = threads.make(unit, token, NOW)
        row = cases.make(unit, Opening(thread_id, token, 1, "support", "", "", "", "Broken"), NOW)
        cases.write(unit, row.id, {"status": status, "status_kind": kind})
        return row.number


def test_export_gives_back_what_apply_brought(database: Database) -> None:
    apply(database, WHOLE)
    with database.read() as unit:
        assert desk.export(unit) == WHOLE
    assert apply(database, WHOLE) == []


def test_each_row_that_changes_is_told_by_its_name(database: Database) -> None:
    apply(database, WHOLE)
    told = apply(
        database,
        with_sections(
            outcomes=(*SECTIONS.outcomes[:1], replace(SECTIONS.outcomes[1], label="Lost")),
            fields=SECTIONS.fields[1:],
            cases=replace(SECTIONS.cases, auto_close_days=3),
        ),
    )
    assert told == ["cases: auto_close_days changed", "outcome lost: changed", "field product: removed"]


def test_open_cases_are_due_for_a_look_when_targets_differ_and_others_are_not(database: Database) -> None:
    apply(database, WHOLE)
    a_case(database, "T1", "open", "open")
    a_case(database, "T2", "solved", "solved")

    def due() -> list[int]:
        with database.read() as unit:
            return list(ageing.alarming(unit, NOW, 10))

    apply(database, with_sections(outcomes=()))
    assert due() == []
    apply(database, with_sections(outcomes=(), targets=SECTIONS.targets[::-1]))
    assert due() == [1]


# What is given once is never given again; a start behind it changes nothing.
def test_numbers_start_where_the_desk_says_and_never_go_back(database: Database) -> None:
    assert "cases: the next case is FS-1000" in apply(database, WHOLE)
    assert a_case(database, "T1", "open", "open") == 1000
    told = apply(database, with_sections(cases=replace(SECTIONS.cases, number_start=5)))
    assert told == ["cases: number_start changed", "cases: the next case is FS-1001"]
    assert a_case(database, "T2", "open", "open") == 1001
    apply(database, with_sections(cases=CaseSettings(number_start=2000)))
    assert [a_case(database, token, "open", "open") for token in ("T3", "T4")] == [2000, 2001]


# Cases keep a status that the desk drops, or makes something else, with the kind that it had: operators hear how many.
def test_a_status_that_goes_is_kept_by_the_cases_that_have_it(database: Database) -> None:
    apply(database, WHOLE)
    number = a_case(database, "T1", "waiting_for_parts", "on_hold")
    told = apply(database, with_sections(statuses=(Status("answered", "solved"),)))
    assert told == [
        "status answered: changed",
        "status waiting_for_parts: removed",
        "status waiting_for_parts: 1 case keeps it, as on_hold",
    ]
    with database.read() as unit:
        row = case_views.by_number(unit, number)
        assert row is not None
        assert (row.status, row.status_kind) == ("waiting_for_parts", "on_hold")
        assert sections.sections(unit).kind_of("waiting_for_parts") is None


def test_a_new_case_has_the_defaults_of_fields_and_over_them_what_its_address_says() -> None:
    desk_fields = (CaseField("seats", "number", default="1"), CaseField("product", "choice", choices=("press",)))
    said = Sections(fields=desk_fields)
    assert said.first_fields(Handling()) == {"seats": "1"}
    assert said.first_fields(Handling(fields={"product": "PRESS", "seats": "2"})) == {
        "seats": "2",
        "product": "press",
    }
    assert said.first_fields(Handling(fields={"gone": "x"})) == {"seats": "1"}
