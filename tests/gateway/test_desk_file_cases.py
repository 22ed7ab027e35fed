# SPDX-License-Identifier: Apache-2.0
"""The desk file's sections about cases, there and back."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from gateway import desk_file
from storage.case_values import ROWS, CaseSettings, Handling
from tests.support.whole_desk import WHOLE

SAMPLE = Path(__file__).parent.parent.parent / "conf" / "desk.toml"


def test_a_desk_that_says_everything_is_written_and_read_back(tmp_path: Path):
    path = tmp_path / "desk.toml"
    path.write_text(desk_file.render(WHOLE))
    assert desk_file.load(path) == WHOLE


def test_what_says_nothing_is_not_written():
    assert desk_file.render(desk_file.Desk()) == ""


def test_every_value_about_cases_is_in_the_desk_that_says_everything():
    for name, kind in ROWS.items():
        rows = getattr(WHOLE.sections, name)
        assert rows, name
        for each in fields(kind):
            assert any(getattr(row, each.name) for row in rows), (name, each.name)
    assert all(getattr(WHOLE.sections.cases, each.name) not in ("", None) for each in fields(CaseSettings))
    said = WHOLE.addresses[0].handling
    assert all(getattr(said, each.name) not in ("", None) for each in fields(Handling))


# "target" is the name of one; empty is not written down.
def test_the_sample_names_every_key_of_cases_with_its_default():
    written = tomllib.loads(SAMPLE.read_text())["cases"]
    settings = CaseSettings()
    known = {each.name: getattr(settings, each.name) for each in fields(CaseSettings) if each.name != "handling"}
    shown = {name: value for name, value in written.items() if name in known}
    assert shown == known
    assert written.keys() == {*known, *(each.name for each in fields(Handling))} - {"target"}


# TOML has numbers, dates and truth of its own; the file may use them.
@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [("number", "12", "12"), ("date", "2026-12-25", "2026-12-25"), ("yes_no", "true", "yes"), ("text", '"a"', "a")],
)
def test_a_value_of_a_field_may_be_written_as_toml_has_it(tmp_path: Path, kind: str, written: str, kept: str):
    path = tmp_path / "desk.toml"
    path.write_text(
        f'[[field]]\nname = "one"\ntype = "{kind}"\ndefault = {written}\n[cases]\nfields = {{ one = {written} }}\n'
    )
    sections = desk_file.load(path).sections
    assert (sections.fields[0].default, sections.cases.handling.fields) == (kept, {"one": kept})
