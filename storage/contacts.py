# SPDX-License-Identifier: Apache-2.0
"""Contacts: customers who stand in the desk file, or whom an agent's reply has confirmed. No one else is known."""

from collections.abc import Iterable, Mapping

from sqlalchemy import delete, insert, select

from storage.address import parse
from storage.database import Unit
from storage.desk_values import Contact
from storage.schema_desk import contact, contact_address


def is_known_contact(unit: Unit, key: str) -> bool:
    """Whether this address is in the desk file or was confirmed by an agent's reply."""
    return unit.execute(select(contact_address.c.key).where(contact_address.c.key == key)).first() is not None


def contact_name(unit: Unit, key: str) -> str:
    """The name the desk knows a contact by, or nothing."""
    row = unit.execute(
        select(contact.c.name)
        .join(contact_address, contact_address.c.contact_id == contact.c.id)
        .where(contact_address.c.key == key)
    ).first()
    return str(row.name) if row is not None else ""


def confirm_contact(unit: Unit, name: str, address: str) -> None:
    """An agent has answered this address: it is a known contact from now on."""
    key = parse(address).key
    if not is_known_contact(unit, key):
        new = unit.execute(insert(contact).returning(contact.c.id), {"name": name, "source": "reply"}).scalar_one()
        unit.execute(insert(contact_address), {"key": key, "address": address, "contact_id": new})


def contacts(unit: Unit) -> list[Contact]:
    """Every known contact with their addresses."""
    found: dict[int, Contact] = {}
    for row in unit.execute(
        select(contact.c.id, contact.c.name, contact_address.c.address)
        .join(contact_address, contact_address.c.contact_id == contact.c.id)
        .order_by(contact.c.id, contact_address.c.key)
    ):
        before = found.get(row.id, Contact(row.name, ()))
        found[row.id] = Contact(row.name, (*before.addresses, parse(row.address)))
    return list(found.values())


def apply(unit: Unit, wanted: Iterable[Contact]) -> list[str]:
    """Contacts have no key of their own: one is who their addresses say."""
    rows = unit.execute(
        select(contact_address.c.key, contact_address.c.contact_id, contact.c.name, contact.c.source).join(
            contact, contact.c.id == contact_address.c.contact_id
        )
    )
    present = {row.key: row for row in rows}
    changes: list[str] = []
    wanted_keys: set[str] = set()
    for value in wanted:
        keys = {address.key: str(address) for address in value.addresses}
        wanted_keys |= keys.keys()
        ids = {present[key].contact_id for key in keys if key in present}
        if len(ids) == 1 and all(key in present and present[key].name == value.name for key in keys):
            continue
        _write(unit, value.name, keys)
        changes.append(f"contact {value.name}: {'changed' if ids else 'added'}")
    gone = [row for key, row in present.items() if key not in wanted_keys and row.source == "desk"]
    for row in gone:
        unit.execute(delete(contact_address).where(contact_address.c.key == row.key))
        changes.append(f"contact {row.name}: {row.key} removed")
    return changes


def _write(unit: Unit, name: str, keys: Mapping[str, str]) -> None:
    unit.execute(delete(contact_address).where(contact_address.c.key.in_(keys)))
    new = unit.execute(insert(contact).returning(contact.c.id), {"name": name, "source": "desk"}).scalar_one()
    unit.execute(
        insert(contact_address), [{"key": key, "address": text, "contact_id": new} for key, text in keys.items()]
    )
