# SPDX-License-Identifier: Apache-2.0
"""A draft on its way in: a small one stays in memory, a large one lies in the store, a refused one leaves nothing."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.drafting import Drafting
from gateway.promise import Arriving, Store
from storage import content, schema
from storage.address import parse
from storage.commit_group import GroupCommitter
from storage.database import Database
from storage.envelope import Envelope
from storage.response import R250_ACCEPTED, R554_NOT_A_REPLY, Response
from tests.support.office import World

ENVELOPE = Envelope(None, (parse("carl@customer.example"), parse("eve@customer.example")))
MOST = 1000
PIECE = b"x" * 70_000


class Desk:
    """Decides as it is told, and remembers what it was shown."""

    def __init__(self, database: Database, committer: GroupCommitter, world: World) -> None:
        self.database, self._store, self._world = database, Store(committer), world
        self.seen: list[bytes] = []
        self.was_stored: list[bool] = []

    def intake(self, answer: Callable[[], Response]) -> Drafting:
        async def decide(came: bytes | content.Content) -> Response:
            stored = isinstance(came, content.Content)
            self.was_stored.append(stored)
            self.seen.append(b"".join(content.arrived(self.database.read, came)) if stored else came)
            return answer()

        arriving = partial(Arriving, self._store, self._world.clock.now(), lambda _: None)
        return Drafting(arriving, MOST, ENVELOPE, decide)

    def rows(self) -> int:
        with self.database.read() as unit:
            return int(unit.execute(select(func.count()).select_from(schema.content)).scalar_one())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    world = World(f"sqlite:///{tmp_path}/casegate.db")
    committer = GroupCommitter(world.database)
    yield Desk(world.database, committer, world)
    committer.close()
    world.close()


def fail() -> Response:
    raise LookupError("no key")


@pytest.mark.parametrize("pieces", [[], [b"x" * MOST]], ids=["nothing", "as much as is held"])
async def test_a_small_draft_is_never_in_the_store(desk: Desk, pieces: list[bytes]) -> None:
    intake = desk.intake(lambda: R250_ACCEPTED)
    for piece in pieces:
        await intake.write(piece)
    assert await intake.finish() == (R250_ACCEPTED, R250_ACCEPTED)
    assert (desk.seen, desk.was_stored, desk.rows()) == ([b"".join(pieces)], [False], 0)


# One chunk that is not full, and several with a rest.
@pytest.mark.parametrize("count", [1, 20])
async def test_a_large_draft_lies_in_the_store_and_comes_back_whole(desk: Desk, count: int) -> None:
    intake = desk.intake(lambda: R250_ACCEPTED)
    for _ in range(count):
        await intake.write(PIECE)
        assert intake.held_octets < 2 * content.CHUNK_OCTETS + len(PIECE)
    assert await intake.finish() == (R250_ACCEPTED, R250_ACCEPTED)
    assert (desk.seen, desk.was_stored, desk.rows()) == ([PIECE * count], [True], 1)


async def test_nothing_stays_of_a_large_draft_that_is_refused(desk: Desk) -> None:
    intake = desk.intake(lambda: R554_NOT_A_REPLY)
    for _ in range(20):
        await intake.write(PIECE)
    assert await intake.finish() == (R554_NOT_A_REPLY, R554_NOT_A_REPLY)
    assert desk.rows() == 0


async def test_nothing_stays_of_a_large_draft_that_could_not_be_judged(desk: Desk) -> None:
    intake = desk.intake(fail)
    for _ in range(20):
        await intake.write(PIECE)
    with pytest.raises(LookupError):
        await intake.finish()
    assert desk.rows() == 0


async def test_nothing_stays_of_a_large_draft_that_is_broken_off(desk: Desk) -> None:
    intake = desk.intake(fail)
    for _ in range(20):
        await intake.write(PIECE)
    await intake.abandon()
    assert (desk.rows(), intake.held_octets) == (0, 0)
