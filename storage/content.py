# SPDX-License-Identifier: Apache-2.0
"""The received octets, compressed, in chunks, with their SHA-256; written once and never rewritten.

Small content is written in the accepting transaction. Larger content goes in earlier short transactions while its row
is `arriving`, its SHA-256 and size not yet known; accepting writes them and flips it to `kept`. What is not accepted is
abandoned, or forgotten by the sweep after a day. What leaves the quarantine unread is `dropped`: its chunks are gone,
SHA-256 and size stay. Chunks are compressed before a transaction begins, never in it.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from storage.database import Unit
from storage.prepared import Prepared
from storage.schema import content, content_chunk

Look = Callable[[], AbstractContextManager[Unit]]  # Database.read, or a unit of work that is open anyway

CHUNK_OCTETS = 256 * 1024
ORPHAN_AGE = timedelta(days=1)  # far longer than limits.content_timeout and our own waits let a content take
ORPHANS_AT_ONCE = 500
_LEVEL = 1  # the wire is faster than a better level
_LARGE_OCTETS, _PROBE_OCTETS = 16_384, 4_096
_NO_REPEATS = 0.7  # base64 of anything packed is 0.77, text half of that

_INSERT_CHUNK = Prepared(insert(content_chunk).inline())
_KEEP = (
    update(content)
    .where(content.c.id == bindparam("c"), content.c.state == "arriving")
    .values(state="kept", sha256=bindparam("s"), size_octets=bindparam("n"))
)
_WHOLE = select(content.c.state, content.c.sha256, content.c.size_octets).where(content.c.id == bindparam("c"))
_PIECES = (
    select(content_chunk.c.octets)
    .where(content_chunk.c.content_id == bindparam("c"))
    .order_by(content_chunk.c.position)
)
_PIECE_AT = select(content_chunk.c.octets).where(
    content_chunk.c.content_id == bindparam("c"), content_chunk.c.position == bindparam("p")
)
_ORPHANS = (  # locked: content that is accepted at this moment must not lose its chunks
    select(content.c.id)
    .where(content.c.state == "arriving", content.c.created_at < bindparam("before"))
    .limit(ORPHANS_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_ARRIVING = select(content.c.id).where(content.c.id == bindparam("c"), content.c.state == "arriving").with_for_update()
_ADD = Prepared(insert(content).returning(content.c.id))


class ContentMissing(LookupError):
    """No such content, or it does not match its SHA-256: the store is damaged."""


class ContentDropped(ContentMissing):
    """The content was deleted on purpose."""


@dataclass(frozen=True, slots=True)
class Content:
    """Content to be kept: either its compressed chunks are still to be written, or they arrived under this id."""

    sha256: bytes
    size_octets: int
    chunks: tuple[bytes, ...] = ()
    id: int | None = None


def packed(octets: bytes) -> Content:
    """Content that is all there, compressed."""
    return Content(hashlib.sha256(octets).digest(), len(octets), tuple(pack(chunk) for chunk in chunks(octets)))


def pack(chunk: bytes) -> bytes:
    """One chunk as it is stored; what holds no repeats, such as base64, is not searched for them, which is dear."""
    if len(chunk) < _LARGE_OCTETS or len(zlib.compress(chunk[:_PROBE_OCTETS], _LEVEL)) < _NO_REPEATS * _PROBE_OCTETS:
        return zlib.compress(chunk, _LEVEL)
    packer = zlib.compressobj(_LEVEL, strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(chunk) + packer.flush()


def chunks(octets: bytes) -> Iterator[bytes]:
    """The pieces in which content is stored, uncompressed; empty content is one empty piece."""
    for start in range(0, max(len(octets), 1), CHUNK_OCTETS):
        yield octets[start : start + CHUNK_OCTETS]


def keep(unit: Unit, what: Content, now: datetime) -> int:
    """Promise content, whether it is written now or has arrived; returns its id."""
    if what.id is not None:
        flip(unit, what)
        return what.id
    content_id = _add(unit, "kept", what, now)
    for position, chunk in enumerate(what.chunks):
        add_chunk(unit, content_id, position, chunk)
    return content_id


def arrive(unit: Unit, now: datetime) -> int:
    """Open a row for content whose chunks follow in their own transactions; returns its id."""
    return _add(unit, "arriving", Content(b"", 0), now)


def _add(unit: Unit, state: str, what: Content, now: datetime) -> int:
    rows = _ADD.run(unit, state=state, sha256=what.sha256, size_octets=what.size_octets, created_at=now)
    return int(rows[0][0])


def add_chunk(unit: Unit, content_id: int, position: int, chunk: bytes) -> None:
    """Write one packed piece."""
    _INSERT_CHUNK.run(unit, content_id=content_id, position=position, octets=chunk)


def flip(unit: Unit, what: Content) -> None:
    """arriving -> kept, in the accepting transaction; raises ContentMissing if the sweep was faster."""
    if unit.execute(_KEEP, {"c": what.id, "s": what.sha256, "n": what.size_octets}).rowcount != 1:
        raise ContentMissing(f"content {what.id} is no longer arriving")


def abandon(unit: Unit, content_id: int) -> None:
    """Delete content that will not be promised; what is kept stays."""
    _forget(unit, list(unit.execute(_ARRIVING, {"c": content_id}).scalars()))


def drop(unit: Unit, what: Content) -> None:
    """Let go of content that is not needed after all."""
    if what.id is not None:
        abandon(unit, what.id)


def load(unit: Unit, content_id: int) -> bytes:
    """The octets as received; raises ContentMissing unless they match their SHA-256."""
    row = _whole(unit, content_id)
    octets = b"".join(_piece(piece) for piece in unit.execute(_PIECES, {"c": content_id}).scalars())
    if len(octets) != row.size_octets or hashlib.sha256(octets).digest() != bytes(row.sha256):
        raise ContentMissing(f"content {content_id} is damaged")
    return octets


def pieces(look: Look, content_id: int) -> Iterator[bytes]:
    """The octets as received, one piece in memory at a time, each read in a look of its own.

    Raises ContentMissing in place of the last piece unless all of them match their SHA-256: nobody gets the whole
    of a damaged content.
    """
    with look() as unit:
        row = _whole(unit, content_id)
    yield from arrived(look, Content(bytes(row.sha256), row.size_octets, id=content_id))


def arrived(look: Look, what: Content) -> Iterator[bytes]:
    """The same of content that is not promised yet, so that only its owner knows its SHA-256 and size."""
    digest, left, position = hashlib.sha256(), what.size_octets, 0
    while left > 0:
        octets = _piece_at(look, what.id, position)
        digest.update(octets)
        left, position = left - len(octets), position + 1
        if not octets or left < 0 or (left == 0 and digest.digest() != what.sha256):
            raise ContentMissing(f"content {what.id} is damaged")
        yield octets


def discard(unit: Unit, content_id: int) -> None:
    """kept -> dropped: the chunks go, what they were stays known."""
    unit.execute(delete(content_chunk).where(content_chunk.c.content_id == content_id))
    unit.execute(update(content).where(content.c.id == content_id).values(state="dropped"))


def facts(unit: Unit, content_id: int) -> Content:
    """SHA-256 and size, also of what has been dropped."""
    row = unit.execute(_WHOLE, {"c": content_id}).one()
    return Content(bytes(row.sha256), row.size_octets, id=content_id)


def _whole(unit: Unit, content_id: int) -> Any:
    row = unit.execute(_WHOLE, {"c": content_id}).first()
    if row is None:
        raise ContentMissing(f"content {content_id} is missing")
    if row.state == "dropped":
        raise ContentDropped("the content has been deleted: the mail was dropped from quarantine, or expired there")
    return row


def _piece_at(look: Look, content_id: int | None, position: int) -> bytes:
    """One piece, empty where there is none."""
    with look() as unit:
        stored = unit.execute(_PIECE_AT, {"c": content_id, "p": position}).scalar_one_or_none()
    return b"" if stored is None else _piece(stored)


def _piece(stored: bytes) -> bytes:
    """At most one chunk, whatever a damaged store may inflate to; what cannot be read is left to the SHA-256."""
    try:
        return zlib.decompressobj().decompress(stored, CHUNK_OCTETS)
    except zlib.error:
        return b""


def forget_orphans(unit: Unit, now: datetime) -> int:
    """Delete what has been arriving for over a day, so many at a time; returns how many."""
    ids = list(unit.execute(_ORPHANS, {"before": now - ORPHAN_AGE}).scalars())
    _forget(unit, ids)
    return len(ids)


def _forget(unit: Unit, ids: list[int]) -> None:
    if ids:
        unit.execute(delete(content_chunk).where(content_chunk.c.content_id.in_(ids)))
        unit.execute(delete(content).where(content.c.id.in_(ids), content.c.state == "arriving"))
