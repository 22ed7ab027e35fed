# SPDX-License-Identifier: Apache-2.0
"""What a person sees of a mail: subject, text, HTML and the list of attachments.

Enters: content. Leaves: a Reading whose text every store and terminal takes. Never fails. An attached mail is an
attachment and its words are not ours (dependencies G17); names of files carry no path and no controls. What a
winmail.dat holds stands behind it in the list, and its text where the mail has no other.
"""

import html as entities
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice

from handlers import files_in_text, rtf, tnef
from handlers.body_parts import PAGE, Bodies, bodies, is_media
from handlers.charsets import characters
from handlers.enriched import plain
from handlers.flowed import unflow
from handlers.headers import decode_text, scan
from handlers.lost_words import mended, with_lost_words
from handlers.mime_fields import Description, safe_name
from handlers.mime_parts import CODED, Part, decode, decode_words, parts, scrub
from handlers.sanitising import of_text
from handlers.sniffing import sniff
from handlers.tags import scanned

MAX_TEXT_CHARACTERS = 500_000
MAX_PACKED = 20  # winmail.dats of a mail that are opened
MAX_UNPACKED = 200  # files in them

_LINES = {
    *("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "dt", "dd", "table", "hr"),
    *("blockquote", "pre", "section", "article", "header", "footer", "body", "center", "address", "caption"),
}
_CELLS = ("td", "th", "option")
_TNEF = ("application/ms-tnef", "application/vnd.ms-tnef")


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a mail: the decoded octets' number and SHA-256; the name may be empty.

    `type` is what the mail says, `sniffed` what the octets say. `cid` is the name under which a page shows it.
    """

    name: str
    type: str
    size: int
    sha256: str
    sniffed: str = ""
    cid: str = ""
    location: str = ""
    within: str = ""  # the file that it was packed in


@dataclass(frozen=True, slots=True)
class File:
    """An attachment with its octets; `method` and `charset` as its part says."""

    about: Attachment
    octets: bytes
    charset: str = ""
    method: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A mail as read; `html` is as received and must be made safe before it is shown."""

    subject: str
    text: str
    html: str | None
    attachments: tuple[Attachment, ...] = field(default=())


@dataclass(slots=True)
class Budget:
    """What may still be unpacked for one reader: of a mail and of the mails in it. A few octets make many."""

    rich_octets: int = rtf.MAX_OCTETS


def read(content: bytes, budget: Budget | None = None) -> Reading:
    """Read a mail; never raises."""
    structure = parts(content)
    found = bodies(structure)
    text, page = _shown(content, found)
    if not text.strip() and not page:
        text, page = _shown_if_mended(content, structure)
    if not text.strip() or not page:
        packed = _packed(content, found, budget or Budget())
        page = page or packed.html
        text = text if text.strip() else packed.text
    if not text.strip() and page:
        text = text_of_html(page)
    subject = decode_text(scan(content).first(b"subject") or b"")
    attachments = tuple(file.about for file in files(content, found))
    return Reading(subject, text, page or None, attachments)


def _shown(content: bytes, found: Bodies) -> tuple[str, str]:
    """Text and page."""
    page = _page(content, with_lost_words(content, found.html))
    text = "\n".join(_words(content, part) for part in with_lost_words(content, found.text))
    return text[:MAX_TEXT_CHARACTERS], page


def _shown_if_mended(content: bytes, structure: tuple[Part, ...]) -> tuple[str, str]:
    """A multipart whose header section does not end where it should."""
    whole = mended(content, structure[0].header.end)
    return ("", "") if whole is content else _shown(whole, bodies(parts(whole)))


def files(content: bytes, found: Bodies | None = None) -> Iterator[File]:
    """Every attachment with its octets, one after the other."""
    packed = unpacked = 0
    found = found or bodies(parts(content))
    for part in found.files:
        octets = decode(content, part)
        yield File(_about(part, octets), octets, part.about.charset, part.about.method)
        if _is_tnef(part) and packed < MAX_PACKED:
            packed += 1
            for one in islice(tnef.files(octets), MAX_UNPACKED - unpacked):
                unpacked += 1
                yield _unpacked(part.about.name, one)
    for part in found.text:
        if holds_files(part.about):
            yield from inline(part.body.of(content))


def holds_files(about: Description) -> bool:
    """Whether files may stand in the midst of a part; in none that is encoded, for admission does not decode."""
    return about.type == "text/plain" and about.encoding not in CODED


def inline(octets: bytes) -> Iterator[File]:
    """The files that stand in a text."""
    for name, within in files_in_text.files(octets):
        about = _unpacked("", tnef.PackedFile(name, "", within)).about
        yield File(replace(about, within=""), within)


def _about(part: Part, octets: bytes) -> Attachment:
    about = part.about
    cid = about.content_id or (f"part{part.number}" if about.location and is_media(part) else "")
    digest = sha256(octets).hexdigest()
    return Attachment(about.name, about.type, len(octets), digest, sniff(octets), cid, about.location)


def _unpacked(within: str, one: tnef.PackedFile) -> File:
    digest, name = sha256(one.octets).hexdigest(), safe_name(one.name)
    sniffed = sniff(one.octets)
    media_type = one.type or sniffed
    about = Attachment(name, media_type, len(one.octets), digest, sniffed, one.cid, within=within or "winmail.dat")
    return File(about, one.octets)


def _packed(content: bytes, found: Bodies, budget: Budget) -> tnef.Packed:
    """The words that Outlook packed, where a mail has such a file."""
    for part in found.files:
        if _is_tnef(part):
            packed = tnef.read(decode(content, part), budget.rich_octets)
            budget.rich_octets -= packed.rich_octets
            return packed
    return tnef.Packed()


def _is_tnef(part: Part) -> bool:
    return is_packed(part.about)


def is_packed(about: Description) -> bool:
    """Whether a part is a winmail.dat, which holds files itself."""
    return about.type in _TNEF or about.name.lower() == "winmail.dat"


def _characters(content: bytes, part: Part) -> str:
    """A text leaf as characters, line ends LF, without NUL and lone surrogates (dependencies G19)."""
    octets = decode_words(content, part)
    octets = files_in_text.without_files(octets) if holds_files(part.about) else octets
    text = characters(octets, part.about.charset, is_page=part.about.type == PAGE)
    return scrub(text).replace("\r\n", "\n")


def _words(content: bytes, part: Part) -> str:
    text = _characters(content, part)
    if part.about.type == PAGE:
        return text_of_html(text[:MAX_TEXT_CHARACTERS])
    if part.about.type in ("text/enriched", "text/richtext"):
        return plain(text)
    return unflow(text, is_delsp=part.about.is_delsp) if part.about.is_flowed else text


def _page(content: bytes, shown: list[Part]) -> str:
    """The pages of a mail as one; text between them stays between them."""
    if all(part.about.type != PAGE for part in shown):
        return ""
    pieces = []
    for part in shown:
        words = _words(content, part) if part.about.type != PAGE else _characters(content, part)
        pieces.append(words if part.about.type == PAGE else of_text(words) if words.strip() else "")
    return "\n".join(filter(None, pieces))[:MAX_TEXT_CHARACTERS]


def text_of_html(page: str) -> str:
    """The words of an HTML page, block elements on their own lines; one pass, whatever the tags."""
    kept: list[str] = []
    for words, tag in scanned(page):
        kept.append(words)
        if tag is not None:
            name = tag["name"].lower()
            kept.append("\n" if name in _LINES else " " if name in _CELLS else "")
    lines = (" ".join(line.split()) for line in _without_entities("".join(kept)).split("\n"))
    return "\n".join(lines).strip()


def _without_entities(words: str) -> str:
    try:
        return entities.unescape(words).replace("\x00", "").encode("utf-8", "replace").decode()
    except ValueError:  # a character number of thousands of digits
        return words
