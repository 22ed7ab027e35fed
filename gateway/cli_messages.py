# SPDX-License-Identifier: Apache-2.0
"""The verbs of mail: `message list|show|raw` and `outbox list`.

Text and attachments are read from the content each time; the octets themselves leave by `message raw` alone.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import click

from gateway import cli_reading
from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import (
    Item,
    instant,
    optional,
    print_fields,
    print_json,
    print_list,
    print_text,
    rows_wanted,
    with_json,
    with_limit,
)
from gateway.cli_rooms import Elsewhere, Rooms
from storage import content, listing, messages
from storage.database import Unit

PROBE = "probe"  # a class of handlers/classification.py
SHOWN_RECIPIENTS = 20  # of one report; --json has all


_ELSEWHERE = {
    "explain": Elsewhere("gateway.cli_trace", "Why one message was treated as it was, on one page."),
    "replay": Elsewhere(
        "gateway.cli_trace",
        "Judge stored mail again by another configuration or desk file; print only what would be otherwise.",
    ),
}


@click.group(cls=Rooms, elsewhere=_ELSEWHERE)
def message() -> None:
    """Mail that came, and replies of agents."""


@message.command(name="list")
@with_json
@with_limit
@click.pass_obj
def message_list(operator: Operator, as_json: bool, limit: int | None) -> None:
    """The newest messages, newest first; quarantined ones too. The table leaves out probes of forwards."""
    with operator.store() as database, database.read() as unit:
        rows = listing.messages(unit, rows_wanted(limit, as_json=as_json), without="" if as_json else PROBE)
        attempts: dict[int, list[Any]] = defaultdict(list)
        for row in listing.attempts_since(unit, rows[-1].seq) if rows else ():
            attempts[row.message_seq].append(row)
        items = [message_item(row, attempts[row.seq]) for row in rows]
    print_list(
        items,
        ("id", "received_at", "case", "state", "from", "subject"),
        as_json=as_json,
        limit=limit,
    )


@message.command(name="show")
@click.argument("message_id", metavar="ID")
@with_json
@click.pass_obj
def message_show(operator: Operator, message_id: str, as_json: bool) -> None:
    """One message: envelope, verdicts, text, attachments, attempts."""
    with operator.store() as database, database.read() as unit:
        item = shown_item(unit, message_id)
    if as_json:
        print_json(item)
    else:
        _print_message(item)


@message.command(name="raw")
@click.argument("message_id", metavar="ID")
@click.option("--stamped", is_flag=True, help="With our trace fields in front and forged ones left out.")
@click.pass_obj
def message_raw(operator: Operator, message_id: str, stamped: bool) -> None:
    """The octets of one message as received."""
    with operator.store() as database, database.read() as unit:
        row = _required(unit, message_id)
        octets = content.load(unit, row.content_id)
    sys.stdout.buffer.write(messages.stamped(row, octets) if stamped else octets)
    sys.stdout.buffer.flush()


@click.group()
def outbox() -> None:
    """Mail that leaves."""


@outbox.command(name="list")
@with_json
@with_limit
@click.pass_obj
def outbox_list(operator: Operator, as_json: bool, limit: int | None) -> None:
    """The newest recipients of outbound mail, newest first, and how it stands with each."""
    with operator.store() as database, database.read() as unit:
        items = [_recipient_item(row) for row in listing.outbox_recipients(unit, rows_wanted(limit, as_json=as_json))]
    columns = ("id", "kind", "case", "state", "attempts", "due_at", "recipient", "response")
    print_list(items, columns, as_json=as_json, limit=limit)


VERBS = (message, outbox)


def message_item(row: Any, attempts: Iterable[Any]) -> Item:
    """A message without its text."""
    recipients = json.loads(row.recipients)
    return {
        "id": row.id,
        "direction": row.direction,
        "thread_id": row.thread_token,
        "case": row.case_number,
        "envelope": {
            "reverse_path": row.reverse_path or None,
            "recipients": [verdict["address"] for verdict in recipients],
            "ret": row.ret or None,
            "envid": row.envid or None,
            "notify": {verdict["address"]: verdict["notify"] for verdict in recipients if "notify" in verdict},
            "orcpt": {verdict["address"]: verdict["orcpt"] for verdict in recipients if "orcpt" in verdict},
        },
        "from": row.author_address or None,
        "from_name": row.author_name,
        "to": _addresses(row.to_),
        "cc": _addresses(row.cc),
        "subject": row.subject,
        "message_id": row.message_id or None,
        "received_at": instant(row.received_at),
        "authentication": json.loads(row.authentication),
        "classification": row.classification,
        "disposition": row.disposition,
        "dispositions": {verdict["address"]: verdict.get("disposition", row.disposition) for verdict in recipients},
        "reason": row.reason,
        "proof": row.proof,
        "state": row.state,
        "attempts": [_attempt_item(attempt) for attempt in attempts],
        "session": json.loads(row.session),
    }


def shown_item(unit: Unit, message_id: str) -> Item:
    """One message as `message show --json` gives it; raises NotFound."""
    row = _required(unit, message_id)
    item = message_item(row, listing.attempts_of_message(unit, row.seq))
    item["report"] = json.loads(row.report) if row.report else None
    try:
        return item | cli_reading.reading_item(content.load(unit, row.content_id))
    except content.ContentDropped:
        size = content.facts(unit, row.content_id).size_octets
        return item | cli_reading.NOTHING | {"size": size}


def _required(unit: Unit, message_id: str) -> Any:
    row = listing.message_by_id(unit, message_id) if message_id.isascii() else None
    if row is None:
        raise NotFound(f"no message {message_id!r}: see casegate message list")
    return row


def _addresses(stored: str) -> list[str]:
    return [address for _, address in json.loads(stored)]


def _attempt_item(row: Any) -> Item:
    return {
        "recipient": row.address,
        "kind": row.kind,
        "at": instant(row.at),
        "outcome": row.outcome,
        "response": row.response,
    }


def _recipient_item(row: Any) -> Item:
    return {
        "id": row.id,
        "name": row.name,
        "kind": row.kind,
        "case": row.case_number,
        "recipient": row.address,
        "state": row.state,
        "attempts": row.attempts,
        "unsettled": row.unsettled,
        "due_at": optional(instant, row.due_at),
        "response": row.response,
    }


def _words_of(found: Any) -> str:
    """One check in one line."""
    named = (
        f" for {found['domain']}" if found.get("domain") else f" by {found['sealer']}" if found.get("sealer") else ""
    )
    policy = f", p={found['policy']}" if found.get("policy") else ""
    reason = f" ({found['reason']})" if found.get("reason") else ""
    return f"{found['result']}{named}{policy}{reason}"


def _checks(authentication: Any) -> Item:
    """The results by name; of several signatures each has its line."""
    signatures = authentication["dkim"] or [{"result": "none"}]
    return {
        "spf": _words_of(authentication["spf"]),
        **{f"dkim {at}" if at > 1 else "dkim": _words_of(one) for at, one in enumerate(signatures, 1)},
        "dmarc": _words_of(authentication["dmarc"]),
        "arc": _words_of(authentication["arc"]),
    }


def _print_message(item: Any) -> None:
    checks = _checks(item["authentication"])
    shown = {
        **item,
        "reverse_path": item["envelope"]["reverse_path"] or "<>",
        "recipients": item["envelope"]["recipients"],
        **checks,
        "peer": item["session"]["peer"],
    }
    first = ("id", "direction", "received_at", "thread_id", "case", "state")
    envelope = ("reverse_path", "recipients", "peer", "from_name", "from", "to", "cc", "subject")
    verdicts = ("classification", "disposition", "reason", "proof", *checks)
    print_fields(shown, (*first, *envelope, *verdicts))
    for label, words in cli_reading.reading_lines(item):
        print_fields({label: words}, (label,))
    for one in (item["report"] or {}).get("recipients", ())[:SHOWN_RECIPIENTS]:
        hard = ", hard" if one["hard"] else ""
        words = f"{one['address'] or 'somebody'} {one['action']} {one['status']} ({one['reason']}{hard})"
        print_fields({item["report"]["kind"]: words}, (item["report"]["kind"],))
    for one in item["attempts"]:
        words = f"{one['at']} {one['kind']} to {one['recipient']}: {one['outcome']} {one['response']}"
        print_fields({"attempt": words}, ("attempt",))
    click.echo()
    print_text("(the content has been deleted)" if item["text"] is None else item["text"])
