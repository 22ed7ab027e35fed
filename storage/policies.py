# SPDX-License-Identifier: Apache-2.0
"""What admission asks of each address and of the desk, as columns; the desk's is one row, or none."""

import json
from dataclasses import fields
from typing import Any

from sqlalchemy import insert, select, update

from storage.database import Unit
from storage.desk_values import Policy
from storage.schema_desk import desk_policy

_TUPLES = ("lists", "forbid_attachments")


def to_columns(value: Policy) -> dict[str, Any]:
    """A tuple that is not said is an empty text, an empty one "[]"."""
    given = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: _text(one) if name in _TUPLES else one for name, one in given.items()}


def from_row(row: Any) -> Policy:
    """The same back."""
    found = {each.name: row._mapping[each.name] for each in fields(Policy)}
    return Policy(**{**found, **{name: _tuple(found[name]) for name in _TUPLES}})


def of_desk(unit: Unit) -> Policy:
    """What holds for each address that does not say otherwise."""
    row = unit.execute(select(desk_policy)).first()
    return Policy() if row is None else from_row(row)


def apply(unit: Unit, wanted: Policy) -> list[str]:
    """Bring in the desk's; one line if it differs."""
    columns = to_columns(wanted)
    row = unit.execute(select(desk_policy)).first()
    before = to_columns(Policy() if row is None else from_row(row))
    differing = [name for name, value in columns.items() if before[name] != value]
    if not differing:
        return []
    unit.execute(insert(desk_policy).values(**columns) if row is None else update(desk_policy).values(**columns))
    return [f"policy: {', '.join(differing)} changed"]


def _text(value: tuple[str, ...] | None) -> str:
    return "" if value is None else json.dumps(value)


def _tuple(text: str) -> tuple[str, ...] | None:
    return tuple(json.loads(text)) if text else None
