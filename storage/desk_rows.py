# SPDX-License-Identifier: Apache-2.0
"""One table of the desk brought to what a file says: rows are added, changed, retired and taken back, never deleted.

What a command added stays.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, insert, select, update

from storage.database import Unit
from storage.schema_desk import agent


def apply_rows(unit: Unit, table: Table, noun: str, key: str, wanted: Mapping[str, dict[str, Any]]) -> list[str]:
    """Insert, update or retire the rows of one table by their key; one line a change."""
    present = {row._mapping[key]: row for row in unit.execute(select(table))}
    changes = []
    for name, columns in wanted.items():
        row = present.get(name)
        if row is None:
            defaults = {"presence": "available"} if table is agent else {}
            unit.execute(insert(table), {**columns, **defaults, "active": True})
            changes.append(f"{noun} {name}: added")
            continue
        differing = [column for column, value in columns.items() if row._mapping[column] != value]
        if differing or not row.active:
            unit.execute(update(table).where(table.c.id == row.id).values(**columns, active=True))
            changes.append(f"{noun} {name}: {', '.join(differing) + ' changed' if differing else 'taken back'}")
    for name, row in present.items():
        by_command = row._mapping.get("source") == "command"
        if name not in wanted and row.active and not by_command:
            unit.execute(update(table).where(table.c.id == row.id).values(active=False))
            changes.append(f"{noun} {name}: retired")
    return changes
