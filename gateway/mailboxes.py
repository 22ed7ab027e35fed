# SPDX-License-Identifier: Apache-2.0
"""Old mail where it lies: an mbox file (RFC 4155) or a maildir. Two looks: where each mail is, then its octets.

Enters: a path. Leaves: Places, and for each its octets with CR LF line ends, without the mbox's own line and quoting.
Memory is that of the places and one mail. Fails: OSError for what cannot be read, NoMailbox for what is neither.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG

READ_OCTETS = 1024 * 1024
_SEPARATOR = re.compile(rb"From [^\r\n]{1,300}[0-9]{4}[^\r\n]{0,40}\r?\n\Z")
_QUOTED_FROM = re.compile(rb"^>(?=>*From )", re.MULTILINE)
_EMPTY_LINE_BEFORE_NEXT = re.compile(rb"(\n)\r?\n\Z")
_LINE_END = re.compile(rb"\r?\n")


class NoMailbox(ValueError):
    """The path is neither an mbox file nor a maildir."""


@dataclass(frozen=True, slots=True)
class Place:
    """One mail: its file, and in an mbox the octets it takes there; `at` is the file's own time."""

    path: Path
    start: int
    length: int
    in_mbox: bool
    at: datetime

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
    yield from _of_mbox(path)


def octets(place: Place, most: int | None = None) -> bytes:
    """The mail as it was, as far as its mailbox kept it, or its beginning."""
    with open(place.path, "rb", opener=None if place.in_mbox else _no_link) as file:
        file.seek(place.start)
        found = file.read(place.length if most is None else min(most, place.length))
    if place.in_mbox:
        found = _EMPTY_LINE_BEFORE_NEXT.sub(rb"\1", _QUOTED_FROM.sub(b"", found))
    return _LINE_END.sub(b"\r\n", found)


def _no_link(path: str, flags: int) -> int:
    """Whoever may write to a maildir may not have other files of the operator's imported."""
    return os.open(path, flags | os.O_NOFOLLOW)


def _of_maildir(folder: Path) -> Iterator[Place]:
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_file() and not path.name.startswith("."):
            about = path.stat()
            yield Place(path, 0, about.st_size, in_mbox=False, at=datetime.fromtimestamp(about.st_mtime, UTC))


def _of_mbox(path: Path) -> Iterator[Place]:
    """A line that begins with "From " and ends in a year begins a mail, where an empty line or nothing is above it."""
    at, begin, is_after_empty = 0, -1, True
    about = path.stat()
    if not S_ISREG(about.st_mode):  # a pipe would be waited for
        raise NoMailbox(f"{path} is no mbox file, for it is no file")
    changed_at = datetime.fromtimestamp(about.st_mtime, UTC)
    with path.open("rb", buffering=READ_OCTETS) as file:
        for line in file:
            end = at + len(line)
            if is_after_empty and line.startswith(b"From ") and _SEPARATOR.match(line):
                if begin >= 0:
                    yield Place(path, begin, at - begin, in_mbox=True, at=changed_at)
                begin = end
            elif begin < 0 and line.strip():
                raise NoMailbox(f"{path} is no mbox file: it does not begin with a line such as From x Mon Jan 5 2026")
            is_after_empty, at = line in (b"\n", b"\r\n"), end
    if begin >= 0:
        yield Place(path, begin, at - begin, in_mbox=True, at=changed_at)
