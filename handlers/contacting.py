# SPDX-License-Identifier: Apache-2.0
"""Whose case it is: the contact of a mail's author, where somebody vouches for the author.

A From line alone attaches no case to anybody: such a case has a name and an address, and no contact, until an agent
answers them. Whoever writes gets a contact, and becomes no known one by it (storage/contacts.py).
"""

import json
import re
from typing import Any

from handlers.classification import Class
from handlers.headers import Head
from handlers.office import Office
from storage import contacts
from storage.address import BadAddress, parse
from storage.database import Unit

PEOPLE = frozenset({Class.PERSON.value, Class.LIST.value, Class.CALENDAR.value})  # not machines
_LANGUAGE = re.compile(rb"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})\s*(?:[,;]|$)")


def contact_of(unit: Unit, row: Any, office: Office) -> int | None:
    """The contact of a mail's author; a machine makes none, and our own people are none."""
    if not _is_vouched_for(row):
        return None
    try:
        address = parse(row.author_address)
    except BadAddress:
        return None
    if office.is_inside(address.key) or row.classification not in PEOPLE:
        found = contacts.by_key(unit, address.key)
        return int(found.id) if found is not None else None
    return contacts.of_author(unit, row.author_name, str(address))


def learn_language(unit: Unit, case: Any, head: Head) -> None:
    """What a contact's mail client says that they write (RFC 3282), where nobody has said it yet."""
    found = _LANGUAGE.match(head.first(b"content-language") or b"")
    if found is not None and case.contact_id is not None:
        contacts.learn_language(unit, case.contact_id, found[1].decode())


def _is_vouched_for(row: Any) -> bool:
    if row.proof in ("proven", "likely"):
        return True
    return bool(row.authentication and json.loads(row.authentication).get("aligned"))
