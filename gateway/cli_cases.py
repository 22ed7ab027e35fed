# SPDX-License-Identifier: Apache-2.0
"""The verbs of cases: `case list` and `case show NUMBER`."""

import json
from collections import defaultdict
from typing import Any

import click

from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import (
    Item,
    instant,
    print_fields,
    print_json,
    print_list,
    rows_wanted,
    with_json,
    with_limit,
)
from storage import cases, listing, messages

_LARGEST_NUMBER = 2**63 - 1


@click.group()
def case() -> None:
    """Cases."""


@case.command(name="list")
@with_json
@with_limit
@click.pass_obj
def case_list(operator: Operator, as_json: bool, limit: int | None) -> None:
    """The newest cases, newest first."""
    members: dict[int, list[str]] = defaultdict(list)
    links: dict[int, list[Item]] = defaultdict(list)
    with operator.store() as database, database.read() as unit:
        rows: list[Any] = cases.latest(unit, rows_wanted(limit, as_json=as_json))
        lowest = rows[-1].number if rows else 0
        for row in listing.members_since(unit, lowest) if as_json else ():
            members[row.number].append(row.id)
        for row in listing.links_since(unit, lowest) if as_json else ():
            links[row.number].append({"kind": row.kind, "number": row.other})
    items = [case_item(row, members[row.number], links[row.number]) for row in rows]
    columns = ("number", "created_at", "status", "team", "owner", "contact", "subject")
    print_list(items, columns, as_json=as_json, limit=limit)


@case.command(name="show")
@click.argument("number", type=click.IntRange(1, _LARGEST_NUMBER))
@with_json
@click.pass_obj
def case_show(operator: Operator, number: int, as_json: bool) -> None:
    """One case with its mail, links and timeline."""
    with operator.store() as database, database.read() as unit:
        row: Any = cases.by_number(unit, number)
        if row is None:
            raise NotFound(f"no case {number}: see casegate case list")
        mail = [one for thread_id in cases.threads_of(unit, row.id) for one in messages.of_thread(unit, thread_id)]
        members = [one.id for one in sorted(mail, key=lambda one: one.seq)]
        links: list[Item] = [{"kind": one.kind, "number": one.number} for one in cases.links(unit, row.id)]
        events = [_event_item(event) for event in cases.timeline(unit, row.id)]
    item = {**case_item(row, members, links), "timeline": events}
    if as_json:
        print_json(item)
    else:
        _print_case(item, events)


VERBS = (case,)


def case_item(row: Any, members: list[str], links: list[Item]) -> Item:
    """A case without its timeline."""
    return {
        "number": row.number,
        "thread_id": row.thread_token,
        "status": row.status,
        "priority": row.priority,
        "team": row.team,
        "queue": row.queue,
        "owner": row.owner,
        "contact": row.contact_address or None,
        "contact_name": row.contact_name,
        "routing_address": row.routing_address or None,
        "subject": row.subject,
        "messages": members,
        "links": links,
        "created_at": instant(row.created_at),
    }


def _event_item(row: Any) -> Item:
    """One line of the timeline; a detail with the name of a key of its own is told apart by the event's kind."""
    own: Item = {"at": instant(row.at), "actor": row.actor, "kind": row.kind}
    details = json.loads(row.detail)
    return own | {(f"{row.kind}_{key}" if key in own else key): value for key, value in details.items()}


def _print_case(item: Item, events: list[Item]) -> None:
    first = ("number", "thread_id", "status", "priority", "team", "queue", "owner")
    print_fields(item, (*first, "contact_name", "contact", "routing_address", "subject", "created_at"))
    links = item["links"] if isinstance(item["links"], list) else []
    for link in links:
        click.echo(f"link  {link['kind']} case {link['number']}")
    click.echo()
    for event in events:
        told = {key: value for key, value in event.items() if key not in ("at", "actor", "kind")}
        details = " ".join(f"{key}={_words(value)}" for key, value in told.items())
        at = str(event["at"])
        print_fields({at: f"{event['actor']} {event['kind']} {details}"}, (at,))


def _words(value: object) -> str:
    return ",".join(str(one) for one in value) if isinstance(value, list) else str(value)
