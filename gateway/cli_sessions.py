# SPDX-License-Identifier: Apache-2.0
"""The verbs of sessions: `session list|show`, the last SMTP connections with how they ended."""

import json
from typing import Any

import click

from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import (
    Item,
    instant,
    print_fields,
    print_json,
    print_list,
    print_text,
    rows_wanted,
    with_json,
    with_limit,
)
from storage import sessions


@click.group()
def session() -> None:
    """SMTP connections that have ended, the last server.keep_sessions of them."""


@session.command(name="list")
@with_json
@with_limit
@click.pass_obj
def session_list(operator: Operator, as_json: bool, limit: int | None) -> None:
    """The sessions that ended last, newest first, with their outcome."""
    with operator.store() as database, database.read() as unit:
        items = [_item(row) for row in sessions.newest(unit, rows_wanted(limit, as_json=as_json))]
    print_list(items, ("id", "ended_at", "peer", "outcome", "response"), as_json=as_json, limit=limit)


@session.command(name="show")
@click.argument("session_id", metavar="ID")
@with_json
@click.pass_obj
def session_show(operator: Operator, session_id: str, as_json: bool) -> None:
    """One session; its id stands in log lines and in responses, where a hyphen and a number of the mail may follow."""
    name = session_id.partition("-")[0]
    with operator.store() as database, database.read() as unit:
        row = sessions.by_id(unit, name) if name.isascii() else None
    if row is None:
        raise NotFound(f"no session {session_id!r}: not ended, forgotten, or see casegate session list")
    item = _item(row)
    if as_json:
        print_json(item)
    else:
        print_fields(item, tuple(name for name in item if name != "refused"))
        for one in json.loads(row.refused):
            because = f", because {one['because']}" if one.get("because") else ""
            print_text(f"{one['id']}: {one['command']} answered {one['response']}{because}")


VERBS = (session,)


def _item(row: Any) -> Item:
    """A session as it is shown; what the client never said is null."""
    return {
        "id": row.id,
        "listener": row.listener,
        "peer": row.peer,
        "helo": row.helo or None,
        "protocol": row.protocol if row.helo else None,
        "tls": row.tls,
        "login": row.login,
        "began_at": instant(row.began_at),
        "ended_at": instant(row.ended_at),
        "outcome": row.outcome,
        "response": row.response or None,
        "accepted": row.accepted,
        "messages": json.loads(row.messages),
        "recipients": row.recipients,
        "refusals": row.refusals,
        "refused": json.loads(row.refused),
        "octets": row.octets,
    }
