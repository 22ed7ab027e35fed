# SPDX-License-Identifier: Apache-2.0
"""What the verbs print: one JSON document for programs, plain tables of 80 columns for people.

Mail is hostile on a terminal too: control and direction characters are escaped, JSON is ASCII only.
"""

import json
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from gateway.clock import SystemClock
from gateway.logs import scrub

COLUMNS = 80
HUMAN_LIMIT = 50
_GAP = "  "
_NARROWEST = 6
_NEAR = timedelta(days=180)  # in which month and day alone name one day
_LARGEST = 2**31 - 1
_WIDTHLESS = ("Mn", "Me")  # marks above, below and around the character before them
_FILL = "\0"  # beside each wide character while text is wrapped; scrubbed text has none

T = TypeVar("T")
Item = dict[str, object]  # one JSON object, made once and printed

with_json = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
with_limit = click.option(
    "--limit", type=click.IntRange(1, _LARGEST), help=f"Newest N only; without it {HUMAN_LIMIT}, in JSON all."
)


def rows_wanted(limit: int | None, *, as_json: bool) -> int:
    """How many rows to ask the store for; a table asks for one more, to see whether there are more."""
    if as_json:
        return limit or _LARGEST
    return (limit or HUMAN_LIMIT) + 1


def print_json(document: object) -> None:
    """The one JSON document of a call."""
    click.echo(json.dumps(document, indent=2))


def print_list(
    items: Sequence[Item], columns: Sequence[str], *, as_json: bool, limit: int | None = None, below: str = ""
) -> None:
    """A list as JSON, or as a table whose last line says how many there are; `below` each row goes what is long."""
    if as_json:
        print_json(items)
        return
    most = limit or HUMAN_LIMIT
    shown = items[:most] if limit or len(items) == most + 1 else items
    titles, *lines = table(columns, [[_cell(name, item[name]) for name in columns] for item in shown])
    click.echo(titles)
    for item, line in zip(shown, lines, strict=True):
        click.echo(line)
        if below:
            click.echo(_GAP * 2 + _fit(plain(item[below]), COLUMNS - 2 * len(_GAP)).rstrip())
    more = len(shown) < len(items)
    click.echo(f"{len(shown)} newest shown; --limit N shows more" if more else f"{len(shown)} in all")


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterable[str]:
    """Lines of at most 80 columns; the first column, which names the row, and times are never cut."""
    titles = [name.upper().replace("_", " ") for name in columns]
    widths = [max(map(cells, column)) for column in zip(titles, *rows, strict=True)]
    room = COLUMNS - len(_GAP) * (len(columns) - 1)
    while sum(widths) > room:
        flexible = [n for n, name in enumerate(columns) if n and not name.endswith("_at")]
        widest = max(flexible, key=lambda n: widths[n], default=0)
        if widths[widest] <= _NARROWEST:
            break
        widths[widest] -= 1
    for row in (titles, *rows):
        yield _GAP.join(map(_fit, row, widths)).rstrip()


def print_fields(item: Item, names: Sequence[str]) -> None:
    """Name and value, a line each, cut to 80 columns."""
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:{width}}{_GAP}{_fit(plain(item[name]), COLUMNS - width - len(_GAP)).rstrip()}")


def print_whole(item: Item, names: Sequence[str]) -> None:
    """The same, wrapped where it is long."""
    width = max(map(len, names))
    for name in names:
        front = f"{name:{width}}{_GAP}"
        for line in wrapped(scrub(plain(item[name])), front, " " * len(front)):
            click.echo(line)


def print_text(text: str) -> None:
    """Words of a mail, wrapped, without what could steer the terminal."""
    for line in text.replace("\t", "    ").splitlines():
        for part in wrapped(scrub(line), drop_whitespace=False):
            click.echo(part)


def wrapped(text: str, first: str = "", later: str = "", *, drop_whitespace: bool = True) -> list[str]:
    """Scrubbed text in lines of at most 80 columns, the first and the later ones with these words in front."""
    filled = "".join(character + _FILL if _cells(character) > 1 else character for character in text)
    lines = textwrap.wrap(
        filled,
        COLUMNS if filled == text else COLUMNS - 1,  # a line may end between a wide character and what fills it up
        initial_indent=first,
        subsequent_indent=later,
        drop_whitespace=drop_whitespace,
        replace_whitespace=False,
    )
    return [line.replace(_FILL, "").rstrip() for line in lines] or [first.rstrip()]


def _cell(name: str, value: object) -> str:
    """A value in a table; times as month, day and minute, those of another time of the year with the year."""
    text = plain(value)
    if not name.endswith("_at") or not value:
        return text
    is_near = abs(SystemClock().now() - datetime.fromisoformat(text)) < _NEAR
    return text[5:16].replace("T", " ") if is_near else text[:10]


def plain(value: object) -> str:
    """A value for people, on one line."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(one) for one in value) or "-"
    return scrub(str(value))


def instant(value: datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def optional(show: Callable[[T], Any], value: T | None) -> Any:
    """What is there shown, what is not as null."""
    return None if value is None else show(value)


def cells(text: str) -> int:
    """How many columns a terminal gives the text (UAX #11)."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.category(character) in _WIDTHLESS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fit(text: str, width: int) -> str:
    """The text in exactly this many columns, cut with an ellipsis."""
    used = cells(text)
    if used <= width:
        return text + " " * (width - used)
    kept, used = "", 0
    for character in text:
        used += _cells(character)
        if used >= width:
            break
        kept += character
    return kept + "…" + " " * max(0, width - 1 - cells(kept))
