# SPDX-License-Identifier: Apache-2.0
"""A received mail as routing needs it: its header section, and what a signature says of its body.

Enters: the pieces of a content, the body's read once and not kept, so a mail of 25 MB costs no more memory than its
header section, and the beginning of what may be a report. Leaves: the header section, scanned, the body's digest, and
the class by content where that was asked for. Fails as the pieces fail.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from handlers import files_in_text
from handlers.bounces.notice import MAX_OCTETS
from handlers.classification import Class
from handlers.headers import WIDEST, Head, scan
from handlers.reading import Attachment
from handlers.refining import Refined, refine, wanted
from handlers.section import SectionReader
from handlers.signing import Body, BodyReader


@dataclass(frozen=True, slots=True)
class Received:
    """The content of `head` is the header section alone; the body begins at its `body_offset` of what was received."""

    head: Head
    body: Body
    refined: Refined | None = None
    may_hold_files: bool = False  # in the midst of a text
    files: tuple[Attachment, ...] = ()  # where they were looked for


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the header section and the envelope told when it came."""

    was: Class
    is_null: bool


def read(pieces: Iterable[bytes], arrived: Arrived | None = None) -> Received:
    """Read a mail to its end; with `arrived` its class is looked at again."""
    section, body, beginning = SectionReader(WIDEST.octets), BodyReader(), _Beginning(arrived)
    may_hold_files, last = False, b""
    for piece in pieces:
        may_hold_files = may_hold_files or files_in_text.may_hold(last + piece)
        last = piece[-16:]
        beginning.feed(section, piece)
        body.feed(section.feed(piece))
    head = scan(section.section)
    found = replace(head, body_offset=section.body_offset)
    refined = refine(head, beginning.octets, arrived.was, is_null=arrived.is_null) if arrived is not None else None
    return Received(found, body.finish(), refined, may_hold_files)


def head_of(pieces: Iterable[bytes]) -> Head:
    """The header section alone; no more pieces are asked for than hold it."""
    reader = SectionReader(WIDEST.octets)
    for piece in pieces:
        reader.feed(piece)
        if reader.is_known:
            break
    return scan(reader.section)


class _Beginning:
    """The first octets, as many as the header section asks for once it is known."""

    def __init__(self, arrived: Arrived | None) -> None:
        self._arrived = arrived
        self._kept = bytearray()
        self._wanted = MAX_OCTETS if arrived is not None else 0
        self._is_known = arrived is None

    @property
    def octets(self) -> bytes:
        return bytes(self._kept)

    def feed(self, section: SectionReader, piece: bytes) -> None:
        if not self._is_known and section.is_known and self._arrived is not None:
            self._is_known = True
            self._wanted = wanted(scan(section.section), self._arrived.was, is_null=self._arrived.is_null)
        if len(self._kept) < self._wanted:
            self._kept += piece[: self._wanted - len(self._kept)]
