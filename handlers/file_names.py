# SPDX-License-Identifier: Apache-2.0
"""Every name that one Content-Type or Content-Disposition field can be read to give (RFC 2045, 2183, 2231, 2047).

Enters: the value of the field. Leaves: names as file systems would have them, and whether there is no doubt about them:
readers disagree on quotes, comments, pieces and character sets, so each reading counts, and what nobody can say for
certain is said to be so. Bounded, linear, never fails.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

from handlers.headers import decode_text
from handlers.mime_fields import MAX_VALUE_OCTETS
from handlers.mime_parts import decode_octets

MAX_PLACES = 40  # where one field says a name
MAX_NAME_CHARACTERS = 255

_PLACE = re.compile(rb"(?i)(?<![\w!#$%&*+.^`|~-])((?:file)?name)\s*+(\*[^=;\"]{0,40}+)?=\s*+")
_STAR = re.compile(rb"\*(?:(0|[1-9]\d{0,2})(\*)?)?\s*")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+)', re.DOTALL)
_TO_QUOTE = re.compile(rb'"([^"]*+)')
_TO_END = re.compile(rb"[^;]*+")
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.)*+\)", re.DOTALL)
_WORD = re.compile(rb"=\?[^?\s]{1,80}\?([bBqQ])\?([^?]*+)\?=")
_NOT_OF_AN_EXTENSION = re.compile(r"[^\w+-]+$")
# What is nothing on a screen and no format character by its category (Unicode's Default_Ignorable_Code_Point).
_IGNORABLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)
_UNSEEN = ("Cc", "Cf", "Cs", "Cn")


@dataclass(slots=True)
class _Pieces:
    """The parts of one name in the form of RFC 2231: by number, and each whole one; a value and whether it is coded."""

    numbered: dict[int, tuple[bytes, bool]]
    whole: list[bytes]


def names(value: bytes) -> tuple[tuple[str, ...], bool]:
    """The names, and whether they are all that the field can mean."""
    is_certain = len(value) <= MAX_VALUE_OCTETS
    found: dict[str, None] = {}
    for reading in _without_comments(value[:MAX_VALUE_OCTETS]):
        given, is_plain = _given(reading)
        is_certain = is_certain and is_plain
        for text in given:
            found.update(dict.fromkeys(file_names(text)))
    return tuple(found), is_certain


def file_names(text: str) -> Iterator[str]:
    """One given name as file systems take it: decoded or not, with a NUL gone or up to it."""
    decoded = [text]
    if "=?" in text:  # RFC 2047 §5 forbids it here, and every mail client decodes it
        octets = text.encode("utf-8", "surrogateescape")
        decoded += [decode_text(octets), _text(_WORD.sub(_octets, octets))]
    decoded += [other for one in decoded if "%" in one and (other := unquote(one)) != one]
    for one in decoded:
        yield from _on_disk(one)
        yield from _on_disk(re.split(r"[\x00\r\n]", one, maxsplit=1)[0])


def _octets(word: re.Match[bytes]) -> bytes:
    """An encoded word with the controls that a reader of text leaves out."""
    return decode_octets(word[2], "base64" if word[1] in b"bB" else "quoted-printable")


def _on_disk(text: str) -> Iterator[str]:
    """Without path, what nobody sees, and what ends no extension."""
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = _seen(unicodedata.normalize("NFKC", _seen(text)))
    last = _NOT_OF_AN_EXTENSION.sub("", text.replace("\\", "/")).rpartition("/")[2]
    for part in (last, *last.split(":")):  # NTFS: NAME:STREAM
        clean = _NOT_OF_AN_EXTENSION.sub("", part).strip().lower()
        if clean:
            yield clean[-MAX_NAME_CHARACTERS:]
        if len(clean) > MAX_NAME_CHARACTERS // 4:  # some cut where a file system's names end, which counts octets
            cut = clean.encode("utf-8", "replace")[:MAX_NAME_CHARACTERS].decode("utf-8", "ignore")
            yield _NOT_OF_AN_EXTENSION.sub("", cut)


def _seen(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _IGNORABLE.sub("", "".join(one for one in text if unicodedata.category(one) not in _UNSEEN))


def _without_comments(value: bytes) -> tuple[bytes, ...]:
    """The value as it is, and as those read it who know comments (RFC 5322 §3.2.2)."""
    if b"(" not in value:
        return (value,)
    other, count = _COMMENT.subn(b" ", value)
    for _ in range(3):  # in each other
        other, count = _COMMENT.subn(b" ", other) if count else (other, 0)
    return value, other


def _given(value: bytes) -> tuple[list[str], bool]:
    """What each `name=` says, and what their pieces say together."""
    texts: list[str] = []
    pieces: dict[bytes, _Pieces] = {}
    is_certain = True
    for number, place in enumerate(_PLACE.finditer(value)):
        if number >= MAX_PLACES:
            return texts, False
        if place[2] is None:
            texts += (_text(octets) for octets in _plain(value, place.end()))
        else:
            of_name = pieces.setdefault(place[1].lower(), _Pieces({}, []))
            is_certain = _add(of_name, place[2], _first(value, place.end())) and is_certain
    for of_name in pieces.values():
        texts += _joined(of_name)
        is_certain = is_certain and len(set(of_name.whole)) <= 1
        is_certain = is_certain and sorted(of_name.numbered) == list(range(len(of_name.numbered)))
    return texts, is_certain


def _add(pieces: _Pieces, star: bytes, octets: bytes) -> bool:
    """Whether readers agree on what this piece is."""
    match = _STAR.fullmatch(star)
    if match is None:
        return False
    if match[1] is None:
        pieces.whole.append(octets)
        return True
    piece = (octets, match[2] is not None)
    return pieces.numbered.setdefault(int(match[1]), piece) == piece


def _plain(value: bytes, at: int) -> Iterator[bytes]:
    """A value as a quoted-string, up to the next quote, and up to the next semicolon."""
    yield _first(value, at)
    if quoted := _TO_QUOTE.match(value, at):
        yield quoted[1]
    if rest := _TO_END.match(value, at):
        yield rest[0].replace(b'"', b"")
        if not value.startswith(b'"', at):
            yield rest[0].partition(b" ")[0].partition(b"\t")[0]


def _first(value: bytes, at: int) -> bytes:
    quoted = _QUOTED.match(value, at)
    if quoted is not None:
        return re.sub(rb"\\(.)", rb"\1", quoted[1], flags=re.DOTALL)
    rest = _TO_END.match(value, at)
    return rest[0].strip() if rest is not None else b""


def _joined(pieces: _Pieces) -> Iterator[str]:
    """Decoded as RFC 2231 §4 has it, all of it or nothing of it; by the character set that is named, and by none."""
    numbered = [pieces.numbered[number] for number in sorted(pieces.numbered)]
    as_said = b"".join(unquote_to_bytes(octets) if is_coded else octets for octets, is_coded in numbered)
    raw = b"".join(octets for octets, _ in numbered)
    for octets in dict.fromkeys((as_said, *map(unquote_to_bytes, pieces.whole), unquote_to_bytes(raw), raw)):
        charset, _, rest = octets.partition(b"'")
        text = rest.partition(b"'")[2]
        yield _decoded(text, charset)
        yield _text(text)
        yield _text(octets)


def _decoded(octets: bytes, charset: bytes) -> str:
    try:
        return octets.decode(charset.decode("ascii") or "utf-8")
    except (LookupError, ValueError):
        return ""


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
