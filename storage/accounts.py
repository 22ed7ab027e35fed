# SPDX-License-Identifier: Apache-2.0
"""Accounts: organisations, known by the mail domains of their people or given to a contact by hand."""

from collections.abc import Iterable

from sqlalchemy import delete, insert, select, update

from storage.case_values import Account
from storage.database import Unit
from storage.desk_rows import apply_rows
from storage.schema_desk import account, account_domain, contact


def in_force(unit: Unit) -> list[Account]:
    """Every account with its domains."""
    domains: dict[int, list[str]] = {}
    for row in unit.execute(select(account_domain).order_by(account_domain.c.domain)):
        domains.setdefault(row.account_id, []).append(row.domain)
    rows = unit.execute(select(account).where(account.c.active).order_by(account.c.id))
    return [Account(row.name, tuple(domains.get(row.id, ()))) for row in rows]


def id_of(unit: Unit, name: str) -> int | None:
    """An account in force by its name."""
    return unit.execute(select(account.c.id).where(account.c.name == name, account.c.active)).scalar()


def set_by_hand(unit: Unit, contact_id: int, account_id: int | None) -> None:
    """A contact is of this account, whatever the domain of their addresses says; None: the domain says again."""
    source = "command" if account_id is not None else "desk"
    wanted = {"account_id": account_id, "account_source": source}
    unit.execute(update(contact).where(contact.c.id == contact_id).values(**wanted))


def apply(unit: Unit, wanted: Iterable[Account]) -> list[str]:
    """Bring these in; one line a change. A domain belongs to one account."""
    values = list(wanted)
    before = {row.name: row for row in in_force(unit)}
    changes = apply_rows(unit, account, "account", "name", {row.name: {"name": row.name} for row in values})
    ids = {row.name: row.id for row in unit.execute(select(account.c.id, account.c.name))}
    for value in values:
        old = before.get(value.name)
        if old is not None and sorted(old.domains) == sorted(value.domains):
            continue
        unit.execute(delete(account_domain).where(account_domain.c.account_id == ids[value.name]))
        unit.execute(delete(account_domain).where(account_domain.c.domain.in_(value.domains)))
        if value.domains:
            rows = [{"domain": domain, "account_id": ids[value.name]} for domain in value.domains]
            unit.execute(insert(account_domain), rows)
        if old is not None:
            changes.append(f"account {value.name}: domains changed")
    return changes
