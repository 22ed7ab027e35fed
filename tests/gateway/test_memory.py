# SPDX-License-Identifier: Apache-2.0
"""What a large mail costs a worker in memory: a fraction of its octets, on every way out."""

import asyncio
import contextlib
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway import leaving
from gateway.jobs import Jobs, Tools
from gateway.routes.maildir import MaildirRoute
from gateway.routes.session import Dialler, Limits
from gateway.routes.smarthost import SmarthostRoute
from handlers.ports import Departure, Route
from storage import listing
from storage.commit_group import GroupCommitter
from tests.support.office import World, mail

OCTETS = 30_000_000
MOST = OCTETS // 10
LINE = "x" * 77 + "\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path}/casegate.db")
    yield made
    made.close()


@pytest.fixture
def outbox_id(world: World) -> int:
    """A large mail, routed: the row of its copy; routing it was the first half of the test."""
    world.accept(mail(body=(LINE * (OCTETS // len(LINE))).replace("\n", "\r\n")))
    committer = GroupCommitter(world.database)
    reception: Any = SimpleNamespace(fresh_office=lambda: world.office)
    bell: Any = SimpleNamespace(ring=lambda ids: None)
    work = Jobs(Tools(world.database, committer, reception, world.signer, world.clock, bell, timedelta(minutes=1)))
    with measured() as peak:
        assert work.route_due() == 1
    committer.close()
    assert peak() < MOST
    with world.database.read() as unit:
        (row,) = listing.outbox_recipients(unit, 10)
    return int(row.outbox_id)


@contextlib.contextmanager
def measured() -> Iterator[Any]:
    """The most octets that Python held at once in the block, asked for after it."""
    found: list[int] = []
    tracemalloc.start()
    try:
        yield lambda: found[0]
        found.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()


async def swallow(ended: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A host that takes everything and keeps nothing."""
    writer.write(b"220 far.example\r\n")
    while line := await reader.readline():
        writer.write(b"354 go\r\n" if line.startswith(b"DATA") else b"250 ok\r\n")
        if line.startswith(b"DATA"):
            last = b""
            while not last.endswith(b"\r\n.\r\n"):
                last = (last + await reader.read(65536))[-5:]
            writer.write(b"250 ok\r\n")
    writer.close()
    await writer.wait_closed()
    ended.set()


async def test_a_large_mail_is_routed_and_delivered_in_little_memory(
    world: World, outbox_id: int, tmp_path: Path
) -> None:
    ended = asyncio.Event()
    server = await asyncio.start_server(partial(swallow, ended), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    limits = Limits(5.0, 60.0, 60.0, 60.0)
    routes: list[Route] = [
        MaildirRoute(tmp_path / "out"),
        SmarthostRoute(f"smtp://127.0.0.1:{port}", Dialler("gw.example", limits)),
    ]
    for route in routes:
        with measured() as peak:
            row, content = await asyncio.to_thread(leaving.load, world.database, outbox_id)
            (response,) = (await route.send(Departure(row.name, None, ("ann@private.example",), content))).values()
        assert (response.code, content.octets > OCTETS) == (250, True)
        assert peak() < MOST
    await ended.wait()
    server.close()
    await server.wait_closed()
    (sent,) = world.sent("copy")
    (filed,) = (tmp_path / "out" / "new").iterdir()
    assert filed.read_bytes().endswith(b"\r\nDelivered-To: ann@private.example\r\n" + sent.octets)
