# SPDX-License-Identifier: Apache-2.0
"""A copy of the desk in memory, on which another desk file can be tried without a write to the store.

Enters: a look into the store. Leaves: something that can be read like a Database, with the ids of the store, so that
rows of mail and cases fit to it. Nothing of it outlives `close`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table, create_engine, insert, select
from sqlalchemy.pool import StaticPool

from storage import desk, schema_desk, schema_ways
from storage.columns import metadata
from storage.database import Unit
from storage.desk_values import Desk

ROWS_AT_ONCE = 1000


class DeskCopy:
    """The desk as it was at one instant, and what is applied to it here."""

    def __init__(self, source: Unit) -> None:
        self._engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        metadata.create_all(self._engine)
        with self._engine.begin() as unit:
            for table in metadata.sorted_tables:
                if table.name in _DESK:
                    _copy(source, unit, table)

    @contextmanager
    def read(self) -> Iterator[Unit]:
        """A look, as into the store."""
        with self._engine.connect() as unit, unit.begin():
            yield unit

    def apply(self, value: Desk) -> desk.Snapshot:
        """What would be in force."""
        with self._engine.begin() as unit:
            desk.apply(unit, value)
            return desk.snapshot(unit)

    def close(self) -> None:
        self._engine.dispose()


_DESK = frozenset(
    value.name for room in (schema_desk, schema_ways) for value in vars(room).values() if isinstance(value, Table)
)


def _copy(source: Unit, target: Unit, table: Table) -> None:
    rows = source.execute(select(table)).mappings()
    while part := rows.fetchmany(ROWS_AT_ONCE):
        target.execute(insert(table), [dict(row) for row in part])
