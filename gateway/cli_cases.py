# SPDX-License-Identifier: Apache-2.0
"""The verbs that show cases: `case list` with its views, and `case show`. Other rooms add theirs to the group."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import click

from gateway import case_page
from gateway.cli_case_number import CASE
from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import Item, print_json, print_list, rows_wanted, with_json, with_limit
from gateway.cli_rooms import Elsewhere, Rooms
from gateway.clock import SystemClock
from storage import case_views, sections
from storage.address import key_of
from storage.case_values import STATUS_KINDS, View
from storage.case_views import Asked
from storage.database import Unit

_ELSEWHERE = {
    "assign": Elsewhere(
        "gateway.cli_case_edit",
        "Give a case to an agent, a team or a work queue; a new owner gets copies of all mail so far.",
    ),
    "close": Elsewhere("gateway.cli_case_edit", "End a case, and say how; a desk that lists outcomes wants one."),
    "comment": Elsewhere("gateway.cli_comments", "Say something in a case that no customer ever gets."),
    "link": Elsewhere(
        "gateway.cli_case_moves", "Link two cases: case link 12 parent 7 says that 7 is the parent of 12."
    ),
    "member": Elsewhere("gateway.cli_members", "The case team: agents with a role in one case."),
    "merge": Elsewhere("gateway.cli_case_moves", "Let all mail of a case belong to another one: case merge 12 into 7."),
    "move": Elsewhere("gateway.cli_case_moves", "Let mail belong to another case than the one it is in."),
    "new": Elsewhere("gateway.cli_case_edit", "Make a case by hand."),
    "set": Elsewhere("gateway.cli_case_edit", "Change what a case holds, all of it in one step."),
    "split": Elsewhere("gateway.cli_case_moves", "Let some mail of a case begin a case of its own."),
    "undo": Elsewhere(
        "gateway.cli_case_moves", "Undo the last merge, split or move of a case, or the one with this number."
    ),
    "unlink": Elsewhere("gateway.cli_case_moves", "Take a link between two cases away."),
}


@click.group(cls=Rooms, elsewhere=_ELSEWHERE)
def case() -> None:
    """Cases."""


@case.command(name="list")
@click.option("--view", "name", metavar="NAME", help="A view of the desk; what is given beside it holds instead.")
@click.option("--owner", "owners", multiple=True, metavar="LOGIN", help='An agent; "nobody", or "me" with --as.')
@click.option("--unassigned", is_flag=True, help="Without an owner.")
@click.option("--team", "teams", multiple=True, metavar="NAME", help="A team's.")
@click.option("--queue", "queues", multiple=True, metavar="NAME", help="Waiting in a work queue.")
@click.option("--status", "statuses", multiple=True, metavar="NAME", help="A status, or a kind of statuses.")
@click.option("--priority", "priorities", multiple=True, metavar="NAME", help="Of a priority.")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With a tag.")
@click.option("--contact", metavar="ADDRESS", default="", help="Of a contact, by any of their addresses.")
@click.option("--account", metavar="NAME", default="", help="Of an account's contacts.")
@click.option("--overdue", is_flag=True, help="With a target that was missed.")
@click.option("--merged", is_flag=True, help="Also those that were merged into another.")
@click.option("--as", "me", metavar="LOGIN", default="", help='The agent for whom "me" stands.')
@with_json
@with_limit
@click.pass_obj
def case_list(operator: Operator, /, as_json: bool, limit: int | None, **asked: Any) -> None:
    """The newest cases, newest first; of several values of one option one is enough."""
    now = SystemClock().now()
    with operator.store() as database, database.read() as unit:
        wanted = Asked(_view(unit, asked), now, asked["me"], asked["merged"])
        rows = case_views.found(unit, wanted, rows_wanted(limit, as_json=as_json))
        items = case_page.listed(unit, rows, _prefix(unit), now)
    print_list(items, _columns(items, wanted.view), as_json=as_json, limit=limit)


@case.command(name="show")
@click.argument("number", metavar="CASE", type=CASE)
@with_json
@click.pass_obj
def case_show(operator: Operator, number: int, as_json: bool) -> None:
    """One case with its mail, comments, links and timeline."""
    now = SystemClock().now()
    with operator.store() as database, database.read() as unit:
        row = case_views.by_number(unit, number)
        if row is None:
            raise NotFound(f"no case {number}: see casegate case list")
        item = case_page.whole(unit, row, _prefix(unit), now)
    if as_json:
        print_json(item)
    else:
        case_page.show(item)


VERBS = (case,)


def _columns(items: Sequence[Item], view: View) -> list[str]:
    """Overdue cases with what they were due for; priorities where they tell cases apart, teams that only watch where
    a team asks for its cases.
    """
    first = ["label", "due_at" if view.overdue else "created_at", "status"]
    if any(item["priority"] != "normal" for item in items):
        first.append("priority")
    watchers = ["watchers"] if view.teams and any(item["team"] not in view.teams for item in items) else []
    return [*first, "team", "owner", "contact", *watchers, "subject"]


def _prefix(unit: Unit) -> str:
    return sections.sections(unit).cases.number_prefix


def _view(unit: Unit, asked: dict[str, Any]) -> View:
    """The named view, with what was given by hand in place of what it says."""
    if asked["unassigned"]:
        asked["owners"] = (*asked["owners"], "nobody")
    if asked["contact"]:
        asked["contact"] = key_of(asked["contact"])
    named = _named(unit, asked["name"]) if asked["name"] else View("")
    given = {each.name: asked[each.name] for each in fields(View) if each.name != "name" and asked[each.name]}
    view = replace(named, **given)
    kinds = [*STATUS_KINDS, *(one.name for one in sections.sections(unit).statuses)]
    unknown = case_views.unknown(unit, replace(view, owners=(*view.owners, *filter(None, [asked["me"]]))), kinds)
    if unknown:
        raise NotFound(unknown)
    if "me" in view.owners and not asked["me"]:
        raise click.UsageError('whose cases? --as LOGIN says for whom "me" stands')
    return view


def _named(unit: Unit, name: str) -> View:
    views = {one.name: one for one in sections.sections(unit).views}
    if name not in views:
        raise NotFound(f"no view {name!r}; the desk has: {', '.join(sorted(views)) or 'none'}")
    return views[name]
