# SPDX-License-Identifier: Apache-2.0
"""INSERT ... ON CONFLICT for both databases: SQLAlchemy compiles each dialect's own construct only there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, CursorResult, Table
from sqlalchemy.dialects import postgresql, sqlite

from storage.database import Unit
from storage.prepared import Prepared

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Upsert:
    """A prepared statement; `update` maps the statement to the columns it sets, and without it the first row stays."""

    def __init__(self, table: Table, update: Callable[[Any], dict[str, Any]] | None = None, *back: Column[Any]) -> None:
        keys = [column.name for column in table.primary_key]
        self._by_dialect: dict[str, Any] = {}
        self._one = Prepared(self._by_dialect)
        for name, new in (("sqlite", sqlite.insert(table)), ("postgresql", postgresql.insert(table))):
            statement: Any = (
                new.on_conflict_do_update(index_elements=keys, set_=update(new))
                if update is not None
                else new.on_conflict_do_nothing()
            )
            self._by_dialect[name] = statement.returning(*back) if back else statement

    def write_one(self, unit: Unit, **row: Any) -> list[tuple[Any, ...]]:
        """Execute it for one row, as often as each mail does; what it gives back is a row or none."""
        return self._one.run(unit, **row)

    def write(self, unit: Unit, rows: Rows) -> CursorResult[Any]:
        """Execute it for these rows."""
        return unit.execute(self._by_dialect[unit.dialect.name], rows)
