# SPDX-License-Identifier: Apache-2.0
"""The sections of the desk that are read as a whole, each a row of JSON; and the handling of one address likewise.

A section that is not there has its defaults; keys that a later version dropped are passed over.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select

from storage import cases
from storage.case_values import NOUNS, ROWS, CaseSettings, Handling, Sections
from storage.database import Unit
from storage.schema_cases import case
from storage.schema_desk import desk_section

T = TypeVar("T")


def sections(unit: Unit) -> Sections:
    """What is in force."""
    found = {row.name: json.loads(row.value) for row in unit.execute(select(desk_section))}
    rows = {name: tuple(_value(kind, one) for one in found.get(name, ())) for name, kind in ROWS.items()}
    return Sections(cases=_settings(found.get("cases", {})), **rows)


def apply(unit: Unit, wanted: Sections) -> list[str]:
    """Bring these in; one line a change."""
    before = sections(unit)
    changes: list[str] = []
    for each in fields(Sections):
        old, new = getattr(before, each.name), getattr(wanted, each.name)
        if old != new:
            _write(unit, each.name, new)
            changes += _differences(each.name, old, new)
    changes += _kept_statuses(unit, before, wanted)
    changes += _start_numbers(unit, before.cases, wanted.cases)
    return changes


def _kept_statuses(unit: Unit, before: Sections, wanted: Sections) -> list[str]:
    """A case keeps the status that it has, with the kind that it had: what is told is how many do."""
    lines = []
    for one in before.statuses:
        if wanted.kind_of(one.name) == one.kind:
            continue
        having = select(func.count()).select_from(case).where(case.c.status == one.name, case.c.status_kind == one.kind)
        count = int(unit.execute(having).scalar_one())
        if count:
            lines.append(f"status {one.name}: {count} {'case keeps' if count == 1 else 'cases keep'} it, as {one.kind}")
    return lines


def _start_numbers(unit: Unit, before: CaseSettings, wanted: CaseSettings) -> list[str]:
    """Numbers go on from there, unless they are further already."""
    if before.number_start == wanted.number_start:
        return []
    cases.start_numbers(unit, wanted.number_start)
    return [f"cases: the next case is {wanted.label(cases.last_number(unit) + 1)}"]


def handling_json(value: Handling) -> str:
    """What an address says, as stored text."""
    said = {name: one for name, one in asdict(value).items() if one not in ("", None)}
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def handling_of(text: str) -> Handling:
    """The same back."""
    return _value(Handling, json.loads(text))


def _settings(stored: dict[str, Any]) -> CaseSettings:
    handling = _value(Handling, stored.pop("handling", {}))
    return _value(CaseSettings, {**stored, "handling": handling})


def _value(kind: type[T], stored: dict[str, Any]) -> T:
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _frozen(value) for name, value in stored.items() if name in names})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _write(unit: Unit, name: str, value: Any) -> None:
    plain = [asdict(one) for one in value] if isinstance(value, tuple) else asdict(value)
    text = json.dumps(plain, ensure_ascii=False)
    unit.execute(delete(desk_section).where(desk_section.c.name == name))
    unit.execute(insert(desk_section), {"name": name, "value": text})


def _differences(name: str, old: Any, new: Any) -> list[str]:
    """Rows by their name, or the changed keys of the one table [cases]."""
    if not isinstance(new, tuple):
        changed = [each.name for each in fields(new) if getattr(old, each.name) != getattr(new, each.name)]
        return [f"{name}: {', '.join(changed)} changed"]
    before, after = _by_name(old), _by_name(new)
    noun = NOUNS[name]
    lines = [
        f"{noun} {key}: {'changed' if key in before else 'added'}" for key in after if after[key] != before.get(key)
    ]
    lines += [f"{noun} {key}: removed" for key in before if key not in after]
    return lines or [f"{noun}: put into another order"]


def _by_name(rows: Iterable[Any]) -> dict[str, Any]:
    return {str(getattr(row, fields(row)[0].name)): row for row in rows}
