# SPDX-License-Identifier: Apache-2.0
"""The contacts of the desk file: brought in, and written back with those that replies confirmed.

Contacts have no key of their own: one is who their addresses say. Cases refer to them, so a contact that is renamed or
gets other addresses stays the same one, and an address that goes to another contact takes its cases along. What the
file drops is known no more; the contact stays where cases are theirs.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, func, insert, or_, select, update

from storage import contact_parting
from storage.address import key_of, parse
from storage.database import Unit
from storage.desk_values import Contact
from storage.schema_cases import case
from storage.schema_desk import account, contact, contact_address, contact_change


def in_force(unit: Unit) -> list[Contact]:
    """Every known contact with their known addresses."""
    found: dict[int, Contact] = {}
    rows = unit.execute(
        select(contact, contact_address.c.address, account.c.name.label("account"))
        .join(contact_address, contact_address.c.contact_id == contact.c.id)
        .outerjoin(account, (account.c.id == contact.c.account_id) & account.c.active)
        .where(contact_address.c.source != "mail")
        .order_by(contact.c.id, contact_address.c.key)
    )
    for row in rows:
        before = found[row.id].addresses if row.id in found else ()
        found[row.id] = Contact(row.name, (*before, parse(row.address)), row.language, row.account or "")
    return list(found.values())


def apply(unit: Unit, wanted: Iterable[Contact], now: datetime) -> list[str]:
    """Bring these in; one line a change. Who took part somewhere through a contact that is divided does so no more."""
    values = list(wanted)
    present = {row.key: row for row in unit.execute(_PRESENT)}
    parted = _divided(values, present)
    if parted:
        contact_parting.lock(unit, parted, contact_parting.cases_of(unit, parted))
        present = {row.key: row for row in unit.execute(_PRESENT)}
    theirs = [row.key for row in present.values() if row.contact_id in parted]
    changes = _write_all(unit, values, present)
    if theirs:
        contact_parting.let_go(unit, theirs, "casegate", now)
    return changes


def _divided(values: Sequence[Contact], present: Mapping[str, Any]) -> set[int]:
    """The contacts that have several addresses, of which the file gives one to another, or names it no more."""
    to = dict[str, int | None]()
    for value, contact_id in zip(values, _identities(values, present), strict=True):
        to |= {one.key: contact_id for one in value.addresses}
    several = Counter(row.contact_id for row in present.values())
    gone = (row for row in present.values() if row.key in to or row.source == "desk")
    return {row.contact_id for row in gone if to.get(row.key) != row.contact_id and several[row.contact_id] > 1}


def _write_all(unit: Unit, values: Sequence[Contact], present: Mapping[str, Any]) -> list[str]:
    accounts = {row.name: row.id for row in unit.execute(select(account.c.id, account.c.name))}
    changes: list[str] = []
    for value, contact_id in zip(values, _identities(values, present), strict=True):
        new = _Wanted(value, contact_id, {one.key: str(one) for one in value.addresses}, accounts.get(value.account))
        if contact_id is None or _differs(new, present):
            was_known = any(key in present and present[key].source != "mail" for key in new.keys)
            _write(unit, new, present)
            changes.append(f"contact {value.name}: {'changed' if was_known else 'added'}")
    keys = {one.key for value in values for one in value.addresses}
    for row in present.values():
        if row.source == "desk" and row.key not in keys:
            _drop(unit, row)
            changes.append(f"contact {row.name}: {row.key} removed")
    return changes


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A row of the file, and the contact that it is so far."""

    value: Contact
    contact_id: int | None
    keys: Mapping[str, str]
    account_id: int | None


def _identities(values: Sequence[Contact], present: Mapping[str, Any]) -> list[int | None]:
    """Which contact each row of the file is: by name where that helps, and no contact is two."""
    found: dict[int, int] = {}
    taken: set[int] = set()
    for by_name in (True, False):
        for at, value in enumerate(values):
            rows = [present[one.key] for one in value.addresses if one.key in present]
            ids = [row.contact_id for row in rows if row.contact_id not in taken]
            ids = [row_id for row_id in ids if not by_name or any(_is(row, row_id, value) for row in rows)]
            if at not in found and ids:
                found[at] = min(ids)
                taken.add(found[at])
    return [found.get(at) for at in range(len(values))]


def _is(row: Any, contact_id: int, value: Contact) -> bool:
    return bool(row.contact_id == contact_id and row.name == value.name)


def _differs(new: _Wanted, present: Mapping[str, Any]) -> bool:
    """A contact that a reply confirmed and the file names just so stays the reply's."""
    rows = [present[key] for key in new.keys if key in present]
    if len(rows) < len(new.keys) or any(row.contact_id != new.contact_id or row.source == "mail" for row in rows):
        return True
    row = rows[0]
    language, account_id = _said(new, row)
    return bool(row.name != new.value.name or row.language != language or row.account_id != account_id)


def _said(new: _Wanted, row: Any) -> tuple[str, int | None]:
    """Language and account as they shall be: what was guessed or set by hand stays where the file says nothing."""
    language = new.value.language or ("" if row.contact_source == "desk" else row.language)
    by_hand = row.account_id if row.account_source == "command" else None
    return language, new.account_id if new.account_id is not None else by_hand


def _write(unit: Unit, new: _Wanted, present: Mapping[str, Any]) -> None:
    contact_id = new.contact_id
    columns: dict[str, Any] = {"name": new.value.name, "source": "desk"}
    if contact_id is None:
        columns |= {"language": new.value.language, "account_id": new.account_id}
        contact_id = int(unit.execute(insert(contact).returning(contact.c.id), columns).scalar_one())
    else:
        row = next(present[key] for key in new.keys if key in present and present[key].contact_id == contact_id)
        columns["language"], columns["account_id"] = _said(new, row)
        if new.account_id is not None and new.account_id != row.account_id:
            columns["account_source"] = "desk"
        unit.execute(update(contact).where(contact.c.id == contact_id).values(**columns))
    _give(unit, contact_id, new.keys, present)


def _give(unit: Unit, contact_id: int, keys: Mapping[str, str], present: Mapping[str, Any]) -> None:
    """These addresses are this contact's, and so are the cases of whom they were taken from."""
    unit.execute(delete(contact_address).where(contact_address.c.key.in_(keys)))
    rows = [{"key": key, "address": text, "contact_id": contact_id, "source": "desk"} for key, text in keys.items()]
    unit.execute(insert(contact_address), rows)
    for other in {present[key].contact_id for key in keys if key in present} - {contact_id}:
        left = unit.execute(select(func.count()).where(contact_address.c.contact_id == other)).scalar_one()
        _take_cases(unit, other, contact_id, keys if left else None)
        if not left:
            _forget(unit, other)


def _take_cases(unit: Unit, other: int, contact_id: int, keys: Mapping[str, str] | None) -> None:
    """The cases that came from these addresses, or all of them."""
    rows = unit.execute(select(case.c.id, case.c.contact_address).where(case.c.contact_id == other))
    ids = [row.id for row in rows if keys is None or key_of(row.contact_address) in keys]
    if ids:
        unit.execute(_MOVE_CASE, [{"case_id_": one, "to_id": contact_id} for one in ids])


def _drop(unit: Unit, row: Any) -> None:
    """An address that the file names no more: with the contact's last one goes the contact, unless cases are theirs."""
    others = select(contact_address.c.key).where(
        contact_address.c.contact_id == row.contact_id, contact_address.c.key != row.key
    )
    if unit.execute(others.limit(1)).first() is None and _is_referred_to(unit, row.contact_id):
        unit.execute(update(contact_address).where(contact_address.c.key == row.key).values(source="mail"))
        unit.execute(update(contact).where(contact.c.id == row.contact_id).values(source="mail"))
        return
    unit.execute(delete(contact_address).where(contact_address.c.key == row.key))
    if unit.execute(others.limit(1)).first() is None:
        _forget(unit, row.contact_id)


def _forget(unit: Unit, contact_id: int) -> None:
    if not _is_referred_to(unit, contact_id):
        unit.execute(delete(contact).where(contact.c.id == contact_id))


def _is_referred_to(unit: Unit, contact_id: int) -> bool:
    changes = exists().where(or_(contact_change.c.contact_id == contact_id, contact_change.c.other_id == contact_id))
    cases = exists().where(case.c.contact_id == contact_id)
    return bool(unit.execute(select(or_(cases, changes))).scalar())


_PRESENT = select(
    contact_address.c.key,
    contact_address.c.contact_id,
    contact_address.c.source,
    contact.c.name,
    contact.c.source.label("contact_source"),
    contact.c.language,
    contact.c.account_id,
    contact.c.account_source,
).join(contact, contact.c.id == contact_address.c.contact_id)
_MOVE_CASE = update(case).where(case.c.id == bindparam("case_id_")).values(contact_id=bindparam("to_id"))
