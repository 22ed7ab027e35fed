# SPDX-License-Identifier: Apache-2.0
"""The verb `import`: mail of the past from mbox files and maildirs, in the order in which it was written.

Leaves: cases and messages in the past, and nothing in the outbox. Stopped in the middle it is called again: what is
here already is passed over. Fails: one line for what cannot be read; a mail that is too large is named and left out.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from gateway import mailboxes, opening
from gateway.cli_operator import NotFound, Operator, actor
from gateway.clock import SystemClock
from gateway.mailboxes import NoMailbox, Place
from gateway.reception import Reception
from handlers import importing
from handlers.headers import scan
from handlers.importing import Archive
from storage import imported
from storage.address import parse
from storage.database import Database
from storage.states import Move

AT_ONCE = 50  # mails in one transaction: mail that arrives goes between
HEADER_OCTETS = 64 * 1024  # in which the date is looked for
REPORT_EVERY_S = 2.0


@dataclass(slots=True)
class Progress:
    """Tells how far it is, on standard error, every few seconds."""

    total: int
    done: int = 0
    new: int = 0
    _told_at: float = 0.0

    def step(self, done: int, new: int) -> None:
        self.done, self.new = self.done + done, self.new + new
        now = time.monotonic()
        if now - self._told_at >= REPORT_EVERY_S or self.done == self.total:
            self._told_at = now
            click.echo(f"{self.done} of {self.total} mails, {self.new} of them new", err=True)


@click.command(name="import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--to", "address", required=True, metavar="ADDRESS", help="The routing address that they came to.")
@click.option("--status", default="closed", show_default=True, metavar="NAME", help="The status of their cases.")
@click.option("--dry-run", is_flag=True, help="Read everything, and write nothing.")
@click.pass_obj
def import_mail(operator: Operator, paths: Sequence[Path], address: str, status: str, dry_run: bool) -> None:
    """Bring old mail from mbox files and maildirs in as cases of the past; nothing is sent."""
    with operator.store() as database:
        archive = _archive(operator, database, address, status)
        limit = operator.config().mx.max_size
        found = _in_order(paths, archive.now, limit)
        progress = Progress(len(found))
        for begin in range(0, len(found), AT_ONCE):
            some = found[begin : begin + AT_ONCE]
            progress.step(len(some), 0 if dry_run else _import(database, some, archive))
    click.echo(f"{progress.new} imported, {progress.done - progress.new} " + ("read" if dry_run else "here already"))


def _archive(operator: Operator, database: Database, address: str, status: str) -> Archive:
    config = operator.config()
    office = Reception(config, opening.open_keys(config, database)[0], database).fresh_office()
    row = office.routing_addresses.get(parse(address).key)
    if row is None:
        raise NotFound(f"no routing address {address}: see casegate address list")
    if office.desk.sections.kind_of(status) is None:
        raise click.BadParameter(f"{status!r} is no status of the desk", param_hint="--status")
    return Archive(office, row, status, SystemClock().now())


def _in_order(paths: Sequence[Path], now: datetime, limit: int) -> list[Place]:
    """Every mail of every mailbox, oldest first: an answer must find what it answers."""
    dated: list[tuple[datetime, Place]] = []
    for path in paths:
        for place in _places(path):
            if place.length > limit:
                click.echo(f"{place.name}: left out, {place.length} octets are more than mx.max_size", err=True)
                continue
            dated.append((_written_at(place, now), place))
    return [place for _, place in sorted(dated, key=lambda pair: pair[0])]


def _places(path: Path) -> list[Place]:
    try:
        return list(mailboxes.places(path))
    except NoMailbox as error:
        raise click.BadParameter(str(error), param_hint="PATH") from None


def _written_at(place: Place, now: datetime) -> datetime:
    beginning = mailboxes.octets(place, HEADER_OCTETS)
    return importing.date_of(scan(beginning), now) or min(place.at, now)


def _import(database: Database, some: Sequence[Place], archive: Archive) -> int:
    """Write some mails; returns how many were new."""
    read = [importing.past(mailboxes.octets(place), place.at, archive) for place in some]
    with database.move(Move.IMPORT) as unit:
        return sum(imported.keep(unit, one, actor()) for one in read)


VERBS = (import_mail,)
