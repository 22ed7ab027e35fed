# SPDX-License-Identifier: Apache-2.0
"""The header section as bytes: where each field begins and ends, what it says, and how to write a new one.

Enters: content as received (CRLF; LF is tolerated). Leaves: offsets into it, for received octets are edited by cutting
and prepending, never written anew by a MIME library (dependencies G16). Every function here is linear in its input and
never fails: beyond its limits no more fields are read and the scan says `truncated`; whoever decides by the header
section refuses such a mail. The body begins at the empty line whatever the limits. Only `fold` emits CRLF, and no value
can smuggle one in.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from binascii import a2b_qp
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from handlers.charsets import characters

MAX_FIELDS = 1000
MAX_HEADER_OCTETS = 256 * 1024
MAX_ID_OCTETS = 998  # RFC 5322 §2.1.1: no id is longer than a line
FIRST_IDS, LAST_IDS = 10, 40  # RFC 5322 §3.6.4: the root and the nearest ancestors are what threads a mail
FOLD_AT = 78  # RFC 5322 §2.1.1, a wish
LINE_LIMIT = 990  # RFC 5322 §2.1.1: at most 998 octets before CRLF
WORD_OCTETS = 45  # base64 makes 60 of them, and with =?utf-8?b?...?= 72 of 75 (RFC 2047 §2)

Span = tuple[int, int]

# White space before the colon is obsolete syntax (RFC 5322 §4.5), yet mail clients show "From : x" as the author.
_NAME = re.compile(rb"([!-9;-~]+)[ \t]*:")
_FOLD = re.compile(rb"\r?\n(?=[ \t])")
_LINE_ENDS = re.compile(rb"[\r\n\0]+")
_UNSAFE_IN_ID = re.compile(rb"[\x00-\x20\x7f]")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_CHARACTERS_OF_WORD = 200  # a longer ASCII phrase becomes encoded words, which fold anywhere
_BREAK = re.compile(rb" (?=[^ \t])")

_WORD = re.compile(rb"=\?([!-)+->@-~]{1,40}?)(?:\*[!->@-~]{0,20})?\?([bBqQ])\?((?:[^?\r\n]|\?(?=[?_ .,!]))*+)\?=")
_PADDING = b"==="


@dataclass(frozen=True, slots=True)
class HeaderLimits:
    """How far a header section is read; as it stands here, to decide by it."""

    octets: int = MAX_HEADER_OCTETS
    fields: int = MAX_FIELDS


WIDEST = HeaderLimits(10 * 1024 * 1024, 100_000)  # the most that an operator may allow


@dataclass(frozen=True, slots=True)
class Field:
    """One header field, folding and line end included; the name is in lower case, and empty for a line that is none."""

    name: bytes
    start: int
    end: int


@dataclass(frozen=True)  # without slots, for it remembers what it has looked up
class Head:
    """The header section of `content`: its fields cover it without a gap, then comes the empty line, then the body.

    Where it is truncated, the fields that were not read lie in the gap.
    """

    content: bytes
    fields: tuple[Field, ...]
    body_offset: int
    truncated: bool = False

    def raw(self, field: Field) -> bytes:
        """The octets of a field, name and line end included."""
        return self.content[field.start : field.end]

    def value(self, field: Field) -> bytes:
        """What a field says: unfolded and stripped."""
        raw = self.raw(field)
        value = raw[raw.find(b":") + 1 if field.name else 0 :].strip(b" \t\r\n")
        return _FOLD.sub(b"", value) if b"\n" in value else value

    def all(self, name: bytes) -> tuple[bytes, ...]:
        """The values of every field of that name (in lower case), topmost first."""
        return tuple(self.value(field) for field in self._named.get(name, ()))

    def first(self, name: bytes) -> bytes | None:
        """The value of the topmost field of that name."""
        found = self._named.get(name)
        return self.value(found[0]) if found else None

    def count(self, name: bytes) -> int:
        """How many fields bear that name."""
        return len(self._named.get(name, ()))

    @cached_property
    def message_id(self) -> str:
        """The mail's own Message-ID without angle brackets, or nothing."""
        return next(iter(message_ids(self.first(b"message-id") or b"")), "")

    @cached_property
    def _named(self) -> dict[bytes, list[Field]]:
        """A mail is asked for some eighty names on its way."""
        found: dict[bytes, list[Field]] = {}
        for field in self.fields:
            found.setdefault(field.name, []).append(field)
        return found


def body_begin(octets: bytes | bytearray, start: int = 0) -> int:
    """Behind the first empty line, searched from `start` on; 0 when that has not come."""
    if not start and octets.startswith((b"\r\n", b"\n")):
        return octets.index(b"\n") + 1
    ends = [at + len(mark) for mark in (b"\n\r\n", b"\n\n") if (at := octets.find(mark, start)) >= 0]
    return min(ends, default=0)


def scan(content: bytes, limits: HeaderLimits = WIDEST) -> Head:
    """Find the fields of the header section in one pass; a mail without a body ends in its last field."""
    fields: list[Field] = []
    name, start, position = b"", 0, 0
    while position < len(content):
        end = content.find(b"\n", position, limits.octets) + 1
        if not end:
            if len(content) > limits.octets:
                _close(fields, name, start, position)
                return _truncated(content, fields, position)
            end = len(content)
        first = content[position]
        if first == 10 or content.startswith(b"\r\n", position):
            _close(fields, name, start, position)
            return Head(content, tuple(fields), end)
        if first not in b" \t" or position == start:
            _close(fields, name, start, position)
            if len(fields) == limits.fields:
                return _truncated(content, fields, position)
            found = _NAME.match(content, position, end)
            name, start = found[1].lower() if found else b"", position
        position = end
    _close(fields, name, start, position)
    return Head(content, tuple(fields), position)


def _truncated(content: bytes, fields: list[Field], position: int) -> Head:
    return Head(content, tuple(fields), body_begin(content, max(0, position - 1)) or len(content), truncated=True)


def _close(fields: list[Field], name: bytes, start: int, end: int) -> None:
    if end > start:
        fields.append(Field(name, start, end))


def message_ids(value: bytes) -> tuple[str, ...]:
    """Read the ids of Message-ID, In-Reply-To or References, without angle brackets; junk between them is skipped."""
    if b"<" in value:
        found = [chunk.rpartition(b"<")[2] for chunk in value.split(b">")[:-1] if b"<" in chunk]
    else:  # some programs forget the brackets
        found = [word for word in value.replace(b",", b" ").split() if b"@" in word]
    ids = [_text_of_id(word) for word in found if 0 < len(word) <= MAX_ID_OCTETS]
    ids = [word for word in ids if word]
    return tuple(ids if len(ids) <= FIRST_IDS + LAST_IDS else ids[:FIRST_IDS] + ids[-LAST_IDS:])


def _text_of_id(word: bytes) -> str:
    """A long id may have been folded: white space in it is no part of it."""
    word = _UNSAFE_IN_ID.sub(b"", word)
    try:
        return word.decode()
    except UnicodeDecodeError:
        return word.decode("latin-1")


def decode_text(value: bytes) -> str:
    """Read an unstructured value or a phrase as text."""
    pieces: list[str] = []
    pending: list[bytes] = []
    charset, position = "", 0  # neighbouring words of one charset may share a character
    for found in _WORD.finditer(value):
        between = value[position : found.start()]
        word_charset = found[1].decode().lower()
        if between.strip(b" \t\r\n") or not position or word_charset != charset:
            pieces.append(_read(b"".join(pending), charset))
            pending, charset = [], word_charset
            if between.strip(b" \t\r\n") or not position:  # RFC 2047 §6.2: only white space between words vanishes
                pieces.append(_read(between, ""))
        pending.append(_octets(found))
        position = found.end()
    pieces += (_read(b"".join(pending), charset), _read(value[position:], ""))
    return printable("".join(pieces)).strip()


def _octets(word: re.Match[bytes]) -> bytes:
    """What an encoded word encodes; one that does not decode stands for itself."""
    if word[2] in b"qQ":
        return a2b_qp(word[3], header=True)
    letters = word[3].translate(None, b" \t").rstrip(b"=")  # some programs fold within a word
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]  # or cut it
    try:
        return b64decode(letters + _PADDING[: -len(letters) % 4]) or (word[0] if word[3] else b"")
    except BadBase64:
        return word[0]


def _read(octets: bytes, charset: str) -> str:
    """Decode by the charset named, unless it is none or proves wrong."""
    return characters(octets, charset) if octets else ""


def encode_phrase(display_name: str) -> bytes:
    """Write a display name (RFC 5322 §3.2.5) on one line: atoms, a quoted-string or RFC 2047 words; `fold` folds it."""
    text = " ".join(printable(display_name).split())
    if _needs_words(text):
        return _encoded_words(text)
    if _ATOMS.fullmatch(text) or not text:
        return text.encode()
    return b'"' + re.sub(r'(["\\])', r"\\\1", text).encode() + b'"'


def encode_unstructured(text: str) -> bytes:
    """Write a subject or comment (RFC 5322 §2.2.1) on one line, as RFC 2047 words where it must be."""
    text = printable(text).strip()
    return _encoded_words(text) if _needs_words(text) else text.encode()


def _needs_words(text: str) -> bool:
    """ASCII stays as it is unless it could be read as an encoded word or would not fold."""
    return not text.isascii() or "=?" in text or any(len(word) > _CHARACTERS_OF_WORD for word in text.split(" "))


def printable(text: str) -> str:
    """Text without controls, lone surrogates and directional overrides; a line end becomes a space."""
    if text.isascii() and text.isprintable():  # most text is
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\t\r\n\u2028\u2029":
        return " "
    hidden = character < " " or "\x7f" <= character <= "\x9f" or "\ud800" <= character <= "\udfff"
    overrides = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    return "" if hidden or overrides else character


def _encoded_words(text: str) -> bytes:
    """RFC 2047 §5: each word holds whole characters and at most 75 octets; readers drop the space between words."""
    words, chunk = [], b""
    for character in text:
        octets = character.encode()
        if len(chunk) + len(octets) > WORD_OCTETS:
            words.append(chunk)
            chunk = b""
        chunk += octets
    return b" ".join(b"=?utf-8?b?" + b64encode(word) + b"?=" for word in (*words, chunk) if word)


def fold(name: bytes, value: bytes) -> bytes:
    """Write one field with CRLF, folded at spaces; line ends and NULs inside the value become spaces."""
    text = name + b": " + _LINE_ENDS.sub(b" ", _FOLD.sub(b"", value)).strip()
    lines, start, first = [], 0, len(name) + 2
    while len(text) - start > FOLD_AT and (end := _break(text, first, start + FOLD_AT)):
        lines.append(text[start:end])
        start, first = end, end + 1
    lines.append(text[start:])
    return b"\r\n".join(part for line in lines for part in _short_lines(line)) + b"\r\n"


def _break(text: bytes, first: int, last: int) -> int:
    """The last space from `first` to `last` at which a line may end, else the next one behind; 0 for none."""
    end = last + 1
    while (at := text.rfind(b" ", first, end)) >= 0:
        if text[at + 1] not in b" \t":
            return at
        end = at
    behind = _BREAK.search(text, max(first, last + 1))
    return behind.start() if behind is not None else 0


def _short_lines(line: bytes) -> Iterable[bytes]:
    """A word without a space in 990 octets is cut: the limit of the line outweighs the word (RFC 5322 §2.1.1)."""
    yield line[:LINE_LIMIT]
    for start in range(LINE_LIMIT, len(line), LINE_LIMIT - 1):
        yield b" " + line[start : start + LINE_LIMIT - 1]
