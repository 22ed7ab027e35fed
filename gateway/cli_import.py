# SPDX-License-Identifier: Apache-2.0
"""The verb `import`: mail of the past from mbox files and maildirs, in the order in which it was written.

Leaves: cases and messages in the past, and nothing in the outbox. Stopped in the middle it is called again: what is
here already is passed over. Fails: what cannot be read or is too large is named and left out, and the exit code is 1.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click

from gateway import mailboxes, opening
from gateway.cli_operator import NOT_FOUND, NotFound, Operator, actor
from gateway.clock import SystemClock
from gateway.logs import scrub
from gateway.mailboxes import NoMailbox, Place
from gateway.reception import Reception
from handlers import importing
from handlers.headers import scan
from handlers.importing import Archive
from storage import import_doubles, imported
from storage.address import parse
from storage.database import Database
from storage.imported import Past
from storage.states import Move

AT_ONCE = 50  # mails in one transaction: mail that arrives goes between
HEADER_OCTETS = 64 * 1024  # in which the date is looked for
REPORT_EVERY_S = 2.0


@dataclass(slots=True)
class Progress:
    """Tells how far it is, on standard error, every few seconds, and at once what is left out."""

    total: int = 0
    done: int = 0
    new: int = 0
    left_out: int = 0  # mails and whole mailboxes
    waste: int = 0  # drafts and deleted mail
    _told_at: float = 0.0

    def step(self, read: int, new: int) -> None:
        self.done, self.new = self.done + read, self.new + new
        now = time.monotonic()
        if now - self._told_at >= REPORT_EVERY_S or self.done == self.total:
            self._told_at = now
            click.echo(f"{self.done} of {self.total} mails, {self.new} of them new", err=True)

    def leave_out(self, words: str) -> None:
        self.left_out += 1
        click.echo(f"left out: {scrub(words)}", err=True)

    @contextmanager
    def leaving_out_unreadable(self, name: str) -> Iterator[None]:
        """What cannot be read does not end the call."""
        try:
            yield
        except NoMailbox as error:
            self.leave_out(str(error))
        except OSError as error:
            self.leave_out(f"{name}: {error.strerror}")

    def summary(self, first: str) -> str:
        words = f"{self.new} {first}, {self.done - self.new} here already"
        words += f", {self.waste} passed over: drafts, deleted" if self.waste else ""
        return f"{words}, {self.left_out} left out" if self.left_out else words


@click.command(name="import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--to", "address", required=True, metavar="ADDRESS", help="The routing address that they came to.")
@click.option("--status", default="closed", show_default=True, metavar="NAME", help="The status of their cases.")
@click.option("--dry-run", is_flag=True, help="Read everything, and write nothing.")
@click.pass_obj
def import_mail(operator: Operator, paths: Sequence[Path], address: str, status: str, dry_run: bool) -> None:
    """Bring old mail from mbox files and maildirs in as cases of the past; no customer gets anything."""
    progress = Progress()
    with operator.store() as database:
        archive = _archive(operator, database, address, status)
        found = _in_order(paths, archive.now, operator.config().mx.max_size, progress)
        for begin in range(0, len(found), AT_ONCE):
            read = _read(found[begin : begin + AT_ONCE], archive, progress)
            progress.step(len(read), _count_new(database, read) if dry_run else _import(database, read))
    click.echo(progress.summary("to import" if dry_run else "imported"))
    if progress.left_out:
        click.get_current_context().exit(NOT_FOUND)


def _archive(operator: Operator, database: Database, address: str, status: str) -> Archive:
    config = operator.config()
    office = Reception(config, opening.open_keys(config, database)[0], database).fresh_office()
    row = office.routing_addresses.get(parse(address).key)
    if row is None:
        raise NotFound(f"no routing address {address}: see casegate address list")
    if office.desk.sections.kind_of(status) is None:
        raise click.BadParameter(f"{status!r} is no status of the desk", param_hint="--status")
    return Archive(office, row, status, SystemClock().now())


def _in_order(paths: Sequence[Path], now: datetime, limit: int, progress: Progress) -> list[Place]:
    """Every mail of every mailbox, oldest first: an answer must find what it answers."""
    dated: list[tuple[datetime, Place]] = []
    for place in _places(paths, progress):
        if place.is_waste:
            progress.waste += 1
            continue
        if place.length > limit:
            progress.leave_out(f"{place.name}: {place.length} octets are more than mx.max_size")
            continue
        with progress.leaving_out_unreadable(place.name):
            dated.append((_written_at(place, now), place))
    progress.total = len(dated)
    return [place for _, place in sorted(dated, key=lambda pair: pair[0])]


def _places(paths: Sequence[Path], progress: Progress) -> list[Place]:
    """Those of each mailbox that can be read from end to end."""
    found: list[Place] = []
    for path in paths:
        with progress.leaving_out_unreadable(str(path)):
            found += list(mailboxes.places(path))
    return found


def _written_at(place: Place, now: datetime) -> datetime:
    beginning = mailboxes.octets(place, HEADER_OCTETS)
    return importing.date_of(scan(beginning), now) or min(place.at, now)


def _read(some: Sequence[Place], archive: Archive, progress: Progress) -> list[Past]:
    read: list[Past] = []
    for place in some:
        with progress.leaving_out_unreadable(place.name):
            read.append(importing.past(mailboxes.octets(place), place.at, archive))
    return read


def _import(database: Database, read: Sequence[Past]) -> int:
    """Write some mails; returns how many were new."""
    with database.move(Move.IMPORT) as unit:
        return sum(imported.keep(unit, one, actor()) for one in read)


def _count_new(database: Database, read: Sequence[Past]) -> int:
    """How many are not here; what one archive has twice is counted twice."""
    with database.read() as unit:
        return sum(not import_doubles.is_here(unit, one.marks) for one in read)


VERBS = (import_mail,)
