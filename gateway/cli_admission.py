# SPDX-License-Identifier: Apache-2.0
"""The verbs of who may write: `block list|add|remove` and `list show|add|remove`; in force within a second.

What a command adds stays whatever the desk file says, and `export` writes it down.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import datetime

import click

from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import Item, instant, optional, print_list, with_json
from gateway.clock import SystemClock
from gateway.config import Config
from gateway.own_hosts import shut_out
from gateway.units import show_size
from handlers.admission_policy import DEFAULT, effective
from storage import blocks, desk, lists
from storage.blocks import FILE, BadEntry
from storage.database import Unit
from storage.desk import Snapshot
from storage.desk_values import Policy, RoutingAddress
from storage.states import Move


@click.group()
def block() -> None:
    """Addresses, domains and networks that may not write."""


@block.command(name="list")
@with_json
@click.pass_obj
def block_list(operator: Operator, as_json: bool) -> None:
    """The blocks in force, oldest first."""
    with operator.store() as database, database.read() as unit:
        items: list[Item] = [
            {"what": one.what, "reason": one.reason, "source": one.source, "added_at": _when(one.added_at)}
            for one in blocks.entries(unit)
        ]
    print_list(items, ("what", "added_at", "source", "reason"), as_json=as_json, limit=len(items))


@block.command(name="add")
@click.argument("what", nargs=-1, required=True)
@click.option("--reason", default="", help="Why, for whoever finds the block later.")
@click.pass_obj
def block_add(operator: Operator, what: tuple[str, ...], reason: str) -> None:
    """Block name@host.example, @host.example with all below it, or 192.0.2.0/24."""
    entries = [_checked(blocks.normal, one) for one in what]
    config = operator.config()
    with operator.store() as database, database.move(Move.APPLY) as unit:
        _spare_our_own(entries, desk.snapshot(unit), config)
        added = [blocks.add(unit, one, " ".join(reason.split()), SystemClock().now()) for one in entries]
    for entry, is_new in zip(entries, added, strict=True):
        click.echo(f"block {entry}: {'added' if is_new else 'was there before'}")


@block.command(name="remove")
@click.argument("what", nargs=-1, required=True)
@click.pass_obj
def block_remove(operator: Operator, what: tuple[str, ...]) -> None:
    """Take blocks out."""
    entries = [_checked(blocks.form, one) for one in what]
    with operator.store() as database, database.move(Move.APPLY) as unit:
        removed = [blocks.remove(unit, one) for one in entries]
        if None in removed:
            raise NotFound(f"no block {entries[removed.index(None)]}: see casegate block list")
    for one in removed:
        if one is not None:
            click.echo(f"block {one.what}: removed{_in_file(one.source)}")


@click.group(name="list")
def list_() -> None:
    """Lists of those who may write to addresses with accept_from = "listed"."""


@list_.command(name="show")
@click.argument("name", default="")
@with_json
@click.pass_obj
def list_show(operator: Operator, name: str, as_json: bool) -> None:
    """The entries of one list, or of all."""
    with operator.store() as database, database.read() as unit:
        if name and name not in {one.name for one in lists.in_force(unit)}:
            raise NotFound(f"no list {name!r}: see casegate list show")
        items: list[Item] = [
            {"list": one.list, "entry": one.entry, "source": one.source, "added_at": _when(one.added_at)}
            for one in lists.entries(unit)
            if name in ("", one.list)
        ]
    print_list(items, ("list", "entry", "source", "added_at"), as_json=as_json, limit=len(items))


@list_.command(name="add")
@click.argument("name")
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY...")
@click.pass_obj
def list_add(operator: Operator, name: str, entries: tuple[str, ...]) -> None:
    """Add name@host.example, @host.example, or @*.host.example for all domains below."""
    wanted = [_checked(lists.normal, one) for one in entries]
    with operator.store() as database, database.move(Move.APPLY) as unit:
        _require_list(unit, name)
        added = [lists.add(unit, name, one, SystemClock().now()) for one in wanted]
    for entry, is_new in zip(wanted, added, strict=True):
        click.echo(f"list {name}: {entry} {'added' if is_new else 'was there before'}")


@list_.command(name="remove")
@click.argument("name")
@click.argument("entries", nargs=-1, required=True, metavar="ENTRY...")
@click.pass_obj
def list_remove(operator: Operator, name: str, entries: tuple[str, ...]) -> None:
    """Take entries out of a list."""
    wanted = [_checked(lists.normal, one) for one in entries]
    with operator.store() as database, database.move(Move.APPLY) as unit:
        _require_list(unit, name)
        removed = [lists.remove(unit, name, one) for one in wanted]
        if None in removed:
            raise NotFound(f"the list {name} has no {wanted[removed.index(None)]}: see casegate list show {name}")
    for one in removed:
        if one is not None:
            click.echo(f"list {name}: {one.entry} removed{_in_file(one.source)}")


VERBS = (block, list_)


def _require_list(unit: Unit, name: str) -> None:
    """Lists themselves are made in the desk file, where addresses name them."""
    if name not in {one.name for one in lists.in_force(unit)}:
        raise NotFound(f"no list {name!r}: write [[list]] into the desk file and apply it")


def _spare_our_own(entries: Sequence[str], in_force: Snapshot, config: Config) -> None:
    for entry in entries:
        words = shut_out(entry, in_force, config)
        if words:
            raise click.UsageError(f"{entry} would block {words}; nothing is blocked")


def _checked(normal: Callable[[str], str], text: str) -> str:
    try:
        return normal(text)
    except BadEntry as error:
        raise click.UsageError(str(error)) from None


def _in_file(source: str) -> str:
    return "; the desk file names it, the next apply brings it back" if source == FILE else ""


def _when(at: datetime | None) -> object:
    return optional(instant, at)


def address_item(row: RoutingAddress, desk: Policy) -> Item:
    """A routing address with what holds for it, whoever says so."""
    held = effective(row.policy, desk, str(row.address)).policy
    keys = {each.name: getattr(held, each.name) for each in fields(held)}
    item: Item = {"address": str(row.address), "team": row.team, "verified": row.verified}
    item |= {"acknowledge": row.acknowledge, "aliases": [str(one) for one in row.aliases], "policy": in_short(held)}
    return item | {key: list(value) if isinstance(value, tuple) else value for key, value in keys.items()}


def in_short(held: Policy) -> str:
    """What is not as everywhere, for a column of a table."""
    shown = [held.accept_from if held.accept_from == "anyone" else f"{held.accept_from}, else {held.others}"]
    dmarc = (held.dmarc_reject, held.dmarc_quarantine, held.dmarc_none)
    if dmarc != (DEFAULT.dmarc_reject, DEFAULT.dmarc_quarantine, DEFAULT.dmarc_none):
        shown.append(f"dmarc {'/'.join(dmarc)}")
    if held.no_author != DEFAULT.no_author:
        shown.append(f"no author {held.no_author}")
    if held.max_size:
        shown.append(show_size(held.max_size))
    if held.forbid_attachments:
        shown.append(f"attachments {held.forbidden_attachment}")
    if any(one != "off" for one in (held.rate_author, held.rate_domain, held.rate_total)):
        shown.append(f"rates {held.rate_author} {held.rate_domain} {held.rate_total}")
    return "; ".join(shown)
