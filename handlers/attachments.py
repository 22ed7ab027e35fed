# SPDX-License-Identifier: Apache-2.0
"""What a mail says of its files: each part's declared type and every name it gives itself, attached mails' parts too.

Enters: the header sections of the parts, as handlers/mime_bounds.py meets them while the body streams. Leaves: a Files
that answers which entry of ".exe", "application/x-msdownload", "audio/*" it matches. Octets are not looked at, archives
are not opened. Bounded; never fails. Readers differ on which of several names counts (RFC 2231, encoded words): all do.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from handlers.headers import decode_text
from handlers.mime_bounds import MAX_SECTION_OCTETS, MimeBounds, MimeLimits
from handlers.mime_fields import MAX_VALUE_OCTETS, fields, parameters_of

MAX_FILES = 1000
MAX_NAMES = 20  # of one part
SHOWN_CHARACTERS = 80

_NAMED = frozenset({"name", "filename"})
_TYPE = re.compile(rb"\s*([\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127})")
_PLAIN = re.compile(rb'(?i)(?:^|[;\s])(?:file)?name\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;\s]*+))', re.DOTALL)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class File:
    """One part: its types and its names, in lower case, as a file system would have them."""

    types: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Files:
    """The parts of a mail; `is_complete` is false where there were more, or deeper ones, than are looked at."""

    files: tuple[File, ...] = ()
    is_complete: bool = True

    def forbidden(self, entries: Sequence[str]) -> str:
        """The first file that an entry forbids, in words; nothing if there is none."""
        for file in self.files:
            for entry in entries:
                shown = _match(file, entry)
                if shown is not None:
                    return f"the attachment {shown!r} is {entry}"
        return (
            "" if self.is_complete else "it has more parts, attached mails or header fields of parts than are looked at"
        )


class MimeFiles:
    """One pass over one mail, like MimeBounds."""

    def __init__(self, section: bytes, limits: MimeLimits) -> None:
        self._files: dict[File, None] = {}
        self._is_complete = True
        self._is_first = True
        self._bounds = MimeBounds(section, limits, self._see)

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the body."""
        self._bounds.feed(octets)

    def finish(self) -> Files:
        """The body is complete; all that was seen."""
        self._bounds.finish()
        return Files(tuple(self._files), self._is_complete and not self._bounds.exceeded)

    def _see(self, section: bytes) -> None:
        is_cut = len(section) >= MAX_SECTION_OCTETS and not self._is_first
        self._is_first = False
        if is_cut or len(self._files) >= MAX_FILES:
            self._is_complete = False
        elif b"content-" in section.lower():
            self._files[describe(section)] = None


def describe(section: bytes) -> File:
    """The type and all names of one part; where a field is there twice, both count."""
    types: list[str] = []
    names: dict[str, None] = {}
    for name, value in fields(section):
        if name not in ("content-type", "content-disposition"):
            continue
        if name == "content-type" and (match := _TYPE.match(value)) is not None:
            types.append(match[1].decode("ascii", "replace").lower())
        for given in _names(value[:MAX_VALUE_OCTETS]):
            if len(names) < MAX_NAMES and (clean := file_name(given)):
                names[clean] = None
    return File(tuple(types[:MAX_NAMES]), tuple(names))


def file_name(text: str) -> str:
    """A name as a file system takes it: decoded, without path and what nobody sees, dots and blanks at its end gone."""
    if "=?" in text:  # RFC 2047 §5 forbids it here, and every mail client decodes it
        text = decode_text(text.encode("utf-8", "surrogateescape"))
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    text = unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
    return text.replace("\\", "/").rpartition("/")[2].strip(" .\u3002").lower()[-255:]


def _names(value: bytes) -> Iterator[str]:
    read = parameters_of(value)
    yield from (text for name, text in read.items() if name in _NAMED)
    for match in _PLAIN.finditer(value):
        octets = match[1] if match[1] is not None else match[2]
        yield re.sub(rb"\\(.)", rb"\1", octets, flags=re.DOTALL).decode("utf-8", "surrogateescape")


def _match(file: File, entry: str) -> str | None:
    """What of the file matches: a name or the type."""
    if entry.startswith("."):
        return next((_shown(name) for name in file.names if name.endswith(entry)), None)
    kind, _, any_of = entry.partition("/")
    for given in file.types:
        if given == entry or (any_of == "*" and given.startswith(f"{kind}/")):
            return _shown(file.names[0] if file.names else given)
    return None


def _shown(name: str) -> str:
    return name if len(name) <= SHOWN_CHARACTERS else f"...{name[-SHOWN_CHARACTERS:]}"
