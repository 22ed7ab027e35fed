# SPDX-License-Identifier: Apache-2.0
"""The verbs of the quarantine: `quarantine list|show|release|drop|block`.

Each message is dealt with in a transaction of its own; what somebody else has dealt with meanwhile is answered in
words, with exit code 1. Nothing of a held mail is rendered: its text is shown without HTML and without controls.
"""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import click

from gateway import opening
from gateway.bell import Bell
from gateway.cli_operator import BAD_CALL, NOT_FOUND, NotFound, Operator
from gateway.cli_output import (
    Item,
    instant,
    optional,
    plain,
    print_json,
    print_list,
    print_text,
    rows_wanted,
    with_json,
    with_limit,
    wrapped,
)
from gateway.clock import SystemClock
from handlers import importing, reading, releasing
from handlers.headers import decode_text, scan
from handlers.office import Office
from handlers.proof import decide
from storage import blocks, contacts, content, import_doubles, listing, quarantine
from storage.address import parse
from storage.database import Database
from storage.quarantine import Filter, Note, Tally
from storage.states import Move
from storage.threads import ThreadRace

MOST_TRIES = 5  # of a release that meets the arrival of its own thread
EXCERPT_CHARACTERS = 2000
MAX_FIELDS = 200
MAX_FIELD_CHARACTERS = 1000
_INDENT = 14


@dataclass(frozen=True, slots=True)
class Desk:
    """What releasing and blocking need beside the store."""

    database: Database
    office: Office
    bell: Bell


class Refused(Exception):
    """What was asked cannot be done with this mail; the text says why."""


@click.group(name="quarantine")
def group() -> None:
    """Mail that is held until an operator releases or drops it, or it expires."""


@group.command(name="list")
@click.option("--from", "author", default="", metavar="ADDRESS|@DOMAIN", help="Only mail that names this author.")
@click.option("--for", "recipient", default="", metavar="ADDRESS", help="Only mail that this address holds.")
@with_json
@with_limit
@click.pass_obj
def list_(operator: Operator, author: str, recipient: str, as_json: bool, limit: int | None) -> None:
    """The newest held mail, newest first."""
    for asked in filter(None, (f"x{author}" if author.startswith("@") else author, recipient)):
        parse(asked)  # a word that is no address would find nothing, and say nothing
    keep = operator.config().quarantine.keep
    with operator.store() as database, database.read() as unit:
        rows = quarantine.newest(unit, rows_wanted(limit, as_json=as_json), Filter(author, recipient))
        tally = quarantine.tally(unit)
    items = [_item(row, keep) for row in rows]
    print_list(items, ("id", "received_at", "from", "recipients"), as_json=as_json, limit=limit, below="reason")
    if not as_json:
        click.echo(_counted(tally))


@group.command()
@click.argument("message_id", metavar="ID")
@with_json
@click.pass_obj
def show(operator: Operator, message_id: str, as_json: bool) -> None:
    """One held mail: why, for whom and until when it is held, and what it says."""
    with operator.store() as database, database.read() as unit:
        row = quarantine.by_id(unit, message_id) if message_id.isascii() else None
        if row is None:
            raise NotFound(_not_held(database, message_id))
        octets = content.load(unit, row.content_id)
    item = _item(row, operator.config().quarantine.keep) | _seen(row, octets)
    if as_json:
        print_json(item)
    else:
        _print(item)


@group.command()
@click.argument("message_ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def release(operator: Operator, message_ids: tuple[str, ...]) -> int:
    """Let held mail in, as if it were accepted now."""
    with _desk(operator) as found:
        return _each(message_ids, lambda message_id: _release(found, message_id))


@group.command()
@click.argument("message_ids", nargs=-1, required=True, metavar="ID...")
@click.pass_obj
def drop(operator: Operator, message_ids: tuple[str, ...]) -> int:
    """Delete held mail; that it came is remembered."""
    with operator.store() as database:
        return _each(message_ids, lambda message_id: _drop(database, message_id))


@group.command()
@click.argument("message_id", metavar="ID")
@click.pass_obj
def block(operator: Operator, message_id: str) -> int:
    """Block the author of a held mail, and drop the mail."""
    with _desk(operator) as found:
        return _each([message_id], lambda message_id: _block(found, message_id))


VERBS = (group,)


@contextmanager
def _desk(operator: Operator) -> Iterator[Desk]:
    """The office with the desk in force, and a bell that complains to nobody: the sweep finds what it did not tell."""
    from gateway import roles  # slow to import: only for who rings
    from gateway.reception import Reception

    logging.getLogger().addHandler(logging.NullHandler())
    config = operator.config()
    with operator.store() as database:
        keys, _ = opening.open_keys(config, database)
        bell = roles.make_bell(config)
        try:
            yield Desk(database, Reception(config, keys, database).fresh_office(), bell)
        finally:
            bell.close()


def _each(message_ids: Sequence[str], do: Callable[[str], str]) -> int:
    """One line for each; the rest goes on where one cannot be done, and the exit code tells of it."""
    code = 0
    for message_id in dict.fromkeys(message_ids):
        try:
            click.echo(do(message_id))
        except (NotFound, Refused) as error:
            click.echo(f"casegate: {error}", err=True)
            code = max(code, NOT_FOUND if isinstance(error, NotFound) else BAD_CALL)
    return code


def _release(found: Desk, message_id: str) -> str:
    for _ in range(MOST_TRIES):
        row, now = _held(found.database, message_id), _now()
        alike = partial(importing.are_dated_alike, limit=found.office.limits.header, now=now)
        with found.database.read() as unit:
            double = import_doubles.imported(unit, row, alike)
        if double is not None:
            _drop_held(found.database, message_id, releasing.here_already(double, now))
            return f"{message_id}: here already, imported as message {double.id} of case {double.number}; dropped"
        made = releasing.release(row, content.pieces(found.database.read, row.content_id), found.office, now)
        try:
            with found.database.move(Move.RELEASE) as unit:
                locked = quarantine.lock(unit, message_id)
                done = quarantine.release(unit, locked, made, decide) if locked is not None else None
        except ThreadRace:
            continue
        if done is None:
            raise NotFound(_not_held(found.database, message_id))
        found.bell.ring([done.id])
        named = f" as message {done.id}" if done.id != message_id else ""
        return f"{message_id}: released{named} for {', '.join(quarantine.holders(row))}, in thread {done.token}"
    raise ThreadRace


def _drop(database: Database, message_id: str) -> str:
    row = _held(database, message_id)
    _drop_held(database, message_id, releasing.dropped(_now()))
    return f"{message_id}: dropped, {_what_went(row)}"


def _drop_held(database: Database, message_id: str, note: Note) -> None:
    with database.move(Move.DROP) as unit:
        locked = quarantine.lock(unit, message_id)
        if locked is not None:
            quarantine.drop(unit, locked, note)
    if locked is None:
        raise NotFound(_not_held(database, message_id))


def _block(found: Desk, message_id: str) -> str:
    row, now = _held(found.database, message_id), _now()
    named = releasing.named(row)
    with found.database.read() as unit:
        known = named is not None and contacts.is_known_contact(unit, named.key)
    who = releasing.whom_to_block(row, found.office, is_contact=known)
    if isinstance(who, str):
        raise Refused(f"{message_id}: {who}")
    with found.database.move(Move.DROP) as unit:
        locked = quarantine.lock(unit, message_id)
        if locked is not None:
            blocks.add(unit, str(who), f"by quarantine block {message_id}", now)
            quarantine.drop(unit, locked, releasing.blocked(str(who), now))
    if locked is None:
        raise NotFound(_not_held(found.database, message_id))
    proof = (
        "" if releasing.is_vouched_for(row) else "; nothing proves that they wrote it, their own mail is blocked too"
    )
    return f"{message_id}: {who} is blocked{proof}; the mail is dropped"


def _held(database: Database, message_id: str) -> Any:
    with database.read() as unit:
        row = quarantine.by_id(unit, message_id) if message_id.isascii() else None
    if row is None:
        raise NotFound(_not_held(database, message_id))
    return row


def _not_held(database: Database, message_id: str) -> str:
    """What has become of it, or that there never was such a message."""
    with database.read() as unit:
        row = listing.message_by_id(unit, message_id) if message_id.isascii() else None
    if row is None:
        return f"no message {message_id!r}: see casegate quarantine list"
    last = releasing.ended(row)
    return f"message {message_id} is not in quarantine, it is {row.state}" + (f": {last}" if last else "")


def _now() -> datetime:
    return SystemClock().now()


def _what_went(row: Any) -> str:
    if quarantine.is_share(row):
        return "for the addresses that held it; the others have it"
    return f"its {row.size_octets} octets are deleted"


def _item(row: Any, keep: timedelta) -> Item:
    """A held mail without what it says."""
    recipients = json.loads(row.recipients)
    return {
        "id": row.id,
        "received_at": instant(row.received_at),
        "keep_until": instant(row.held_at + keep),
        "from": row.author_address or None,
        "from_name": row.author_name,
        "verified": releasing.is_verified(row),
        "reverse_path": row.reverse_path or None,
        "recipients": quarantine.holders(row),
        "accepted_for": [one["address"] for one in recipients if one["disposition"] == "accept"],
        "subject": row.subject,
        "message_id": row.message_id or None,
        "classification": row.classification,
        "reason": releasing.why(row),
        "state": row.state,
        "case": row.case_number,
        "peer": json.loads(row.session)["peer"],
        "size": row.size_octets,
    }


def _seen(row: Any, octets: bytes) -> Item:
    """What the mail says: an excerpt of its text, the names of its attachments, its header section."""
    read = reading.read(octets)
    head = scan(octets)
    fields = [_named(head.raw(field)) for field in head.fields[:MAX_FIELDS]]
    stored = json.loads(row.authentication)
    return {
        "to": [address for _, address in json.loads(row.to_)],
        "cc": [address for _, address in json.loads(row.cc)],
        "authentication": stored,
        "notes": releasing.notes(row),
        "headers": fields,
        "text": read.text[:EXCERPT_CHARACTERS],
        "text_is_cut": len(read.text) > EXCERPT_CHARACTERS,
        "attachments": [{"name": one.name, "type": one.type, "size": one.size} for one in read.attachments],
    }


def _named(raw: bytes) -> list[str]:
    """A field's name as it was written, and its value, decoded and unfolded."""
    name, _, value = raw[:MAX_FIELD_CHARACTERS].partition(b":")
    return [name.decode("ascii", "replace").strip(), " ".join(decode_text(value).split())]


def _counted(tally: Tally) -> str:
    if not tally.count:
        return "nothing is held"
    since = optional(instant, tally.oldest)
    return f"{tally.count} held in all, the oldest since {since}"


def _print(item: Any) -> None:
    claim = f"{item['from_name']} <{item['from']}>" if item["from"] else item["from_name"] or "-"
    proof = "vouched for" if item["verified"] else "UNVERIFIED: only the mail says so"
    shown = {
        "id": item["id"],
        "held since": item["received_at"],
        "kept until": f"{item['keep_until']}, then deleted",
        "why": item["reason"],
        "held for": item["recipients"],
        "accepted for": item["accepted_for"],
        "case": item["case"],
        "author": f"{claim} ({proof})",
        "reverse-path": item["reverse_path"] or "<>",
        "sent by host": item["peer"],
        "to": item["to"],
        "cc": item["cc"],
        "subject": item["subject"],
        "class": item["classification"],
        "attachments": [f"{one['name'] or '-'} ({one['type']}, {one['size']} octets)" for one in item["attachments"]],
    }
    for name, value in shown.items():
        if value or name == "subject":
            _print_wrapped(name, plain(value))
    for step, decided, because in item["notes"]:
        if decided == quarantine.HELD:
            continue  # that is what "why" says
        _print_wrapped("decided", plain(f"{step}: {decided}: {because}"))
    click.echo()
    for name, value in item["headers"]:
        _print_wrapped("", plain(f"{name}: {value}"))
    click.echo()
    print_text(item["text"])
    if item["text_is_cut"]:
        click.echo("[more: casegate message show]")


def _print_wrapped(name: str, text: str) -> None:
    """A name and what may take several lines beside it; nothing is cut off, for this is the page to decide by."""
    first = f"{name:<{_INDENT}}" if name else ""
    later = " " * (_INDENT if name else 4)
    for line in wrapped(text, first, later):
        click.echo(line)
