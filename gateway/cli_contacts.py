# SPDX-License-Identifier: Apache-2.0
"""The verbs of the people and organisations around cases: `contact` and `account`. docs/contacts.md tells of them."""

from typing import Any

import click

from gateway.cli_operator import NotFound, Operator, actor
from gateway.cli_output import (
    COLUMNS,
    Item,
    instant,
    optional,
    print_fields,
    print_json,
    print_list,
    rows_wanted,
    with_json,
    with_limit,
)
from gateway.clock import SystemClock
from gateway.persistence import changing, persistent
from storage import accounts, case_views, contact_merges, contact_story, contacts, sections
from storage.address import parse
from storage.case_values import ENDED_KINDS, CaseSettings, View
from storage.case_views import Asked
from storage.contact_merges import Moved
from storage.contact_story import Shown
from storage.database import Unit
from storage.states import Move

_CASES = ("label", "last_mail_at", "status", "priority", "outcome", "subject")
_ACCOUNTS_CASES = ("label", "created_at", "status", "contact", "subject")


@click.group()
def contact() -> None:
    """Contacts: the people who write to us."""


@contact.command(name="list")
@with_json
@with_limit
@click.pass_obj
def contact_list(operator: Operator, as_json: bool, limit: int | None) -> None:
    """The contacts, those that came last first."""
    with operator.store() as database, database.read() as unit:
        items = [_item(one) for one in contact_story.contacts(unit, rows_wanted(limit, as_json=as_json))]
    print_list(items, ("name", "known", "account", "addresses"), as_json=as_json, limit=limit)


@contact.command(name="show")
@click.argument("address")
@with_json
@with_limit
@click.pass_obj
def contact_show(operator: Operator, address: str, as_json: bool, limit: int | None) -> None:
    """One contact by any of their addresses, with the history of their cases."""
    with operator.store() as database, database.read() as unit:
        shown = contact_story.one(unit, _row(unit, address).id)
        settings = sections.sections(unit).cases
        rows = contact_story.history(unit, shown.id, rows_wanted(limit, as_json=as_json))
        items = [_case(row, settings) for row in rows]
    item = _item(shown)
    now, past = ([one for one in items if one["ended"] is ended] for ended in (False, True))
    if as_json:
        print_json({**item, "open": now, "past": past})
        return
    print_fields({**item, "account": _account(shown)}, ("name", "addresses", "known", "language", "account"))
    for title, some in (("open cases", now), ("past cases", past)):
        click.echo(f"\n{title}")
        print_list(some, _CASES, as_json=False, limit=limit)


@contact.command(name="merge")
@click.argument("address")
@click.argument("into", metavar="INTO")
@with_json
@click.pass_obj
def contact_merge(operator: Operator, address: str, into: str, as_json: bool) -> None:
    """Two contacts are one person: addresses and cases of ADDRESS go to INTO."""

    def do(unit: Unit) -> Moved:
        keys = [_row(unit, text).key for text in (address, into)]
        moved = contact_merges.merge(unit, (keys[0], keys[1]), actor(), SystemClock().now())
        if moved is None:
            raise click.UsageError(f"{address} and {into} are one contact already")
        return moved

    with operator.store() as database:
        _print_moved(persistent(database, changing, do), as_json=as_json)


@contact.command(name="unmerge")
@click.argument("address")
@with_json
@click.pass_obj
def contact_unmerge(operator: Operator, address: str, as_json: bool) -> None:
    """Undo the last merge that brought ADDRESS to its contact."""

    def do(unit: Unit) -> Moved:
        moved = contact_merges.unmerge(unit, _row(unit, address).key, actor(), SystemClock().now())
        if moved is None:
            raise NotFound(f"no merge brought {address} to its contact")
        return moved

    with operator.store() as database:
        _print_moved(persistent(database, changing, do), as_json=as_json)


@click.group()
def account() -> None:
    """Accounts: organisations, by the mail domains of their people or by hand."""


@account.command(name="list")
@with_json
@click.pass_obj
def account_list(operator: Operator, as_json: bool) -> None:
    """The accounts in force."""
    with operator.store() as database, database.read() as unit:
        items: list[Item] = [{"name": one.name, "domains": list(one.domains)} for one in accounts.in_force(unit)]
    print_list(items, ("name", "domains"), as_json=as_json, limit=len(items))


@account.command(name="show")
@click.argument("name")
@with_json
@with_limit
@click.pass_obj
def account_show(operator: Operator, name: str, as_json: bool, limit: int | None) -> None:
    """One account with its contacts and their cases."""
    with operator.store() as database, database.read() as unit:
        _account_id(unit, name)
        domains = contact_story.domains(unit, name)
        people = [_item(one) for one in contact_story.of_account(unit, name)]
        settings = sections.sections(unit).cases
        asked = Asked(View(name, account=name), SystemClock().now())
        rows = case_views.found(unit, asked, rows_wanted(limit, as_json=as_json))
        items = [_case(row, settings) for row in rows]
    if as_json:
        print_json({"name": name, "domains": domains, "contacts": people, "cases": items})
        return
    print_fields({"name": name, "domains": domains}, ("name", "domains"))
    click.echo("\ncontacts")
    print_list(people, ("name", "known", "language", "addresses"), as_json=False, limit=limit)
    click.echo("\ncases")
    print_list(items, _ACCOUNTS_CASES, as_json=False, limit=limit)


@account.command(name="set")
@click.argument("address")
@click.argument("name", metavar="ACCOUNT")
@click.pass_obj
def account_set(operator: Operator, address: str, name: str) -> None:
    """Give a contact to an account by hand; with "" their address's domain says again."""
    with operator.store() as database, database.move(Move.APPLY) as unit:
        contact_id = _row(unit, address).id
        accounts.set_by_hand(unit, contact_id, _account_id(unit, name) if name else None)
        shown = contact_story.one(unit, contact_id)
    click.echo(f"contact {shown.name}: account {_account(shown) or 'none'}"[:COLUMNS])


VERBS = (contact, account)


def _row(unit: Unit, text: str) -> Any:
    """The contact whose address this is."""
    found = contacts.by_key(unit, parse(text).key)
    if found is None:
        raise NotFound(f"no contact {text}: see casegate contact list")
    return found


def _account_id(unit: Unit, name: str) -> int:
    found = accounts.id_of(unit, name)
    if found is None:
        raise NotFound(f"no account {name!r}: see casegate account list")
    return found


def _item(one: Shown) -> Item:
    return {
        "name": one.name,
        "addresses": [row.address for row in one.addresses],
        "known": one.is_known,
        "known_addresses": [row.address for row in one.addresses if row.source != "mail"],
        "language": one.language,
        "account": one.account or None,
        "account_by": one.account_by or None,
        "source": one.source,
    }


def _account(one: Shown) -> str:
    return f"{one.account} (by {one.account_by})" if one.account else ""


def _case(row: Any, settings: CaseSettings) -> Item:
    return {
        "number": row.number,
        "label": settings.label(row.number),
        "status": row.status,
        "ended": row.status_kind in ENDED_KINDS,
        "priority": row.priority,
        "outcome": row.outcome or None,
        "contact": row.contact_address or None,
        "subject": row.subject,
        "created_at": instant(row.created_at),
        "last_mail_at": optional(instant, getattr(row, "last_mail_at", None)),
    }


def _print_moved(moved: Moved, *, as_json: bool) -> None:
    item: Item = {
        "from": moved.source,
        "into": moved.target,
        "addresses": list(moved.addresses),
        "cases": list(moved.cases),
        "left": list(moved.left),
    }
    if as_json:
        print_json(item)
    else:
        print_fields(item, tuple(item))
