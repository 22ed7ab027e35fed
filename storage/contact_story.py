# SPDX-License-Identifier: Apache-2.0
"""Contacts and accounts as people look at them: addresses, language, account, and the history of their cases.

Only reads. A case is in the history of a contact where somebody vouched for its author, or an agent answered them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, or_, select

from storage.database import Unit
from storage.schema import message, thread
from storage.schema_cases import case
from storage.schema_desk import account, account_domain, contact, contact_address

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Shown:
    """A contact; `account_by` is "hand" or "domain", or empty where there is no account."""

    id: int
    name: str
    addresses: tuple[Row[Any], ...]  # key, address, source
    language: str
    source: str
    account: str = ""
    account_by: str = ""

    @property
    def is_known(self) -> bool:
        """Whether admission knows one of the addresses."""
        return any(row.source != "mail" for row in self.addresses)


def contacts(unit: Unit, limit: int) -> list[Shown]:
    """The contacts that came last, newest first."""
    return _shown(unit, contact.c.id.in_(select(contact_address.c.contact_id)), limit)


def one(unit: Unit, contact_id: int) -> Shown:
    """One contact."""
    return _shown(unit, contact.c.id == contact_id, 1)[0]


def of_account(unit: Unit, name: str) -> list[Shown]:
    """The contacts given to an account by hand, and those of its domains that are given to none."""
    account_id = unit.execute(select(account.c.id).where(account.c.name == name)).scalar()
    by_domain = [_is_of(domain) for domain in domains(unit, name)]
    of_domain = contact.c.id.in_(select(contact_address.c.contact_id).where(or_(*by_domain))) if by_domain else None
    ids = [contact.c.account_id == account_id]
    if of_domain is not None:
        ids.append(contact.c.account_id.is_(None) & of_domain)
    return _shown(unit, or_(*ids), 2**31 - 1)


def domains(unit: Unit, name: str) -> list[str]:
    """The mail domains of an account."""
    rows = select(account_domain.c.domain).join(account, account.c.id == account_domain.c.account_id)
    return list(unit.execute(rows.where(account.c.name == name).order_by(account_domain.c.domain)).scalars())


def history(unit: Unit, contact_id: int, limit: int) -> Sequence[Row[Any]]:
    """Their cases, newest first, each with its last mail."""
    last = (
        select(func.max(message.c.received_at))
        .join(thread, thread.c.id == message.c.thread_id)
        .where(thread.c.case_id == case.c.id)
        .correlate(case)
        .scalar_subquery()
    )
    mine = select(case, last.label("last_mail_at")).where(case.c.contact_id == contact_id)
    return unit.execute(mine.where(case.c.merged_into_id.is_(None)).order_by(case.c.number.desc()).limit(limit)).all()


def _shown(unit: Unit, condition: ColumnElement[bool], limit: int) -> list[Shown]:
    wanted = select(contact, account.c.name.label("account"))
    wanted = wanted.outerjoin(account, (account.c.id == contact.c.account_id) & account.c.active)
    rows = unit.execute(wanted.where(condition).order_by(contact.c.id.desc()).limit(limit)).all()
    addresses: dict[int, list[Row[Any]]] = defaultdict(list)
    by_domain = _accounts_by_domain(unit)
    for at in range(0, len(rows), AT_ONCE):
        mine = contact_address.c.contact_id.in_([row.id for row in rows[at : at + AT_ONCE]])
        for one in unit.execute(select(contact_address).where(mine).order_by(contact_address.c.key)):
            addresses[one.contact_id].append(one)
    return [_of(row, addresses[row.id], by_domain) for row in rows]


def _of(row: Any, addresses: list[Row[Any]], by_domain: dict[str, str]) -> Shown:
    found = next((by_domain[host] for one in addresses if (host := one.key.rpartition("@")[2]) in by_domain), "")
    name, by = (row.account, "hand") if row.account else (found, "domain" if found else "")
    return Shown(row.id, row.name, tuple(addresses), row.language, row.source, name, by)


def _accounts_by_domain(unit: Unit) -> dict[str, str]:
    rows = select(account_domain.c.domain, account.c.name).join(account, account.c.id == account_domain.c.account_id)
    return {row.domain: row.name for row in unit.execute(rows.where(account.c.active))}


def _is_of(domain: str) -> ColumnElement[bool]:
    return contact_address.c.key.endswith(f"@{domain}", autoescape=True)
