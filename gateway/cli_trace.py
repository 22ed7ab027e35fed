# SPDX-License-Identifier: Apache-2.0
"""The verbs of the trace: `message explain`, `message replay`. Both only read.

explain prints what is stored about one message; replay judges stored mail again by another configuration or desk file
and prints the differences, one message at a time, so that a year of mail needs no more memory than one.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from gateway import config, replaying, units
from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import Item, instant, print_json, with_json
from gateway.clock import SystemClock
from gateway.trace_page import difference_lines, page
from handlers import explaining
from handlers.replaying import Place, Replayed, replay
from storage import content, listing, sessions, story, threads
from storage.content import ContentMissing
from storage.database import Database, Unit

PROGRESS_EVERY_S = 5.0


@click.command(name="explain")
@click.argument("message_id", metavar="ID")
@with_json
@click.pass_obj
def message_explain(operator: Operator, message_id: str, as_json: bool) -> None:
    """Why one message was treated as it was, on one page."""
    with operator.store() as database, database.read() as unit:
        document = explaining.explanation(_story(unit, message_id))
    if as_json:
        print_json(document)
    else:
        for line in page(document):
            click.echo(line)


@click.command(name="replay")
@click.argument("message_id", metavar="[ID]", required=False)
@click.option("--since", metavar="TIME", help="All mail since then: RFC 3339, or a duration such as 2d.")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="Judge by this configuration.")
@click.option("--desk", "desk_path", type=click.Path(path_type=Path), help="Judge by this desk file.")
@with_json
@click.pass_obj
def message_replay(
    operator: Operator, /, message_id: str | None, since: str | None, as_json: bool, **tried: Path | None
) -> None:
    """Judge stored mail again by another configuration or desk file; print only what would be otherwise."""
    if (message_id is None) == (since is None):
        raise click.UsageError("either the ID of a message or --since TIME")
    start = None if since is None else _start(since)
    installed, config_path = operator.config(), tried["config_path"]
    other = config.load(config_path, os.environ) if config_path is not None else installed
    with operator.store() as database, replaying.place(installed, other, tried["desk_path"], database) as place:
        rows = story.inbound_since(database.read, start) if start is not None else _one(database, message_id or "")
        run = _Run(database, place)
        found = run.otherwise(rows)
        if as_json:
            _print_json(found, run)
        else:
            _print_page(found, run)


VERBS = (message_explain, message_replay)


class _Run:
    """One run over stored mail, one message in memory at a time; counts what it saw."""

    def __init__(self, database: Database, place: Place) -> None:
        self._database, self._place = database, place
        self._told_at = time.monotonic()
        self.judged = self.different = self.failed = self.untraced = 0

    def otherwise(self, rows: Iterable[Any]) -> Iterator[Item]:
        """The messages that would be judged otherwise, and those that cannot be judged again."""
        for row in rows:
            if not row.trace:  # without the answers of then every check would be without an answer
                self.untraced += 1
                continue
            try:
                found = replay(row, content.pieces(self._database.read, row.content_id), self._place)
            except ContentMissing as error:
                self.failed += 1
                yield _item(row) | {"error": str(error), "differences": [], "not_looked_up": []}
                continue
            self.judged += 1
            self._tell()
            if found.differences:
                self.different += 1
                yield _item(row) | _found(found)

    def _tell(self) -> None:
        """Whoever waits long hears how far it is."""
        if time.monotonic() - self._told_at > PROGRESS_EVERY_S:
            self._told_at = time.monotonic()
            click.echo(f"{self.judged} judged, {self.different} of them otherwise", err=True)


def _item(row: Any) -> Item:
    return {
        "id": row.id,
        "received_at": instant(row.received_at),
        "from": row.author_address or None,
        "subject": row.subject,
    }


def _found(found: Replayed) -> Item:
    return {
        "error": None,
        "differences": [asdict(one) for one in found.differences],
        "not_looked_up": [f"{one.kind} {one.name}" for one in found.not_looked_up],
    }


def _print_json(items: Iterable[Item], run: _Run) -> None:
    """One document, written while it is found."""
    click.echo('{"messages": [', nl=False)
    for number, item in enumerate(items):
        click.echo(("," if number else "") + "\n" + json.dumps(item, indent=2), nl=False)
    counts = {name: getattr(run, name) for name in ("judged", "different", "failed", "untraced")}
    click.echo("\n], " + json.dumps(counts)[1:])


def _print_page(items: Iterable[Item], run: _Run) -> None:
    for item in items:
        for line in difference_lines(item):
            click.echo(line)
    click.echo(
        f"{run.different} of {run.judged} would be otherwise; rates and the bounds of sessions are not judged again"
    )
    if run.failed:
        click.echo(f"{run.failed} could not be judged again")
    if run.untraced:
        click.echo(f"{run.untraced} from before answers of DNS were kept: not judged again")


def _story(unit: Unit, message_id: str) -> explaining.Story:
    row = _required(unit, message_id)
    tokens = {one: threads.token_of(unit, one) for one in explaining.threads_of(row)}
    return explaining.Story(row, story.events_of(unit, row), story.deliveries_of(unit, row.seq), tokens)


def _required(unit: Unit, message_id: str) -> Any:
    """The message; of one that was refused the session still knows, and says where to look."""
    row = listing.message_by_id(unit, message_id) if message_id.isascii() else None
    if row is not None:
        return row
    session_id = message_id.partition("-")[0]
    session = sessions.by_id(unit, session_id) if message_id.isascii() else None
    refused = [one for one in json.loads(session.refused) if one["id"] == message_id] if session is not None else []
    if refused:
        cause = next((one for one in refused if one.get("because")), refused[-1])  # not what the client did after it
        because = cause.get("because", "")
        why = f", because {because}" if because else ""
        raise NotFound(
            f"message {message_id!r} was refused and is not stored: {cause['response']}{why}; "
            f"see casegate session show {session_id}, and the log, whose lines with this id say the same"
        )
    raise NotFound(f"no message {message_id!r}: see casegate message list; the log tells of what was refused")


def _one(database: Database, message_id: str) -> list[Any]:
    with database.read() as unit:
        row = _required(unit, message_id)
    if row.direction != "inbound":
        raise click.UsageError(f"message {message_id} is an agent's reply: no policy judged it")
    return [row]


def _start(text: str) -> datetime:
    """RFC 3339 §5.6, or a duration back from now."""
    try:
        return SystemClock().now() - units.parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min
    if at.tzinfo is None:
        raise click.UsageError(
            f"--since: found {text!r}, expected a time such as 2026-01-31T12:00:00Z, or 2d, 12h, 30m"
        )
    return at.astimezone(UTC)
