# SPDX-License-Identifier: Apache-2.0
"""The MIME structure of a mail as offsets into its octets (RFC 2046), and the decoding of one leaf.

Enters: content. Leaves: parts in the order of the octets, the whole mail first. Never fails: what is malformed is a
leaf. One pass over the lines; nesting and number are bounded, and `is_whole` says whether the bounds cut something.
An attached message/rfc822 is a leaf: its own parts are those of its decoded octets (dependencies G17).
"""

import re
from binascii import a2b_base64, a2b_qp
from dataclasses import dataclass
from encodings import normalize_encoding
from encodings.aliases import aliases
from typing import NamedTuple

from handlers import uuencoding
from handlers.headers import body_begin
from handlers.mime_fields import Description, describe

UUENCODED = ("uuencode", "x-uuencode", "x-uue", "uue")
CODED = ("base64", "quoted-printable", *UUENCODED)
MAX_DEPTH = 50
MAX_PARTS = 500
MAX_BOUNDARY_OCTETS = 256  # RFC 2046 §5.1.1 allows 70; some clients write more

_FIELD_START = re.compile(rb"[ \t]|[!-9;-~]+[ \t]*:")
_NOT_BASE64 = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="))
_BASE64_LINES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\r\n"
_STRANGE_OCTETS = 4  # so few do not tell that something is no base64
_FOOTER = re.compile(rb"=[ \t]*+\r?\n(?:[ \t]*+\r?\n)*+(?=[^\r\n]*?[^A-Za-z0-9+/=\s]|[^\s\r\n]++[ \t]++[^\s\r\n])")
_BLANK_BETWEEN = re.compile(rb"(?:^|[ \t])[^\s]{1,39}[ \t]++[^\s]")  # base64 has no words; some fold it with blanks
_FULL_LINE = 40
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a]")
_SOFT_BREAK = re.compile(rb"=[ \t]++(?=\r?\n)")
# A closed list: Python remembers every unknown name for ever, and idna and punycode need quadratic time.
_CODECS = {*aliases, *aliases.values(), "koi8_r", "koi8_u", "cp874", "utf_8_sig"}
_NAMES = {"gb2312": "gbk", "x_gbk": "gbk", "iso_8859_8_i": "iso8859_8", "windows_874": "cp874"}


class Span(NamedTuple):
    """Octets from start up to, not including, end."""

    start: int
    end: int

    def of(self, content: bytes) -> bytes:
        return content[self.start : self.end]


@dataclass(frozen=True, slots=True)
class Part:
    """One part: `header` ends before the blank line, `body` before the line break of the delimiter."""

    number: int
    parent: int | None
    depth: int
    header: Span
    body: Span
    about: Description
    is_leaf: bool

    @property
    def is_attachment(self) -> bool:
        """What a mail client shows as a file rather than as text."""
        return self.about.disposition not in ("", "inline") or bool(self.about.name)


def parts(content: bytes) -> tuple[Part, ...]:
    """The mail and all parts in it; the first is the mail itself."""
    return _Scan(content).run()


def is_whole(found: tuple[Part, ...]) -> bool:
    """Whether every part was reached, none left out by a bound."""
    deepest = any(part.depth >= MAX_DEPTH and part.about.type.startswith("multipart/") for part in found)
    return len(found) < MAX_PARTS and not deepest


def decode(content: bytes, part: Part) -> bytes:
    """The octets of a leaf without their transfer encoding; what is malformed is skipped."""
    return decode_octets(part.body.of(content), part.about.encoding)


def decode_words(content: bytes, part: Part) -> bytes:
    """The same for what people read: a footer that a list wrote behind base64, or in its place, stays as it is."""
    body = part.body.of(content)
    if part.about.encoding != "base64":
        return decode_octets(body, part.about.encoding) or body
    end = _end_of_base64(body)
    if not end and body.strip():
        return body
    return decode_octets(body[:end], "base64") + (b"\r\n" + body[end:] if end < len(body) else b"")


def _end_of_base64(body: bytes) -> int:
    """Where the words begin that somebody wrote behind it; 0 where it is words from its first line on."""
    footer = _FOOTER.search(body)
    end = footer.end() if footer is not None else len(body)
    if not body[:end].translate(None, _BASE64_LINES):
        return end
    at, seen = 0, 0
    for line in body[:end].splitlines(keepends=True):
        if seen and _is_words(line):
            return at if _may_be_base64(body[:at]) else 0
        if line.strip():
            seen += 1
            if seen == 1 and (_BLANK_BETWEEN.search(line) or (_is_words(line) and _strange(line) > _STRANGE_OCTETS)):
                return 0
        at += len(line)
    return end if seen > 1 or not _is_words(body[:end]) else 0


def _is_words(line: bytes) -> bool:
    """Junk in a line of base64 is little."""
    return _BLANK_BETWEEN.search(line) is not None or _strange(line) * 10 > len(line)


def _strange(line: bytes) -> int:
    return len(line.translate(None, _BASE64_LINES + b" \t"))


def _may_be_base64(octets: bytes) -> bool:
    """A short word before other words could be taken for base64."""
    if len(octets) >= _FULL_LINE or b"=" in octets:
        return True
    return (
        len(octets.translate(None, _NOT_BASE64)) % 4 == 0 and _CONTROL.search(decode_octets(octets, "base64")) is None
    )


def decode_octets(body: bytes, encoding: str) -> bytes:
    """Undo a Content-Transfer-Encoding (RFC 2045 §6)."""
    if encoding == "base64":
        return b"".join(map(_base64, re.split(b"=+", body.translate(None, _NOT_BASE64))))
    if encoding == "quoted-printable":
        return unquoted(body)
    if encoding in UUENCODED:
        decoder = uuencoding.Decoder()
        return decoder.feed(body) + decoder.finish()
    return body


def unquoted(lines: bytes) -> bytes:
    """RFC 2045 §6.7 (3): blanks at the end of a line were added on the way."""
    return a2b_qp(_SOFT_BREAK.sub(b"=", lines) if b"= " in lines or b"=\t" in lines else lines)


def text(content: bytes, part: Part) -> str:
    """A text leaf as characters, line ends LF, without NUL and lone surrogates (dependencies G19)."""
    return scrub(to_text(decode(content, part), part.about.charset)).replace("\r\n", "\n")


def to_text(octets: bytes, charset: str) -> str:
    """Decode by the declared character set, else UTF-8, else windows-1252: never raises."""
    for name in (codec(charset), "utf-8"):
        try:
            return octets.decode(name)
        except (LookupError, ValueError):  # UnicodeError is a ValueError
            continue
    return octets.decode("windows-1252", "replace")


def codec(charset: str) -> str:
    """Python's name of a character set; an unknown one is read as us-ascii."""
    name = normalize_encoding(charset[:40]).lower()
    name = _NAMES.get(name, name)
    return name if name in _CODECS else "us-ascii"


def scrub(characters: str) -> str:
    """Characters that every store takes."""
    return characters.replace("\x00", "").encode("utf-8", "replace").decode()


def _base64(run: bytes) -> bytes:
    usable = run[: len(run) - 1] if len(run) % 4 == 1 else run
    return a2b_base64(usable + b"=" * (-len(usable) % 4))


@dataclass(slots=True)
class _Draft:
    """A part whose end is not yet known."""

    parent: int | None
    header: Span
    body_start: int
    about: Description
    body_end: int = 0
    has_children: bool = False


class _Scan:
    """One pass; `chain` holds the parts that are open at this line, the innermost last."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.drafts: list[_Draft] = []
        self.chain: list[int] = []
        self.boundaries: dict[bytes, int] = {}  # boundary -> place in chain

    def run(self) -> tuple[Part, ...]:
        at = self._open(0, None)
        while (start := self._dashes(at)) >= 0:
            at = self._line_end(start)
            found = self._delimiter(start, at)
            if found is None:
                continue
            place, is_last = found
            self._close(place + 1, start)
            if is_last:
                self.boundaries.pop(self.drafts[self.chain[place]].about.boundary, None)
            elif len(self.drafts) < MAX_PARTS:
                at = self._open(at, self.chain[place])
            else:
                break
        self._close(0, None)
        return tuple(self._part(number) for number in range(len(self.drafts)))

    def _open(self, at: int, parent: int | None) -> int:
        """A part begins here; returns where its body begins."""
        header_end, body_start = self._header_of_mail() if parent is None else self._header(at)
        default = "text/plain"
        if parent is not None:
            self.drafts[parent].has_children = True
            if self.drafts[parent].about.type == "multipart/digest":
                default = "message/rfc822"  # RFC 2046 §5.1.5
        about = describe(self.content[at:header_end], default)
        self.drafts.append(_Draft(parent, Span(at, header_end), body_start, about))
        self.chain.append(len(self.drafts) - 1)
        self._learn_boundaries()
        return body_start

    def _header_of_mail(self) -> tuple[int, int]:
        """As `_header`; lines that are no fields end nothing but at the beginning, for the text must not be lost."""
        content, first = self.content, self._line_end(0)
        is_field = content.startswith((b"From ", b">From ", b"\n", b"\r\n")) or _FIELD_START.match(content, 0, first)
        if not is_field:
            return 0, 0
        begin = body_begin(content)
        if not begin:
            return len(content), len(content)
        return begin - (2 if content.endswith(b"\n\r\n", 0, begin) or begin == 2 else 1), begin

    def _header(self, at: int) -> tuple[int, int]:
        """(end of the header section, begin of the body): the blank line lies between them."""
        content = self.content
        while at < len(content):
            end = self._line_end(at)
            if end - at <= 2 and content[at:end] in (b"\r\n", b"\n"):
                return at, end
            if content.startswith(b"--", at) and self._delimiter(at, end) is not None:
                return at, at
            if _FIELD_START.match(content, at, end) is None:
                return at, at  # without the blank line
            at = end
        return at, at

    def _delimiter(self, start: int, end: int) -> tuple[int, bool] | None:
        """Whether this line, which begins with two dashes, divides an open multipart: (place, is the last)."""
        line = self.content[start + 2 : min(end, start + MAX_BOUNDARY_OCTETS)].rstrip()
        if line in self.boundaries:
            return self.boundaries[line], False
        if line.endswith(b"--") and line[:-2] in self.boundaries:
            return self.boundaries[line[:-2]], True
        return None

    def _close(self, place: int, delimiter: int | None) -> None:
        """All parts from this place of the chain on end here; the line break belongs to the delimiter."""
        end = len(self.content) if delimiter is None else delimiter
        if delimiter is not None and self.content.endswith(b"\n", 0, end):
            end -= 2 if self.content.endswith(b"\r\n", 0, end) else 1
        for number in self.chain[place:]:
            draft = self.drafts[number]
            draft.body_end = max(end, draft.body_start)
        if place < len(self.chain):
            del self.chain[place:]
            self._learn_boundaries()

    def _learn_boundaries(self) -> None:
        known = {}
        for place, number in enumerate(self.chain[:MAX_DEPTH]):
            about = self.drafts[number].about
            if about.boundary and about.type.startswith("multipart/"):
                known[about.boundary] = place
        self.boundaries = known

    def _dashes(self, at: int) -> int:
        """The next line that begins with two dashes; -1 when there is none. A regex takes seconds for a large mail."""
        if at == 0 and self.content.startswith(b"--"):
            return 0
        return self.content.find(b"\n--", max(0, at - 1)) + 1 or -1

    def _line_end(self, at: int) -> int:
        return self.content.find(b"\n", at) + 1 or len(self.content)

    def _part(self, number: int) -> Part:
        draft = self.drafts[number]
        depth, above = 0, draft.parent
        while above is not None:
            depth, above = depth + 1, self.drafts[above].parent
        body = Span(draft.body_start, draft.body_end)
        return Part(number, draft.parent, depth, draft.header, body, draft.about, not draft.has_children)
