# SPDX-License-Identifier: Apache-2.0
"""Old mail where it lies: an mbox file (RFC 4155) or a maildir. Two looks: where each mail is, then its octets.

Enters: a path. Leaves: Places, and for each its octets with CR LF line ends, without the mbox's own line and quoting.
Memory is that of the places and one mail. Fails: OSError for what cannot be read, NoMailbox for what is neither.
An mbox whose every mail says how long it is goes by that: no line of a mail begins another one there.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

READ_OCTETS = 1024 * 1024
EARLIEST = datetime(1970, 1, 2, tzinfo=UTC)
HEADER_OCTETS = 64 * 1024  # in which a mail says how long it is
_SEPARATOR = re.compile(rb"From [^\r\n]{1,300}[0-9]{4}[^\r\n]{0,40}\r?\n\Z")
# As asctime() writes it; some put a zone in front of the year or behind it, which RFC 4155 wants to be UTC.
_DELIVERED = re.compile(
    rb" (?P<month>[A-Z][a-z]{2}) {1,2}(?P<day>\d{1,2}) (?P<time>\d\d:\d\d(?::\d\d)?) (?:[\w+-]{1,6} )?(?P<year>\d{4})\b"
)
_LENGTH = re.compile(rb"^content-length:[ \t]{0,20}(\d{1,12})[ \t]{0,20}\r?$", re.IGNORECASE | re.MULTILINE)
_NEVER_SENT = re.compile(r"[:;!,]2,[A-Z]*[DT][A-Z]*\Z")  # a maildir's marks of drafts and of deleted mail
_RAW_FROM = re.compile(rb"^From ", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_EMPTY_LINE_BEFORE_NEXT = re.compile(rb"(\n)\r?\n\Z")
_LINE_END = re.compile(rb"\r?\n")


class NoMailbox(ValueError):
    """The path is neither an mbox file nor a maildir."""


@dataclass(frozen=True, slots=True)
class Place:
    """One mail: its file, and in an mbox the octets it takes there; `at` is when its mailbox says that it came.

    `is_counted`: it says itself how long it is; `is_waste`: a draft, or deleted.
    """

    path: Path
    start: int
    length: int
    in_mbox: bool
    at: datetime
    is_counted: bool = False
    is_waste: bool = False

    @property
    def name(self) -> str:
        """What an operator finds it by."""
        return f"{self.path}:{self.start}" if self.in_mbox else str(self.path)


def places(path: Path) -> Iterator[Place]:
    """Every mail of an mbox file or a maildir."""
    if path.is_dir():
        folders = [path / name for name in ("cur", "new")]
        if not any(folder.is_dir() for folder in folders):
            raise NoMailbox(f"{path} is no maildir: it has neither cur nor new")
        for folder in folders:
            yield from _of_maildir(folder)
        return
    yield from _counted(path) or _of_mbox(path)


def octets(place: Place, most: int | None = None) -> bytes:
    """The mail as it was, as far as its mailbox kept it, or its beginning."""
    with open(place.path, "rb", opener=None if place.in_mbox else _no_link) as file:
        file.seek(place.start)
        found = file.read(place.length if most is None else min(most, place.length))
    if place.in_mbox and not (place.is_counted and _RAW_FROM.search(found)):  # whoever counts may not have quoted
        found = _QUOTED_FROM.sub(b"", found)
    if place.in_mbox and not place.is_counted:
        found = _EMPTY_LINE_BEFORE_NEXT.sub(rb"\1", found)
    return _LINE_END.sub(b"\r\n", found)


def _no_link(path: str, flags: int) -> int:
    """Whoever may write to a maildir may not have other files of the operator's imported."""
    return os.open(path, flags | os.O_NOFOLLOW)


def _of_maildir(folder: Path) -> Iterator[Place]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            about = path.stat()
            at, is_waste = datetime.fromtimestamp(about.st_mtime, UTC), bool(_NEVER_SENT.search(path.name))
            yield Place(path, 0, about.st_size, in_mbox=False, at=at, is_waste=is_waste)


def _of_mbox(path: Path) -> Iterator[Place]:
    """A line that begins with "From " and ends in a year begins a mail, where an empty line or nothing is above it."""
    at, begin, is_after_empty, came_at = 0, -1, True, _changed_at(path)
    with path.open("rb", buffering=READ_OCTETS) as file:
        for line in file:
            end = at + len(line)
            if is_after_empty and line.startswith(b"From ") and _SEPARATOR.match(line):
                if begin >= 0:
                    yield Place(path, begin, at - begin, in_mbox=True, at=came_at)
                begin, came_at = end, _delivered_at(line) or _changed_at(path)
            elif begin < 0 and line.strip():
                raise NoMailbox(f"{path} is no mbox file: it does not begin with a line such as From x Mon Jan 5 2026")
            is_after_empty, at = line in (b"\n", b"\r\n"), end
    if begin >= 0:
        yield Place(path, begin, at - begin, in_mbox=True, at=came_at)


def _counted(path: Path) -> list[Place]:
    """The mails of an mbox by the length that each says; none where one says none, or the next begins elsewhere."""
    changed_at = _changed_at(path)
    found: list[Place] = []
    with path.open("rb", buffering=READ_OCTETS) as file:
        while line := file.readline(READ_OCTETS):
            if not line.strip():
                continue
            begin = file.tell()
            length = _length_said(file) if _SEPARATOR.match(line) else None
            if length is None or begin + length > path.stat().st_size:
                return []
            at = _delivered_at(line) or changed_at
            found.append(Place(path, begin, length, in_mbox=True, at=at, is_counted=True))
            file.seek(begin + length)
    return found


def _length_said(file: BinaryIO) -> int | None:
    """Of the mail that begins here, with its header section; None where it says none, or two."""
    begun, section = file.tell(), b""
    while (line := file.readline(HEADER_OCTETS)).strip():
        section += line
        if len(section) > HEADER_OCTETS:
            return None
    said = set(_LENGTH.findall(section))
    return file.tell() - begun + int(said.pop()) if len(said) == 1 else None


def _changed_at(path: Path) -> datetime:
    about = path.stat()
    if not S_ISREG(about.st_mode):  # a pipe would be waited for
        raise NoMailbox(f"{path} is no mbox file, for it is no file")
    return datetime.fromtimestamp(about.st_mtime, UTC)


def _delivered_at(separator: bytes) -> datetime | None:
    """When the line that begins a mail says that it came (RFC 4155)."""
    said = _DELIVERED.search(separator)
    if said is None:
        return None
    words = " ".join(said[name].decode() for name in ("day", "month", "year")) + " " + said["time"].decode()
    try:
        found = parsedate_to_datetime(words + " +0000")
    except ValueError:
        return None
    return found if found >= EARLIEST else None
