# SPDX-License-Identifier: Apache-2.0
"""The received octets, compressed, in chunks, with their SHA-256; written once and never rewritten.

Small content is written in the accepting transaction. Larger content goes in earlier short transactions while its row
is `arriving`; accepting flips it to `kept`, and the sweep forgets what nobody accepted within an hour.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, insert, select, update

from storage.database import Unit
from storage.schema import content, content_chunk

Look = Callable[[], AbstractContextManager[Unit]]  # Database.read, or a unit of work that is open anyway

CHUNK_OCTETS = 256 * 1024
ORPHAN_AGE = timedelta(hours=1)
ORPHANS_AT_ONCE = 500
_LEVEL = 1  # the wire is faster than a better level

_INSERT_CHUNK = insert(content_chunk).values(content_id=bindparam("c"), position=bindparam("p"), octets=bindparam("o"))
_KEEP = update(content).where(content.c.id == bindparam("c"), content.c.state == "arriving").values(state="kept")
_WHOLE = select(content.c.sha256, content.c.size_octets).where(content.c.id == bindparam("c"))
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
_ADD = insert(content).returning(content.c.id)


class ContentMissing(LookupError):
    """No such content, or it does not match its SHA-256: the store is damaged."""


def keep(unit: Unit, octets: bytes, now: datetime) -> int:
    """Write small content whole, as kept; returns its id."""
    content_id = _add(unit, octets, "kept", now)
    for position, chunk in enumerate(chunks(octets)):
        add_chunk(unit, content_id, position, chunk)
    return content_id


def arrive(unit: Unit, octets: bytes, now: datetime) -> int:
    """Open a row for content whose chunks follow in their own transactions; returns its id."""
    return _add(unit, octets, "arriving", now)


def chunks(octets: bytes) -> Iterator[bytes]:
    """The pieces in which content is stored, uncompressed; empty content is one empty piece."""
    for start in range(0, max(len(octets), 1), CHUNK_OCTETS):
        yield octets[start : start + CHUNK_OCTETS]


def add_chunk(unit: Unit, content_id: int, position: int, chunk: bytes) -> None:
    """Write one piece."""
    unit.execute(_INSERT_CHUNK, {"c": content_id, "p": position, "o": zlib.compress(chunk, _LEVEL)})


def flip(unit: Unit, content_id: int) -> None:
    """arriving -> kept, in the accepting transaction; raises ContentMissing if the sweep was faster."""
    if unit.execute(_KEEP, {"c": content_id}).rowcount != 1:
        raise ContentMissing(f"content {content_id} is no longer arriving")


def load(unit: Unit, content_id: int) -> bytes:
    """The octets as received; raises ContentMissing unless they match their SHA-256."""
    row = unit.execute(_WHOLE, {"c": content_id}).first()
    if row is None:
        raise ContentMissing(f"content {content_id} is missing")
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
        row = unit.execute(_WHOLE, {"c": content_id}).first()
    if row is None:
        raise ContentMissing(f"content {content_id} is missing")
    digest, left, position = hashlib.sha256(), row.size_octets, 0
    while left > 0:
        octets = _piece_at(look, content_id, position)
        digest.update(octets)
        left, position = left - len(octets), position + 1
        if not octets or left < 0 or (left == 0 and digest.digest() != bytes(row.sha256)):
            raise ContentMissing(f"content {content_id} is damaged")
        yield octets


def _piece_at(look: Look, content_id: int, position: int) -> bytes:
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
    """Delete what has been arriving for over an hour, so many at a time; returns how many."""
    ids = list(unit.execute(_ORPHANS, {"before": now - ORPHAN_AGE}).scalars())
    if ids:
        unit.execute(delete(content_chunk).where(content_chunk.c.content_id.in_(ids)))
        unit.execute(delete(content).where(content.c.id.in_(ids), content.c.state == "arriving"))
    return len(ids)


def _add(unit: Unit, octets: bytes, state: str, now: datetime) -> int:
    row = unit.execute(
        _ADD,
        {"state": state, "sha256": hashlib.sha256(octets).digest(), "size_octets": len(octets), "created_at": now},
    )
    return int(row.scalar_one())
