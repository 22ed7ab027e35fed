# SPDX-License-Identifier: Apache-2.0
"""The files of a mail: name, type, size and SHA-256 of each, as handlers/reading.py shows them.

Enters: a kept content. A small one is read as a whole, a large one piece by piece: a worker must not need the memory of
every attachment. Leaves: at most MAX_FILES of them. Fails as the content fails.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Protocol

from handlers import files_in_text, reading
from handlers.body_parts import bodies
from handlers.headers import Head
from handlers.mime_fields import Description
from handlers.mime_parts import Span, parts
from handlers.piecewise import Hashing, Skeleton
from handlers.reading import Attachment
from handlers.received import Received
from handlers.sniffing import sniff
from storage import content
from storage.content import Look
from storage.files import FileOfMail

MAX_FILES = 200
SMALL_OCTETS = 512 * 1024
MAX_TEXT_OCTETS = 512 * 1024

_TEXT = (b"text/plain", b"text/html")


class _Part(Protocol):
    """A part that is fed with its octets as they stand in the mail."""

    def feed(self, octets: bytes) -> None: ...

    def found(self) -> Iterable[Attachment]: ...


def of_mail(look: Look, content_id: int, mail: Received) -> tuple[Attachment, ...]:
    """The files of a kept mail."""
    if not (mail.may_hold_files or _may_have_some(mail.head)):
        return ()
    with look() as unit:
        size = content.facts(unit, content_id).size_octets
    if size <= SMALL_OCTETS:
        return _of_small(b"".join(content.pieces(look, content_id)))
    return tuple(islice(_of_large(lambda: content.pieces(look, content_id)), MAX_FILES))


def of_whole(head: Head) -> tuple[FileOfMail, ...]:
    """The same of a mail that is all there: the content of `head` is the whole of it."""
    octets = head.content
    if not (files_in_text.may_hold(octets) or _may_have_some(head)):
        return ()
    if len(octets) <= SMALL_OCTETS:
        return rows(_of_small(octets))
    return rows(tuple(islice(_of_large(lambda: content.chunks(octets)), MAX_FILES)))


def rows(found: tuple[Attachment, ...]) -> tuple[FileOfMail, ...]:
    """What the store keeps of them."""
    return tuple(FileOfMail(one.name, one.type, one.size, bytes.fromhex(one.sha256)) for one in found)


def octets_of(octets: bytes, sha256: bytes) -> bytes | None:
    """One file of a mail by its SHA-256."""
    wanted = sha256.hex()
    return next((file.octets for file in reading.files(octets) if file.about.sha256 == wanted), None)


def _may_have_some(head: Head) -> bool:
    """Most mails are a text and nothing else."""
    kind, _, parameters = (head.first(b"content-type") or b"text/plain").lower().partition(b";")
    return kind.strip() not in _TEXT or b"name" in parameters or head.first(b"content-disposition") is not None


def _of_small(octets: bytes) -> tuple[Attachment, ...]:
    return tuple(file.about for file in islice(reading.files(octets), MAX_FILES))


def _of_large(pieces: Callable[[], Iterable[bytes]]) -> Iterator[Attachment]:
    """Two passes: where the parts lie, and what the files among them are."""
    skeleton = Skeleton()
    for piece in pieces():
        skeleton.feed(piece)
    octets = skeleton.finish()
    if skeleton.is_too_long:
        return
    found = bodies(parts(octets))
    files = [(skeleton.span(one.body), _part(one.header.of(octets), one.about)) for one in found.files[:MAX_FILES]]
    texts = [(skeleton.span(one.body), _Text()) for one in found.text if reading.holds_files(one.about)]
    _feed(pieces(), sorted((*files, *texts), key=lambda place: place[0]))
    for _, part in (*files, *texts):
        yield from part.found()


def _feed(pieces: Iterable[bytes], places: list[tuple[Span, _Part]]) -> None:
    """Each part gets its octets; parts follow one another and do not overlap."""
    at, first = 0, 0
    for piece in pieces:
        end = at + len(piece)
        while first < len(places) and places[first][0].end <= at:
            first += 1
        for span, part in places[first:]:
            if span.start >= end:
                break
            part.feed(piece[max(span.start - at, 0) : span.end - at])
        at = end


def _part(header: bytes, about: Description) -> _Part:
    return _Packed(header) if reading.is_packed(about) else _File(about)


class _File:
    """A file, never whole in memory."""

    def __init__(self, about: Description) -> None:
        self._about, self._hashing = about, Hashing(about.encoding)

    def feed(self, octets: bytes) -> None:
        self._hashing.feed(octets)

    def found(self) -> Iterable[Attachment]:
        digest = self._hashing.finish()
        sniffed = sniff(self._hashing.first)
        yield Attachment(self._about.name, self._about.type, self._hashing.size, digest, sniffed)


class _Text:
    """A text, in which files may stand; a very long one is not looked into."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, octets: bytes) -> None:
        self._octets += octets[: MAX_TEXT_OCTETS - len(self._octets)]

    def found(self) -> Iterable[Attachment]:
        return (file.about for file in reading.inline(bytes(self._octets)))


class _Packed:
    """What holds files itself (winmail.dat): opened as a mail of its own."""

    def __init__(self, header: bytes) -> None:
        self._octets = bytearray(header + b"\r\n")

    def feed(self, octets: bytes) -> None:
        self._octets += octets

    def found(self) -> Iterable[Attachment]:
        return _of_small(bytes(self._octets))
