# SPDX-License-Identifier: Apache-2.0
"""All that `message show` tells of a mail's content: text, safe HTML, files, invitation, cards, mails within.

Enters: content. Leaves: a Shown. Never fails. Mails within are read three deep and twenty in all.
"""

from dataclasses import dataclass

from handlers import cards, invitations, reading
from handlers.cards import Card
from handlers.charsets import characters
from handlers.headers import decode_text, scan
from handlers.invitations import Invitation
from handlers.mime_parts import scrub
from handlers.reading import Attachment, File
from handlers.sanitising import Safe, sanitise

MAX_NESTED = 20
MAX_NESTED_DEPTH = 3
MAX_CARD_OCTETS = 200_000

_MAILS = ("message/rfc822", "message/global")
_CARDS = ("text/vcard", "text/x-vcard", "text/directory")
_CALENDARS = ("text/calendar", "application/ics")


@dataclass(frozen=True, slots=True)
class Nested:
    """A mail within the mail; `number` is its place among the attachments, `nested` what is within it again."""

    number: int
    author: str
    subject: str
    date: str
    text: str
    attachments: tuple[Attachment, ...] = ()
    nested: tuple["Nested", ...] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """`page` is None for a mail without HTML; `page.parts` are the files shown in its midst, by `cid`.

    `raw_html` is not safe: the new words of a reply are read from it.
    """

    text: str
    page: Safe | None
    attachments: tuple[Attachment, ...]
    calendar: Invitation | None = None
    cards: tuple[Card, ...] = ()
    nested: tuple[Nested, ...] = ()
    raw_html: str | None = None


def show(content: bytes) -> Shown:
    """Read everything."""
    budget = reading.Budget()
    read = reading.read(content, budget)
    calendar: Invitation | None = None
    found: list[Card] = []
    for file in reading.files(content):
        if file.about.type in _CALENDARS:
            calendar = calendar or invitations.read(_text(file), file.method)
        elif file.about.type in _CARDS or file.about.sniffed == "text/vcard":
            found += cards.read(_text(file))
    page = sanitise(read.html, _names(read.attachments)) if read.html is not None else None
    nested = _nested(content, 1, [MAX_NESTED], budget)
    return Shown(read.text, page, read.attachments, calendar, tuple(found[: cards.MAX_CARDS]), nested, read.html)


def _text(file: File) -> str:
    return scrub(characters(file.octets[:MAX_CARD_OCTETS], file.charset))


def _names(attachments: tuple[Attachment, ...]) -> dict[str, str]:
    """How a page may name a part: by Content-ID, by Content-Location, by its name where it has a Content-ID."""
    named: dict[str, str] = {}
    for one in attachments:
        if one.cid:
            for way in filter(None, (one.cid, one.location, one.name)):
                named.setdefault(way, one.cid)
    return named


def _nested(content: bytes, depth: int, left: list[int], budget: reading.Budget) -> tuple[Nested, ...]:
    """`left` counts down over all depths."""
    made: list[Nested] = []
    for number, file in enumerate(reading.files(content)):
        if file.about.type not in _MAILS or left[0] <= 0:
            continue
        left[0] -= 1
        head, read = scan(file.octets), reading.read(file.octets, budget)
        below = _nested(file.octets, depth + 1, left, budget) if depth < MAX_NESTED_DEPTH else ()
        said = (decode_text(head.first(name) or b"")[:1000] for name in (b"from", b"date"))
        author, date = said
        made.append(Nested(number, author, read.subject[:1000], date, read.text, read.attachments, below))
    return tuple(made)
