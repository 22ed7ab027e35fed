# SPDX-License-Identifier: Apache-2.0
"""The verbs of the desk: `apply`, `export`, and what teams and agents are in force."""

import sys
from dataclasses import fields
from pathlib import Path

import click

from gateway import cli_records, desk_file, opening
from gateway.cli_operator import NotFound, Operator, actor
from gateway.cli_output import Item, print_list, print_text, with_json
from gateway.clock import SystemClock
from gateway.passwords import hash_password
from gateway.persistence import persistent
from handlers import stranding
from handlers.acting import By
from storage import desk
from storage.address import Address
from storage.database import Database, Unit
from storage.desk_values import Agent, Desk, RoutingAddress, Team
from storage.states import Move

SHORTEST_PASSWORD = 8
MAX_LINE_OCTETS = 8192


class _DryRun(Exception):
    """Leaves the transaction with what would change, so that nothing of it stays."""

    def __init__(self, changes: list[str]) -> None:
        super().__init__()
        self.changes = changes


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.pass_obj
def apply(operator: Operator, file: Path, dry_run: bool) -> None:
    """Bring a desk file into the database; print what changes."""
    wanted = desk_file.load(file)
    with operator.store() as database:
        installed = operator.config()
        dkim_pem = b"" if dry_run else opening.open_keys(installed, database)[1]
        changes = _apply(database, wanted, dry_run=dry_run)
        for change in changes or ["no changes"]:
            click.echo(change)
        if not dry_run:
            _give_away(database)
    if not dry_run and any(change.startswith("team ") for change in changes):
        for line in cli_records.sender_records(installed, dkim_pem, wanted):
            click.echo(line)
    if not dry_run:
        _tell_unverified(operator)


@click.command()
@click.pass_obj
def export(operator: Operator) -> None:
    """Print the desk in force as a desk file."""
    click.echo(desk_file.render(_desk(operator)), nl=False)


@click.group()
def team() -> None:
    """Teams."""


@team.command(name="list")
@with_json
@click.pass_obj
def team_list(operator: Operator, as_json: bool) -> None:
    """The teams in force."""
    items = [_item(row) for row in _desk(operator).teams]
    print_list(items, ("name", "display_name", "sender"), as_json=as_json, limit=len(items))


@click.group()
def agent() -> None:
    """Agents."""


@agent.command(name="list")
@with_json
@click.pass_obj
def agent_list(operator: Operator, as_json: bool) -> None:
    """The agents in force."""
    with operator.store() as database, database.read() as unit:
        presence = desk.presences(unit)
        items: list[Item] = [
            {
                **_item(row),
                "presence": presence[row.login],
                "has_password": desk.password_hash(unit, row.login) is not None,
            }
            for row in desk.export(unit).agents
        ]
    columns = ("login", "name", "address", "teams", "presence", "has_password")
    print_list(items, columns, as_json=as_json, limit=len(items))


@agent.command(name="password")
@click.argument("login")
@click.pass_obj
def agent_password(operator: Operator, login: str) -> None:
    """Set an agent's password for the submission relay."""
    with operator.store() as database:
        _require_agent(database, login)
        stored = _hashed(_new_password())
        with database.move(Move.PASSWORD) as unit:
            desk.set_password_hash(unit, login, stored)
    click.echo(f"agent {login}: password set")


@agent.command(name="presence")
@click.argument("login")
@click.argument("presence", type=click.Choice(["available", "away"]))
@click.pass_obj
def agent_presence(operator: Operator, login: str, presence: str) -> None:
    """Say whether an agent takes new cases."""
    with operator.store() as database:
        _require_agent(database, login)
        with database.move(Move.PRESENCE) as unit:
            desk.set_presence(unit, login, presence)
    click.echo(f"agent {login}: {presence}")


VERBS = (apply, export, team, agent)


def _apply(database: Database, wanted: Desk, *, dry_run: bool) -> list[str]:
    def do(unit: Unit) -> list[str]:
        changes = desk.apply(unit, wanted, SystemClock().now())
        changes += stranding.words(unit, desk.snapshot(unit))
        if dry_run:
            raise _DryRun(changes)
        return changes

    try:
        return persistent(database, lambda store: store.move(Move.APPLY), do)
    except _DryRun as found:
        return found.changes


def _give_away(database: Database) -> None:
    """Open cases whose owner or team the desk has no more; a call that is cut off here goes on when it is repeated."""

    def do(unit: Unit) -> bool:
        return stranding.free_some(unit, desk.snapshot(unit), By(actor(), SystemClock().now(), "the desk changed"))

    while persistent(database, lambda store: store.move(Move.EDIT), do):
        pass


def _tell_unverified(operator: Operator) -> None:
    """What takes no mail yet, and what to do: nothing else would say so before customers do."""
    with operator.store() as database, database.read() as unit:
        found = desk.snapshot(unit)
    for row in found.addresses.values():
        if not found.is_in_use(row):
            address = row.value.address
            print_text(f"{address} takes no mail until it is verified: casegate address verify {address}")


def _desk(operator: Operator) -> Desk:
    with operator.store() as database, database.read() as unit:
        return desk.export(unit)


def _item(row: Team | Agent | RoutingAddress) -> Item:
    """The keys of the desk file, addresses as plain strings."""
    return {field.name: _plain(getattr(row, field.name)) for field in fields(row)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Address) else value


def _require_agent(database: Database, login: str) -> None:
    with database.read() as unit:
        if login not in desk.snapshot(unit).agents:
            raise NotFound(f"no agent {login!r}: see casegate agent list")


def _new_password() -> str:
    """From the terminal, twice and unseen; from elsewhere one line."""
    if sys.stdin.isatty():
        return str(click.prompt("New password", hide_input=True, confirmation_prompt="Once more", err=True))
    line = sys.stdin.buffer.readline(MAX_LINE_OCTETS)
    try:
        return line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.UsageError("the password is not UTF-8") from None


def _hashed(password: str) -> str:
    if len(password) < SHORTEST_PASSWORD:
        raise click.UsageError(f"a password has at least {SHORTEST_PASSWORD} characters")
    try:
        return hash_password(password)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
