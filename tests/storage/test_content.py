# SPDX-License-Identifier: Apache-2.0
"""Received octets come back as they were, or not at all."""

import random
import zlib
from base64 import encodebytes
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, update

from storage import content, migrate, schema
from storage.database import Database
from storage.states import Move
from tests.storage.given import NOW
from tests.support.cost import seconds

SIZES = {
    # a mail may be empty
    "nothing": b"",
    # NUL, bare CR and LF, octets that are no text
    "every octet": bytes(range(256)),
    # one chunk, to the last octet
    "one chunk": b"x" * content.CHUNK_OCTETS,
    # the first octet of a second chunk
    "one octet more": b"x" * content.CHUNK_OCTETS + b"y",
    "a megabyte": bytes(range(256)) * 4096,
    # no repeats to be found
    "base64": encodebytes(random.Random(1).randbytes(content.CHUNK_OCTETS)),
}


def test_what_holds_no_repeats_is_packed_in_half_the_time_and_no_larger() -> None:
    chunk = SIZES["base64"][: content.CHUNK_OCTETS]
    assert len(content.pack(chunk)) <= len(zlib.compress(chunk, 1))
    assert seconds(lambda: content.pack(chunk)) < seconds(lambda: zlib.compress(chunk, 1)) / 2


@pytest.mark.parametrize("size", SIZES)
def test_content_comes_back_octet_for_octet(database: Database, size: str) -> None:
    with database.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, content.packed(SIZES[size]), NOW)
    with database.read() as unit:
        assert content.load(unit, content_id) == SIZES[size]


@pytest.mark.parametrize("size", SIZES)
def test_content_that_arrived_before_comes_back_octet_for_octet(database: Database, size: str) -> None:
    arrived = _arrived(database, SIZES[size])
    with database.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, arrived, NOW)
    with database.read() as unit:
        assert content.load(unit, content_id) == SIZES[size]


def test_only_what_was_never_promised_can_be_abandoned(database: Database) -> None:
    kept, left = _arrived(database, b"kept"), _arrived(database, b"left")
    with database.move(Move.ACCEPT) as unit:
        content.flip(unit, kept)
    with database.move(Move.FORGET) as unit:
        content.drop(unit, kept)
        content.drop(unit, left)
        content.drop(unit, content.packed(b"never arrived"))
    assert _rows(database) == (1, 1)


@pytest.mark.parametrize("size", SIZES)
def test_content_comes_back_piece_by_piece(database: Database, size: str) -> None:
    with database.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, content.packed(SIZES[size]), NOW)
        assert b"".join(content.pieces(lambda: nullcontext(unit), content_id)) == SIZES[size]
    assert list(content.pieces(database.read, content_id)) == [one for one in content.chunks(SIZES[size]) if one]


@pytest.mark.parametrize("size", SIZES)
def test_content_that_is_not_promised_yet_comes_back_to_its_owner(database: Database, size: str) -> None:
    arrived = _arrived(database, SIZES[size])
    assert b"".join(content.arrived(database.read, arrived)) == SIZES[size]
    with pytest.raises(content.ContentMissing, match="damaged"):
        list(content.arrived(database.read, replace(arrived, size_octets=arrived.size_octets + 1)))


def test_no_piece_is_given_of_content_that_is_missing(database: Database) -> None:
    with pytest.raises(content.ContentMissing):
        next(content.pieces(database.read, 4711))


def _arrived(database: Database, octets: bytes) -> content.Content:
    whole = content.packed(octets)
    with database.move(Move.ARRIVE) as unit:
        content_id = content.arrive(unit, NOW)
    for position, chunk in enumerate(whole.chunks):
        with database.move(Move.ARRIVE) as unit:
            content.add_chunk(unit, content_id, position, chunk)
    return replace(whole, chunks=(), id=content_id)


def _rows(database: Database) -> tuple[int, int]:
    with database.read() as unit:
        counts = (select(func.count()).select_from(table) for table in (schema.content, schema.content_chunk))
        one, two = (unit.execute(count).scalar_one() for count in counts)
    return one, two


def test_orphans_are_forgotten_after_a_day_and_not_before(database: Database) -> None:
    kept = _arrived(database, b"kept")
    with database.move(Move.ACCEPT) as unit:
        content.flip(unit, kept)
    orphan = _arrived(database, b"x" * (content.CHUNK_OCTETS + 1))
    with database.move(Move.FORGET) as unit:
        assert content.forget_orphans(unit, NOW + content.ORPHAN_AGE) == 0
    assert _rows(database) == (2, 3)
    with database.move(Move.FORGET) as unit:
        assert content.forget_orphans(unit, NOW + content.ORPHAN_AGE + timedelta(seconds=1)) == 1
    assert _rows(database) == (1, 1)
    with pytest.raises(content.ContentMissing), database.move(Move.ACCEPT) as unit:
        content.flip(unit, orphan)


def test_content_is_flipped_once(database: Database) -> None:
    arrived = _arrived(database, b"x")
    with database.move(Move.ACCEPT) as unit:
        content.flip(unit, arrived)
        with pytest.raises(content.ContentMissing):
            content.flip(unit, arrived)


@pytest.mark.postgres
def test_the_sweep_leaves_content_alone_that_is_being_accepted(postgres_url: str) -> None:
    database = Database(postgres_url)
    migrate.ready(database)
    arrived = _arrived(database, b"x")
    with database.move(Move.ACCEPT) as unit:
        content.flip(unit, arrived)
        with database.move(Move.FORGET) as sweep:
            assert content.forget_orphans(sweep, NOW + 2 * content.ORPHAN_AGE) == 0
    with database.read() as unit:
        assert content.load(unit, arrived.id) == b"x"
    database.close()


DAMAGE = {
    # a flipped octet
    "other octets": zlib.compress(b"other"),
    # torn while written
    "torn": zlib.compress(b"right octets")[:-6],
    "no zlib at all": b"\0\1\2",
    # a few octets that would inflate to a gigabyte are read for one chunk only
    "a bomb": zlib.compress(bytes(64 * 1024 * 1024)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_content_is_reported_and_never_given_out(database: Database, damage: str) -> None:
    with database.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, content.packed(b"right octets"), NOW)
        unit.execute(update(schema.content_chunk).values(octets=DAMAGE[damage]))
    with database.read() as unit, pytest.raises(content.ContentMissing, match="damaged"):
        content.load(unit, content_id)
    with pytest.raises(content.ContentMissing, match="damaged"):
        list(content.pieces(database.read, content_id))


@pytest.mark.parametrize("position", [0, 1, 2], ids=["first", "middle", "last"])
@pytest.mark.parametrize("octets", [*DAMAGE.values(), None], ids=[*DAMAGE, "gone"])
def test_the_whole_of_damaged_content_never_comes_piece_by_piece(
    database: Database, position: int, octets: bytes | None
) -> None:
    chunk = schema.content_chunk
    with database.move(Move.ACCEPT) as unit:
        content_id = content.keep(unit, content.packed(b"x" * (2 * content.CHUNK_OCTETS + 1)), NOW)
        place = chunk.c.position == position
        unit.execute(delete(chunk).where(place) if octets is None else update(chunk).where(place).values(octets=octets))
    given: list[bytes] = []
    with pytest.raises(content.ContentMissing):
        given.extend(content.pieces(database.read, content_id))
    assert len(b"".join(given)) < 2 * content.CHUNK_OCTETS + 1
