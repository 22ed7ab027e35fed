# SPDX-License-Identifier: Apache-2.0
"""The lists of the desk: under a name, the addresses and domains that may write where an address names the list.

Enters: "name@host.example", "@host.example", or "@*.host.example" for all domains below it. Leaves: a Listed that
answers at once. What a command added stays whatever the desk file says; a list that the file no longer names is retired
with all its entries, and comes back with them. Fails: BadEntry, whose text is for the operator.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from storage import blocks
from storage.address import Address
from storage.blocks import COMMAND, FILE, BadEntry
from storage.database import Unit
from storage.desk_rows import apply_rows
from storage.desk_values import SenderList
from storage.desk_version import count_up
from storage.schema_desk import sender_list, sender_list_entry

_BELOW = "@*."


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry in force; `source` is the desk file or a command."""

    list: str
    entry: str
    source: str
    added_at: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """The entries of one list."""

    entries: frozenset[str]

    def find(self, who: Address) -> str:
        """The entry that names this mailbox, or nothing."""
        for one in (who.key, f"@{who.host}"):
            if one in self.entries:
                return one
        labels = who.host.split(".")
        above = (_BELOW + ".".join(labels[place:]) for place in range(1, len(labels)))
        return next((one for one in above if one in self.entries), "")


def normal(text: str) -> str:
    """An entry in its one form; raises BadEntry."""
    what = text.strip()
    if "@" not in what:
        raise BadEntry(f"{text[:80]!r} is not an address or domain such as name@host.example or @host.example")
    if what.startswith(_BELOW):
        return _BELOW + blocks.normal("@" + what[len(_BELOW) :])[1:]
    return blocks.normal(what)


def entries(unit: Unit) -> list[Entry]:
    """Those of all lists in force, by list and age."""
    asked = select(sender_list.c.name, sender_list_entry).join(
        sender_list_entry, sender_list_entry.c.list_id == sender_list.c.id
    )
    ordered = asked.where(sender_list.c.active).order_by(
        sender_list.c.id, sender_list_entry.c.added_at, sender_list_entry.c.entry
    )
    return [Entry(row.name, row.entry, row.source, row.added_at) for row in unit.execute(ordered)]


def in_force(unit: Unit) -> tuple[SenderList, ...]:
    """As an operator writes them down, those without an entry too."""
    names = unit.execute(select(sender_list.c.name).where(sender_list.c.active).order_by(sender_list.c.id)).scalars()
    found: dict[str, list[str]] = {name: [] for name in names}
    for one in entries(unit):
        found[one.list].append(one.entry)
    return tuple(SenderList(name, tuple(each)) for name, each in found.items())


def add(unit: Unit, name: str, text: str, now: datetime) -> bool:
    """Let this one write where the list is named; False where it stands there. Raises BadEntry, or LookupError."""
    entry, list_id = normal(text), _id(unit, name)
    if unit.execute(_one(list_id, entry)).first() is not None:
        return False
    _insert(unit, list_id, entry, COMMAND, now)
    count_up(unit)
    return True


def remove(unit: Unit, name: str, text: str) -> Entry | None:
    """Take an entry out; None where it does not stand there. Raises BadEntry, or LookupError."""
    entry, list_id = normal(text), _id(unit, name)
    row = unit.execute(_one(list_id, entry)).first()
    if row is None:
        return None
    unit.execute(_delete(list_id, entry))
    count_up(unit)
    return Entry(name, row.entry, row.source, row.added_at)


def apply(unit: Unit, wanted: Iterable[SenderList], now: datetime | None = None) -> list[str]:
    """Bring in those of the desk file; one line a change."""
    lists = tuple(wanted)
    changes = apply_rows(unit, sender_list, "list", "name", {one.name: {"name": one.name} for one in lists})
    for one in lists:
        changes += _apply_entries(unit, one, now)
    return changes


def _apply_entries(unit: Unit, wanted: SenderList, now: datetime | None) -> list[str]:
    list_id = _id(unit, wanted.name)
    rows = unit.execute(select(sender_list_entry).where(sender_list_entry.c.list_id == list_id))
    present = {row.entry: row.source for row in rows}
    named = dict.fromkeys(map(normal, wanted.entries))
    changes = []
    for entry in named:
        if entry not in present:
            _insert(unit, list_id, entry, FILE, now)
            changes.append(f"list {wanted.name}: {entry} added")
        elif present[entry] != FILE:
            unit.execute(_changed(list_id, entry))
    for entry, source in present.items():
        if source == FILE and entry not in named:
            unit.execute(_delete(list_id, entry))
            changes.append(f"list {wanted.name}: {entry} removed")
    return changes


def _id(unit: Unit, name: str) -> int:
    found = unit.execute(select(sender_list.c.id).where(sender_list.c.name == name, sender_list.c.active)).scalar()
    if found is None:
        raise LookupError(f"no list {name!r}: see casegate list show")
    return int(found)


def _insert(unit: Unit, list_id: int, entry: str, source: str, now: datetime | None) -> None:
    row = {"list_id": list_id, "entry": entry, "source": source, "added_at": now}
    unit.execute(insert(sender_list_entry), row)


def _one(list_id: int, entry: str) -> Any:
    return select(sender_list_entry).where(sender_list_entry.c.list_id == list_id, sender_list_entry.c.entry == entry)


def _delete(list_id: int, entry: str) -> Any:
    return delete(sender_list_entry).where(sender_list_entry.c.list_id == list_id, sender_list_entry.c.entry == entry)


def _changed(list_id: int, entry: str) -> Any:
    """It is the file's from now on."""
    mine = (sender_list_entry.c.list_id == list_id, sender_list_entry.c.entry == entry)
    return update(sender_list_entry).where(*mine).values(source=FILE)
