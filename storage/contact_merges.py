# SPDX-License-Identifier: Apache-2.0
"""Two contacts that are one person made one, and parted again: addresses and cases go, each case's timeline tells.

A merge lets nobody in: an address that mail alone brought stays one that admission does not know. Whose addresses
went stays as a name, so that they can be parted again; what came under those addresses meanwhile goes with them, and
whoever takes part in a conversation through the merge alone does so no more. Raises Moved where others came first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, update

from storage import case_changes, cases, contact_parting, contacts
from storage.address import key_of
from storage.cases import Event
from storage.database import Unit
from storage.messages import to_json
from storage.schema_cases import case
from storage.schema_desk import contact, contact_address, contact_change


@dataclass(frozen=True, slots=True)
class Moved:
    """What went, and from which contact to which, as people read them."""

    source: str
    target: str
    addresses: tuple[str, ...]
    cases: tuple[int, ...]  # numbers
    left: tuple[int, ...] = ()  # cases in which somebody takes part no more


def merge(unit: Unit, keys: tuple[str, str], actor: str, now: datetime) -> Moved | None:
    """All of the contact with the first address goes to that of the second; None where they are one already."""
    source, target = _locked(unit, keys)
    if source.id == target.id:
        return None
    names = (contacts.shown(unit, source.id) or "", contacts.shown(unit, target.id) or "")
    addresses = _addresses(unit, source.id)
    rows = _cases(unit, source.id)
    filled = _fill(unit, source, target)
    _move(unit, addresses, rows, target.id)
    _tell(unit, rows, names, actor, now)
    detail = {"addresses": addresses, "cases": [row.id for row in rows], "filled": filled}
    change = {"contact_id": source.id, "other_id": target.id, "at": now, "actor": actor, "detail": to_json(detail)}
    unit.execute(insert(contact_change), change)
    return Moved(*names, tuple(addresses), tuple(row.number for row in rows))


def unmerge(unit: Unit, key: str, actor: str, now: datetime) -> Moved | None:
    """Undo the last merge that brought this address where it is; None where none did."""
    (target,) = _locked(unit, (key,))
    change = _last_change(unit, target.id, key)
    if change is None:
        return None
    detail = json.loads(change.detail)
    addresses = [one for one in detail["addresses"] if one in _addresses(unit, target.id)]
    went = set(detail["cases"])
    rows = [row for row in _cases(unit, target.id) if row.id in went or key_of(row.contact_address) in addresses]
    before = contacts.shown(unit, target.id) or ""
    _move(unit, addresses, rows, change.contact_id)
    _empty(unit, target, detail["filled"])
    names = (before, contacts.shown(unit, change.contact_id) or "")
    _tell(unit, rows, names, actor, now)
    left = contact_parting.let_go(unit, [*addresses, *_addresses(unit, target.id)], actor, now)
    unit.execute(update(contact_change).where(contact_change.c.id == change.id).values(undone=True))
    return Moved(*names, tuple(addresses), tuple(row.number for row in rows), left)


def _locked(unit: Unit, keys: Sequence[str]) -> list[Any]:
    """The contacts whose addresses these are, with their cases; the caller has seen that there are such."""
    found = _owners(unit, keys)
    mine = [row.id for one in found for row in _cases(unit, one)]
    locked = contact_parting.lock(unit, found, mine)
    if _owners(unit, keys) != found or [row.id for one in found for row in _cases(unit, one)] != mine:
        raise case_changes.Moved
    return [locked[one] for one in found]


def _owners(unit: Unit, keys: Sequence[str]) -> list[int]:
    rows = [contacts.by_key(unit, key) for key in keys]
    for key, row in zip(keys, rows, strict=True):
        if row is None:
            raise LookupError(f"no contact {key}")
    return [int(row.id) for row in rows if row is not None]


def _addresses(unit: Unit, contact_id: int) -> list[str]:
    mine = select(contact_address.c.key).where(contact_address.c.contact_id == contact_id)
    return list(unit.execute(mine.order_by(contact_address.c.key)).scalars())


def _cases(unit: Unit, contact_id: int) -> Sequence[Any]:
    columns = (case.c.id, case.c.number, case.c.contact_address)
    return unit.execute(select(*columns).where(case.c.contact_id == contact_id).order_by(case.c.id)).all()


def _move(unit: Unit, addresses: Sequence[str], rows: Sequence[Any], contact_id: int) -> None:
    if addresses:
        unit.execute(_MOVE_ADDRESS, [{"k": key, "c": contact_id} for key in addresses])
    if rows:
        unit.execute(_MOVE_CASE, [{"i": row.id, "c": contact_id} for row in rows])


def _fill(unit: Unit, source: Any, target: Any) -> dict[str, Any]:
    """Account and language come along where the other has none; what the desk file says of a language is whole."""
    filled: dict[str, Any] = {}
    if source.language and not target.language and target.source != "desk":
        filled["language"] = source.language
    if source.account_id is not None and target.account_id is None:
        filled |= {"account_id": source.account_id, "account_source": "command"}
    if filled:
        unit.execute(update(contact).where(contact.c.id == target.id).values(**filled))
    return filled


def _empty(unit: Unit, target: Any, filled: dict[str, Any]) -> None:
    """What came with a merge goes with it, unless somebody has changed it since."""
    nothing = {"language": "", "account_id": None, "account_source": "desk"}
    gone = {name: nothing[name] for name, value in filled.items() if getattr(target, name) == value}
    if gone:
        unit.execute(update(contact).where(contact.c.id == target.id).values(**gone))


def _tell(unit: Unit, rows: Sequence[Any], names: tuple[str, str], actor: str, now: datetime) -> None:
    told: dict[str, object] = {"before": names[0], "after": names[1], "reason": "contacts merged or parted"}
    for row in rows:
        cases.add_event(unit, row.id, Event(actor, "contact", told), now)


def _last_change(unit: Unit, contact_id: int, key: str) -> Row[Any] | None:
    done = select(contact_change).where(contact_change.c.other_id == contact_id, ~contact_change.c.undone)
    rows = unit.execute(done.order_by(contact_change.c.id.desc()))
    return next((row for row in rows if key in json.loads(row.detail)["addresses"]), None)


_MOVE_ADDRESS = update(contact_address).where(contact_address.c.key == bindparam("k")).values(contact_id=bindparam("c"))
_MOVE_CASE = update(case).where(case.c.id == bindparam("i")).values(contact_id=bindparam("c"))
