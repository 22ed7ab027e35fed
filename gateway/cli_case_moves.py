# SPDX-License-Identifier: Apache-2.0
"""The verbs that say which mail belongs to which case: `case merge|split|move|undo|link|unlink`.

Each call is one transaction, or nothing. One that meets another at the same rows is tried again.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import click

from gateway import opening
from gateway.cli_case_edit import agent_in_force, checked, with_agent
from gateway.cli_case_number import CASE
from gateway.cli_cases import case
from gateway.cli_operator import Operator, actor
from gateway.cli_output import print_json, with_json
from gateway.clock import SystemClock
from gateway.persistence import Begin, changing, persistent
from gateway.reception import Reception
from handlers.acting import By
from handlers.case_edits import subject_fault
from handlers.changes import linking, merging, parting, undoing
from handlers.changes.common import Done
from handlers.changes.parting import Wish
from storage import desk
from storage.database import Database, Unit
from storage.desk import Snapshot
from storage.states import Move

Do = Callable[[Unit, Snapshot, By], Any]

_sure = click.option("--yes", "is_sure", is_flag=True, help="Also where the two are of different contacts.")


@case.command()
@click.argument("words", metavar="CASE into CASE", nargs=-1, required=True)
@_sure
@with_agent
@with_json
@click.pass_context
def merge(context: click.Context, /, words: tuple[str, ...], is_sure: bool, **call: Any) -> None:
    """Let all mail of a case belong to another one: case merge 12 into 7."""
    named = [word for at, word in enumerate(words) if at != 1 or word.lower() != "into"]
    if len(named) != 2:
        raise click.UsageError("merge which case into which? casegate case merge 12 into 7")
    number, other = (CASE.convert(word, None, context) for word in named)

    def do(unit: Unit, found: Snapshot, by: By) -> Any:
        return merging.merge(unit, found, (number, other), by, is_sure=is_sure)

    done = _change(context.obj, changing, do, call)
    _print(done, "case {1} is merged into case {0}", call, number)


@case.command()
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
@click.option("--subject", metavar="TEXT", default="", help="What the new case is about; else what its mail says.")
@with_agent
@with_json
@click.pass_obj
def split(operator: Operator, /, number: int, messages: tuple[str, ...], subject: str, **call: Any) -> None:
    """Let some mail of a case begin a case of its own."""
    fault = subject_fault(subject) if subject else ""
    if fault:
        raise click.UsageError(fault)
    wish = Wish(tuple(dict.fromkeys(messages)), subject=subject.strip())
    _print(_part(operator, number, wish, call), "case {0} is split from case {1}", call, number)


@case.command()
@click.argument("messages", metavar="MESSAGE...", nargs=-1, required=True)
@click.option("--to", "into", metavar="CASE", type=CASE, required=True, help="The case that the mail belongs to.")
@_sure
@with_agent
@with_json
@click.pass_obj
def move(operator: Operator, /, messages: tuple[str, ...], into: int, is_sure: bool, **call: Any) -> None:
    """Let mail belong to another case than the one it is in."""
    wish = Wish(tuple(dict.fromkeys(messages)), into=into, is_sure=is_sure)
    _print(_part(operator, None, wish, call), "the mail is of case {0} now", call)


@case.command()
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("change", metavar="[CHANGE]", type=click.IntRange(1, 2**63 - 1), required=False)
@with_agent
@with_json
@click.pass_obj
def undo(operator: Operator, /, number: int, change: int | None, **call: Any) -> None:
    """Undo the last merge, split or move of a case, or the one with this number."""

    def do(unit: Unit, found: Snapshot, by: By) -> Any:
        return undoing.undo(unit, found, number, change, by)

    _print(_change(operator, changing, do, call), "undone; its mail is of case {0} again", call)


@case.command()
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("kind", metavar="KIND", type=click.Choice(sorted(linking.KINDS), case_sensitive=False))
@click.argument("other", metavar="CASE", type=CASE)
@with_agent
@click.pass_obj
def link(operator: Operator, /, number: int, kind: str, other: int, **call: Any) -> None:
    """Link two cases: case link 12 parent 7 says that 7 is the parent of 12."""
    is_new, _ = _change(operator, _linking, lambda unit, _, by: linking.link(unit, number, kind, other, by), call)
    click.echo(f"case {number}: {kind} case {other}" + ("" if is_new else "; it was so already"))


@case.command()
@click.argument("number", metavar="CASE", type=CASE)
@click.argument("kind", metavar="KIND", type=click.Choice(sorted(linking.REMOVABLE), case_sensitive=False))
@click.argument("other", metavar="CASE", type=CASE)
@with_agent
@click.pass_obj
def unlink(operator: Operator, /, number: int, kind: str, other: int, **call: Any) -> None:
    """Take a link between two cases away."""
    _change(operator, _linking, lambda unit, _, by: linking.unlink(unit, number, kind, other, by), call)
    click.echo(f"case {number}: no longer {kind} case {other}")


def _change(operator: Operator, begin: Begin, do: Do, call: dict[str, Any]) -> tuple[Any, Snapshot]:
    """What came of it, and the desk that has the labels."""
    with operator.store() as database:
        with database.read() as unit:
            found = desk.snapshot(unit)
        by = By(actor(agent_in_force(found, call["login"])), SystemClock().now())
        return checked(persistent(database, begin, lambda unit: do(unit, found, by))), found


def _part(operator: Operator, number: int | None, wish: Wish, call: dict[str, Any]) -> tuple[Any, Snapshot]:
    """New threads need the keys."""
    config = operator.config()
    with operator.store() as database:
        keys, _ = opening.open_keys(config, database)
        office = Reception(config, keys, database).fresh_office()
        by = By(actor(agent_in_force(office.desk, call["login"])), SystemClock().now())
        done = checked(persistent(database, changing, lambda unit: parting.part(unit, office, number, wish, by)))
        return done, office.desk


def _linking(database: Database) -> AbstractContextManager[Unit]:
    return database.move(Move.EDIT)


def _print(made: tuple[Done, Snapshot], words: str, call: dict[str, Any], *numbers: int) -> None:
    """`words` has places for the label of the case that the mail is of now, and for those of these."""
    done, found = made
    labels = [found.sections.cases.label(number) for number in (done.number, *numbers)]
    if call["as_json"]:
        print_json({"change": done.change_id, "number": done.number, "label": labels[0]})
    else:
        click.echo(f"{words.format(*labels)} (change {done.change_id})")
