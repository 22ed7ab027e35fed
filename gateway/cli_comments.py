# SPDX-License-Identifier: Apache-2.0
"""The verbs of what the team keeps in a case beside its mail: `case comment`, `file list`, `file get`."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli_case_edit import with_agent, work
from gateway.cli_case_number import CASE
from gateway.cli_cases import case
from gateway.cli_operator import NotFound, Operator
from gateway.cli_output import Item, instant, print_list, with_json
from handlers import commenting, files_of_mail
from handlers.commenting import MOST_OCTETS, MOST_TEXT_CHARACTERS, Comment
from handlers.mime_fields import safe_name
from storage import case_changes, case_views, content, files
from storage.database import Unit

_SHA256 = 64
_UTF8_OCTETS = 4  # of one character


@case.command(name="comment")
@click.argument("number", metavar="CASE", type=CASE)
@click.option("--text", metavar="TEXT", default="", help='What there is to say; "-": standard input.')
@click.option("--file", "paths", metavar="PATH", multiple=True, type=click.Path(path_type=Path), help="A file with it.")
@with_agent
@with_json
@click.pass_obj
def case_comment(operator: Operator, /, number: int, login: str | None, as_json: bool, **given: Any) -> None:
    """Say something in a case that no customer ever gets."""
    text = _standard_input() if given["text"] == "-" else given["text"]
    wish = Comment(text, _files(given["paths"]))
    fault = commenting.fault(wish)
    if fault:
        raise click.UsageError(fault)
    work(operator, number, login, as_json, lambda unit, desk, row, by: commenting.comment(unit, desk, row, wish, by))


@click.group(name="file")
def file_() -> None:
    """Files of mails and comments."""


@file_.command(name="list")
@click.argument("number", metavar="CASE", type=CASE)
@with_json
@click.pass_obj
def file_list(operator: Operator, number: int, as_json: bool) -> None:
    """The files of a case, each once however often it stands there."""
    with operator.store() as database, database.read() as unit:
        row = case_views.by_number(unit, number)
        if row is None:
            raise NotFound(f"no case {number}: see casegate case list")
        items = _once(files.of_cases(unit, case_changes.family(unit, row.id)))
    if not as_json:
        items = [{**one, "places": [_place(place) for place in one["places"]]} for one in items]
    print_list(items, ("size", "name", "type", "places"), as_json=as_json, limit=len(items), below="sha256")


@file_.command(name="get")
@click.argument("sha256")
@click.option("-o", "path", metavar="PATH", help='Where to: a file, a directory, or "-" for standard output.')
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.pass_obj
def file_get(operator: Operator, sha256: str, path: str | None, force: bool) -> None:
    """Write a file out, by default under its name into this directory."""
    digest = _digest(sha256)
    with operator.store() as database, database.read() as unit:
        name, octets = _found(unit, digest)
    if path == "-":
        sys.stdout.buffer.write(octets)
        return
    target = Path(path) if path else Path()
    target = target / (safe_name(name) or sha256[:16]) if target.is_dir() else target
    _write(target, octets, force=force)
    click.echo(str(target))


VERBS = (file_,)


def _standard_input() -> str:
    octets = sys.stdin.buffer.read(MOST_TEXT_CHARACTERS * _UTF8_OCTETS + 1)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise click.UsageError("the text is not UTF-8") from None


def _files(paths: tuple[Path, ...]) -> tuple[files.NewFile, ...]:
    """Read before the store is opened, and no more than may be kept."""
    found, room = [], MOST_OCTETS
    for path in paths:
        try:
            with path.open("rb") as opened:
                octets = opened.read(room + 1)
        except OSError as error:
            raise click.UsageError(f"{path}: {error.strerror}") from None
        room -= len(octets)
        if room < 0:
            raise click.UsageError(f"the files of a comment have at most {MOST_OCTETS // 1_000_000} MB")
        found.append(commenting.new_file(path.name, octets))
    return tuple(found)


def _once(rows: Any) -> list[Any]:
    """By the hash, in the order in which they came, each with all its places."""
    found: dict[bytes, Any] = {}
    for row in rows:
        item = found.setdefault(
            bytes(row.sha256),
            {
                "sha256": bytes(row.sha256).hex(),
                "name": row.name,
                "type": row.type,
                "size": row.size_octets,
                "at": instant(row.at),
                "places": [],
            },
        )
        place = {"message": row.message, "comment": row.comment, "name": row.name}
        item["places"].append(place)
    return list(found.values())


def _place(place: Item) -> str:
    return str(place["message"] or f"comment {place['comment']}")


def _digest(text: str) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(text) != _SHA256 or not digest:
        raise click.UsageError(f"{text[:80]!r} is no SHA-256 of {_SHA256} hexadecimal digits: see casegate file list")
    return digest


def _found(unit: Unit, digest: bytes) -> tuple[str, bytes]:
    kept = files.content_of(unit, digest)
    if kept is not None:
        return kept[1], content.load(unit, kept[0])
    for content_id, name in files.mails_with(unit, digest):
        octets = files_of_mail.octets_of(content.load(unit, content_id), digest)
        if octets is not None:
            return name, octets
    raise NotFound(f"no file {digest.hex()}: see casegate file list")


def _write(path: Path, octets: bytes, *, force: bool) -> None:
    """Never through a link, and over nothing that is there unless that is asked for."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_TRUNC if force else os.O_EXCL)
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already: --force writes over it") from None
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(octets)
