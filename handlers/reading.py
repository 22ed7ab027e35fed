# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a mail: subject, text, HTML and the list of attachments.

Enters: content. Leaves: a Reading whose text every store and terminal takes. Never fails. An attached mail is an
attachment and its words are not ours (dependencies G17); names of files carry no path and no controls.
"""

import html as entities
from dataclasses import dataclass
from hashlib import sha256

from handlers.headers import decode_text, scan
from handlers.mime_parts import Part, decode, parts, text

MAX_TEXT_CHARACTERS = 500_000

_SILENT = ("script", "style", "head", "title")
_LINES = {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "ul", "ol", "table", "blockquote", "pre", "hr"}


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a mail: the decoded octets' number and SHA-256; the name may be empty."""

    name: str
    type: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail as read; `html` is as received and must be made safe before it is shown."""

    subject: str
    text: str
    html: str | None
    attachments: tuple[Attachment, ...]


def read(content: bytes) -> Reading:
    """Read a mail; never raises."""
    leaves = [part for part in parts(content) if part.is_leaf]
    plain = [part for part in leaves if _is_text(part) and part.about.type != "text/html"]
    pages = [part for part in leaves if _is_text(part) and part.about.type == "text/html"]
    page = text(content, pages[0])[:MAX_TEXT_CHARACTERS] if pages else None
    words = "\n".join(text(content, part) for part in plain)[:MAX_TEXT_CHARACTERS]
    if not words.strip() and page is not None:
        words = text_of_html(page)
    files = tuple(_attachment(content, part) for part in leaves if not _is_text(part))
    return Reading(decode_text(scan(content).first(b"subject") or b""), words, page, files)


def _is_text(part: Part) -> bool:
    """Text shown in place; a multipart in which no part was found is text too, for it must show something."""
    if part.about.type.startswith("multipart/"):
        return True
    return part.about.type in ("text/plain", "text/html") and not part.is_attachment


def _attachment(content: bytes, part: Part) -> Attachment:
    octets = decode(content, part)
    return Attachment(part.about.name, part.about.type, len(octets), sha256(octets).hexdigest())


def text_of_html(page: str) -> str:
    """The words of an HTML page, block elements on their own lines; one pass, whatever the tags."""
    words: list[str] = []
    lower, at = page.lower(), 0
    while (start := page.find("<", at)) >= 0:
        words.append(page[at:start])
        end, at = _tag_end(lower, start)
        name = lower[start + 1 : min(end, start + 12)].strip("/ \t\n").split(" ")[0].strip("/")
        if name in _LINES:
            words.append("\n")
    words.append(page[at:])
    lines = (" ".join(line.split()) for line in _without_entities("".join(words)).split("\n"))
    return "\n".join(lines).strip()


def _tag_end(lower: str, start: int) -> tuple[int, int]:
    """(end of the tag, where the words go on): comments, scripts and what is never closed are left out."""
    if lower.startswith("<!--", start):
        end = lower.find("-->", start + 4)
        return (end, end + 3) if end >= 0 else (len(lower), len(lower))
    end = lower.find(">", start)
    if end < 0:
        return len(lower), len(lower)
    for name in _SILENT:
        if lower.startswith(name, start + 1) and not lower[start + 1 + len(name)].isalnum():
            close = lower.find(f"</{name}", end)
            return end, close if close >= 0 else len(lower)
    return end, end + 1


def _without_entities(words: str) -> str:
    try:
        return entities.unescape(words).replace("\x00", "").encode("utf-8", "replace").decode()
    except ValueError:  # a character number of thousands of digits
        return words
