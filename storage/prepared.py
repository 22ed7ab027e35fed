# SPDX-License-Identifier: Apache-2.0
"""Statements of the accepting transaction: written for a database by SQLAlchemy once, then executed by its driver.

What Core does at each execution costs ten times what SQLite does, at each mail a dozen times, while all other writers
wait. Enter: a Core statement without lists of values, and one value for each of its names, always the same ones. Leave:
rows as the driver gives them, plain tuples whose columns no type of ours has read. Fails with SQLAlchemy's exceptions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError

from storage.database import Unit

_Statement = Any  # insert, update, select, text
_Adapt = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Made:
    """A statement in the words of one database, and each of its values: its name, and what makes it the driver's."""

    text: str
    values: tuple[tuple[str, _Adapt | None], ...]
    is_positional: bool
    own: Mapping[str, Any]  # values that stand in the statement itself
    names: int  # of those that are given

    def adapted(self, given: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        """The values as the driver takes them; raises KeyError where one is missing or one too many."""
        if len(given) != self.names:
            raise KeyError(f"{len(given)} values for {self.names} names")
        known = {**self.own, **given} if self.own else given
        if self.is_positional:
            return tuple(known[name] if adapt is None else adapt(known[name]) for name, adapt in self.values)
        return {name: known[name] if adapt is None else adapt(known[name]) for name, adapt in self.values}


class Prepared:
    """One statement, or the one that is given for each database by its name."""

    def __init__(self, statement: _Statement | Mapping[str, _Statement]) -> None:
        self._statement = statement
        self._made: dict[str, _Made] = {}

    def run(self, unit: Unit, **given: Any) -> list[tuple[Any, ...]]:
        """Execute it; the rows that it gives back, if any."""
        dialect = unit.dialect
        made = self._made.get(dialect.name)
        if made is None:
            made = self._made[dialect.name] = self._make(dialect, given)
        driver: Any = unit.connection.dbapi_connection
        try:
            cursor = driver.execute(made.text, made.adapted(given))
            return cursor.fetchall() if cursor.description is not None else []
        except dialect.loaded_dbapi.Error as error:
            raise _told(unit, made.text, error) from error

    def _make(self, dialect: Dialect, given: Mapping[str, Any]) -> _Made:
        statement: Any = self._statement
        if isinstance(statement, Mapping):
            statement = statement[dialect.name]
        compiled = statement.compile(dialect=dialect, column_keys=list(given))
        adapts = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect) for name, bind in compiled.binds.items()
        }
        own = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
        own = {name: value for name, value in own.items() if name not in given}
        order = compiled.positiontup if compiled.positional else adapts
        return _Made(
            str(compiled),
            tuple((name, adapts[name]) for name in order or ()),
            compiled.positional,
            own,
            len(adapts) - len(own),
        )


def _told(unit: Unit, text: str, error: Any) -> Any:
    """The exception that Core would have raised; a connection that is lost is not used again."""
    dialect = unit.dialect
    is_lost = dialect.is_disconnect(error, unit.connection.dbapi_connection, None)
    if is_lost:
        unit.invalidate(error)
    base = dialect.loaded_dbapi.Error
    return DBAPIError.instance(text, None, error, base, connection_invalidated=is_lost, dialect=dialect)
