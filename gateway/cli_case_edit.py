# SPDX-License-Identifier: Apache-2.0
"""The verbs that change a case: `case new`, `set`, `close`, `assign`. One call is one transaction.

Leaves: a line for each line of the timeline that the call wrote; with --json the same as one document.
"""

import sys
from collections.abc import Callable
from typing import Any

import click

from gateway import case_page, opening
from gateway.cli_case_number import CASE
from gateway.cli_cases import case
from gateway.cli_operator import NotFound, Operator, actor
from gateway.cli_output import Item, plain, print_json, with_json, wrapped
from gateway.clock import SystemClock
from handlers import by_hand, case_edits, giving, tokens
from handlers.acting import By
from handlers.by_hand import Making
from handlers.case_edits import Edit, Refusal
from handlers.giving import Giving
from storage import case_changes, cases, desk
from storage.address import parse
from storage.database import Unit
from storage.desk import Snapshot
from storage.states import Move
from storage.threads import Person

Do = Callable[[Unit, Snapshot, Any, By], Any]
MOST_TEXT_OCTETS = 400_000

Decorated = Callable[..., Any]

with_agent = click.option("--as", "login", metavar="LOGIN", help="The agent who does it, in the timeline.")


def _pairs(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    fields = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--field {pair!r} is no NAME=VALUE")
        fields[name.strip()] = value.strip()
    return fields


def with_values(function: Decorated) -> Decorated:
    """Tags and custom fields."""
    for one in (
        click.option("--tag", "tags", metavar="+TAG|-TAG", multiple=True, help="Add a tag, or take one away."),
        click.option(
            "--field", "fields", metavar="NAME=VALUE", multiple=True, callback=_pairs, help="NAME= takes it away."
        ),
    ):
        function = one(function)
    return function


def _options(function: Decorated) -> Decorated:
    """What `set` and `close` both take."""
    for one in (
        click.option("--outcome", metavar="CODE", help="How it ended: a code of the desk's list; empty: none."),
        click.option("--note", metavar="TEXT", help="What is to be said of the outcome."),
        with_agent,
        with_json,
        click.pass_obj,
    ):
        function = one(function)
    return function


@case.command(name="new")
@click.option("--address", required=True, metavar="ADDRESS", help="The routing address that it belongs to.")
@click.option("--contact", required=True, metavar="MAILBOX", help="Whose case it is.")
@click.option("--subject", required=True, metavar="TEXT", help="What it is about.")
@click.option("--text", default="", metavar="TEXT|-", help="What was said; -: standard input. The agent's mail has it.")
@click.option("--priority", metavar="NAME", help="low, normal, high or urgent.")
@click.option("--team", metavar="NAME", help="Another team than the address's.")
@click.option("--to", metavar="LOGIN", help="An agent; else the team's available one.")
@with_values
@with_agent
@with_json
@click.pass_obj
def case_new(operator: Operator, /, login: str | None, as_json: bool, **given: Any) -> None:
    """Make a case by hand. Whoever gets it gets a mail to answer, and the answer goes to the contact."""
    wish = _making(given)
    with operator.store() as database:
        keys = opening.open_keys(operator.config(), database)[0]
        with database.move(Move.EDIT) as unit:
            found = desk.snapshot(unit)
            by = By(actor(agent_in_force(found, login)), SystemClock().now())
            row = checked(by_hand.make(unit, found, tokens.new_thread_id(keys), wish, by))
            told = report(found, row.number, cases.timeline(unit, row.id))
    print_report({**told, "thread_id": row.thread_token}, as_json=as_json)


@case.command(name="set")
@click.argument("number", metavar="CASE", type=CASE)
@click.option("--status", metavar="NAME", help="A status of the desk.")
@click.option("--priority", metavar="NAME", help="low, normal, high or urgent.")
@click.option("--subject", metavar="TEXT", help="What it is about.")
@click.option("--contact", metavar="MAILBOX", help='Whose case it is: "Carl Customer <carl@customer.example>".')
@with_values
@_options
def case_set(operator: Operator, /, number: int, login: str | None, as_json: bool, **given: Any) -> None:
    """Change what a case holds, all of it in one step."""
    contact = given.pop("contact")
    wish = Edit(**given, contact=mailbox(contact) if contact is not None else None)
    if wish == Edit():
        raise click.UsageError("nothing to change: see casegate case set --help")
    work(operator, number, login, as_json, lambda unit, found, row, by: case_edits.edit(unit, found, row, wish, by))


@case.command(name="close")
@click.argument("number", metavar="CASE", type=CASE)
@_options
def case_close(operator: Operator, /, number: int, login: str | None, as_json: bool, **given: Any) -> None:
    """End a case, and say how; a desk that lists outcomes wants one."""
    wish = Edit(status="closed", **given)
    work(operator, number, login, as_json, lambda unit, found, row, by: case_edits.edit(unit, found, row, wish, by))


@case.command(name="assign")
@click.argument("number", metavar="CASE", type=CASE)
@click.option("--to", metavar="LOGIN", help="An agent; the case goes to a team of theirs.")
@click.option("--team", metavar="NAME", help="A team; its owner stays who is of that team, else it waits in its queue.")
@click.option("--queue", metavar="NAME", help='The work queue of a team, or "fallback".')
@click.option("--nobody", is_flag=True, help="Take it from its owner: it waits in its team's queue.")
@with_agent
@with_json
@click.pass_obj
def case_assign(operator: Operator, /, number: int, login: str | None, as_json: bool, **given: Any) -> None:
    """Give a case to an agent, a team or a work queue; a new owner gets copies of all mail so far."""
    wish = Giving(**given)
    work(operator, number, login, as_json, lambda unit, found, row, by: giving.give(unit, found, row, wish, by))


def _making(given: dict[str, Any]) -> Making:
    text = _standard_input() if given["text"] == "-" else given["text"]
    return Making(
        address=parse(given["address"]).key,
        contact=mailbox(given["contact"]),
        subject=given["subject"],
        text=text,
        edit=Edit(priority=given["priority"], tags=given["tags"], fields=given["fields"]),
        giving=Giving(to=given["to"], team=given["team"]),
    )


def _standard_input() -> str:
    octets = sys.stdin.buffer.read(MOST_TEXT_OCTETS + 1)
    if len(octets) > MOST_TEXT_OCTETS:
        raise click.UsageError(f"the text is longer than {MOST_TEXT_OCTETS} octets")
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise click.UsageError("the text is not UTF-8") from None


def mailbox(text: str) -> Person:
    """ "Carl Customer <carl@customer.example>", or the address alone."""
    name, _, rest = text.rpartition("<")
    address = parse((rest.rstrip().removesuffix(">") if name or text.startswith("<") else text).strip())
    name = name.strip().strip('"')
    if "<" in name or ">" in name:
        raise click.UsageError("a case has one contact: NAME <ADDRESS>, or the address alone")
    if not name.isprintable() or len(name) > 100:
        raise click.UsageError("a contact's name is one line of at most 100 characters")
    return Person(name, str(address), address.key)


def work(operator: Operator, number: int, login: str | None, as_json: bool, do: Do) -> None:
    """Change one case, and print what the timeline tells of it."""
    with operator.store() as database, database.move(Move.EDIT) as unit:
        found = desk.snapshot(unit)
        row = cases.lock_number(unit, number)
        if row is None:
            raise NotFound(f"no case {number}: see casegate case list")
        _refuse_merged(unit, row)
        last = cases.last_event(unit, row.id)
        by = By(actor(agent_in_force(found, login)), SystemClock().now())
        checked(do(unit, found, row, by))
        told = report(found, row.number, cases.timeline(unit, row.id, last))
    print_report(told, as_json=as_json)


def _refuse_merged(unit: Unit, row: Any) -> None:
    """A case that was merged holds nothing any more."""
    if row.merged_into_id is not None:
        other = case_changes.number_of(unit, case_changes.survivor(unit, row.id))
        raise click.UsageError(f"case {row.number} was merged into case {other}: change that one")


def agent_in_force(found: Snapshot, login: str | None) -> str | None:
    """The agent for whom the call is made, who must be one."""
    if login is not None and login not in found.agents:
        raise NotFound(f"no agent {login!r}: see casegate agent list")
    return login


def checked(done: Any) -> Any:
    """What was done, unless it was refused."""
    if isinstance(done, Refusal):
        raise NotFound(done.words) if done.is_absent else click.UsageError(done.words)
    return done


def report(found: Snapshot, number: int, events: list[Any]) -> Item:
    """What a call that changes a case says of it."""
    shown = [case_page.event(one) for one in events]
    return {"number": number, "label": found.sections.cases.label(number), "changes": shown}


def print_report(told: Any, *, as_json: bool) -> None:
    """One document, or a line a change."""
    if as_json:
        print_json(told)
        return
    for words in [case_page.event_words(one) for one in told["changes"]] or ["nothing changes"]:
        label = f"{told['label']}  "
        for line in wrapped(plain(words), label, " " * len(label)):
            click.echo(line)
