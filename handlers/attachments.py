# SPDX-License-Identifier: Apache-2.0
"""What a mail says of its files: each part's declared type and every name it gives itself, attached mails' parts too.

Enters: the header sections of the parts, as handlers/mime_bounds.py meets them while the body streams, and the names of
files in the midst of a text. Leaves: a Files that answers which entry of ".exe", "application/x-msdownload", "audio/*"
it matches. Octets are not looked at, archives are not opened. Bounded; never fails. Readers differ on which of several
names counts (handlers/file_names.py): all do, and so does the one that we show. What is cut, or what two readers could
take for two things, is not complete.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from handlers import files_in_text, mime_fields
from handlers.file_names import file_names, names
from handlers.mime_bounds import MAX_SECTION_OCTETS, MimeBounds, MimeLimits
from handlers.mime_fields import fields

MAX_FILES = 1000
MAX_NAMES = 200  # of one part; a name has several readings
MAX_TYPES = 20
SHOWN_CHARACTERS = 80

_DOUBT = "it has more parts than are looked at, or says of one what readers could take for different things"
_TYPE = re.compile(rb"\s*([\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127})")


@dataclass(frozen=True, slots=True)
class File:
    """One part: its types and its names, in lower case, as file systems would have them."""

    types: tuple[str, ...]
    names: tuple[str, ...] = ()
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class Files:
    """The parts of a mail; `is_complete` is false where there were more than are looked at, or doubts about one."""

    files: tuple[File, ...] = ()
    is_complete: bool = True

    def forbidden(self, entries: Sequence[str]) -> str:
        """The first file that an entry forbids, in words; nothing if there is none."""
        for file in self.files:
            for entry in entries:
                shown = _match(file, entry)
                if shown is not None:
                    return f"the attachment {shown!r} is {entry}"
        return "" if self.is_complete else _DOUBT


class MimeFiles:
    """One pass over one mail, like MimeBounds."""

    def __init__(self, section: bytes, limits: MimeLimits) -> None:
        self._files: dict[File, None] = {}
        self._is_complete = True
        self._is_first = True
        self._in_text = files_in_text.Names()
        self._in_text.feed(section + b"\n")  # some take a line that is no field for the first of the text
        self._bounds = MimeBounds(section, limits, self._see)

    def feed(self, octets: bytes) -> None:
        """Take the next octets of the body."""
        self._bounds.feed(octets)
        self._in_text.feed(octets)

    def finish(self) -> Files:
        """The body is complete; all that was seen."""
        self._bounds.finish()
        is_complete = self._is_complete and self._bounds.is_clear and not self._bounds.exceeded
        named = tuple(
            File((), tuple(file_names(name.decode("utf-8", "surrogateescape")))) for name in self._in_text.found
        )
        return Files((*self._files, *named), is_complete and self._in_text.is_complete)

    def _see(self, section: bytes) -> None:
        is_cut = len(section) >= MAX_SECTION_OCTETS and not self._is_first
        self._is_first = False
        if is_cut or len(self._files) >= MAX_FILES:
            self._is_complete = False
        elif b"content-" in section.lower():
            file = describe(section)
            self._files[file] = None
            self._is_complete = self._is_complete and file.is_certain


def describe(section: bytes) -> File:
    """The types and all names of one part; where a field is there twice, both count."""
    about = mime_fields.describe(section)  # what an agent is shown
    types = [about.type] if about.type != "text/plain" else []
    found: dict[str, None] = dict.fromkeys(file_names(about.name))
    is_certain = True
    for name, value in fields(section):
        if name not in ("content-type", "content-disposition"):
            continue
        if name == "content-type" and (match := _TYPE.match(value)) is not None:
            types.append(match[1].decode("ascii", "replace").lower())
        given, is_plain = names(value)
        found.update(dict.fromkeys(given))
        is_certain = is_certain and is_plain and len(found) <= MAX_NAMES and len(types) <= MAX_TYPES
        if not is_certain:
            break
    return File(tuple(types[:MAX_TYPES]), tuple(found)[:MAX_NAMES], is_certain)


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
