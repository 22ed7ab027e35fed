# SPDX-License-Identifier: Apache-2.0
"""Contacts: the people who write to us, each with their addresses. Nobody becomes a known one by writing.

Each address says how it came: of the desk file, of an agent's reply, or of mail alone. Only the first two are known,
whatever contact they belong to; the third gives a case its contact, and admission does not see it.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row, bindparam, delete, insert, select, update

from storage.address import key_of, parse
from storage.database import Unit
from storage.schema_desk import contact, contact_address
from storage.upsert import Upsert

NAME_CHARACTERS = 200  # what a desk file takes
LANGUAGE_CHARACTERS = 35  # RFC 5646 §4.4.1
AT_ONCE = 500  # addresses in one question

_BY_MAIL = "mail"
_NEW = insert(contact).returning(contact.c.id)
_NEW_ADDRESS = Upsert(contact_address)
_FIND = (
    select(contact, contact_address.c.key, contact_address.c.source.label("address_source"))
    .join(contact_address, contact_address.c.contact_id == contact.c.id)
    .where(contact_address.c.key == bindparam("k"))
)
_IS_KNOWN = select(contact_address.c.key).where(
    contact_address.c.key == bindparam("k"), contact_address.c.source != _BY_MAIL
)
_CONFIRM = (
    update(contact_address)
    .where(contact_address.c.key == bindparam("k"), contact_address.c.source == _BY_MAIL)
    .values(source="reply")
)
_CONFIRM_CONTACT = (
    update(contact).where(contact.c.id == bindparam("i"), contact.c.source == _BY_MAIL).values(source="reply")
)
_LEARN_NAME = update(contact).where(contact.c.id == bindparam("i")).values(name=bindparam("n"))
# What the desk file says of its own contacts is not guessed at.
_LEARN_LANGUAGE = (
    update(contact)
    .where(contact.c.id == bindparam("i"), contact.c.language == "", contact.c.source != "desk")
    .values(language=bindparam("l"))
)


def is_known_contact(unit: Unit, key: str) -> bool:
    """Whether this address is in the desk file or was confirmed by an agent's reply."""
    return unit.execute(_IS_KNOWN, {"k": key}).first() is not None


def known(unit: Unit, addresses: Iterable[str]) -> frozenset[str]:
    """Those of the addresses that are known, by their keys."""
    keys, found = sorted(set(map(key_of, addresses))), set[str]()
    for at in range(0, len(keys), AT_ONCE):
        is_one = contact_address.c.key.in_(keys[at : at + AT_ONCE])
        rows = unit.execute(select(contact_address.c.key).where(is_one, contact_address.c.source != _BY_MAIL))
        found.update(rows.scalars())
    return frozenset(found)


def by_key(unit: Unit, key: str) -> Row[Any] | None:
    """The contact whose address this is, known or not."""
    return unit.execute(_FIND, {"k": key}).first()


def contact_name(unit: Unit, key: str) -> str:
    """The name that we know a contact by, or nothing: who wrote without a name is called by an address."""
    row = by_key(unit, key)
    return str(row.name) if row is not None and not _is_address(row.name) else ""


def confirm_contact(unit: Unit, name: str, address: str) -> int:
    """An agent has answered this address: it is a known contact from now on; returns whose it is."""
    contact_id = _of(unit, name, address, "reply")
    unit.execute(_CONFIRM, {"k": parse(address).key})
    unit.execute(_CONFIRM_CONTACT, {"i": contact_id})
    return contact_id


def of_author(unit: Unit, name: str, address: str) -> int:
    """The contact of an author for whom somebody vouches, made where there is none; it becomes no known one."""
    return _of(unit, name, address, _BY_MAIL)


def learn_language(unit: Unit, contact_id: int, language: str) -> None:
    """What a contact seems to write, unless anybody has said so before."""
    unit.execute(_LEARN_LANGUAGE, {"i": contact_id, "l": language[:LANGUAGE_CHARACTERS]})


def _of(unit: Unit, name: str, address: str, source: str) -> int:
    row = by_key(unit, parse(address).key)
    if row is None:
        return _make(unit, name, address, source)
    if _is_address(row.name) and _shown(name) and row.source != "desk":
        unit.execute(_LEARN_NAME, {"i": row.id, "n": _shown(name)})
    return int(row.id)


def _is_address(name: str) -> bool:
    return "@" in name and " " not in name


def _make(unit: Unit, name: str, address: str, source: str) -> int:
    """A new contact; where another transaction made one of this address meanwhile, that one."""
    key = parse(address).key
    new = int(unit.execute(_NEW, {"name": _shown(name) or address, "source": source}).scalar_one())
    _NEW_ADDRESS.write(unit, {"key": key, "address": address, "contact_id": new, "source": source})
    row = by_key(unit, key)
    if row is not None and row.id != new:
        unit.execute(delete(contact).where(contact.c.id == new))
        return int(row.id)
    return new


def _shown(name: str) -> str:
    """A name as the desk file takes it."""
    return "".join(one for one in name if one.isprintable())[:NAME_CHARACTERS].strip()


def shown(unit: Unit, contact_id: int | None) -> str | None:
    """A contact as a timeline names it."""
    row = unit.execute(select(contact.c.name).where(contact.c.id == contact_id)).first()
    if row is None:
        return None
    keys = unit.execute(select(contact_address.c.key).where(contact_address.c.contact_id == contact_id).limit(1))
    first = keys.scalar()
    return f"{row.name} <{first}>" if first else str(row.name)
