# SPDX-License-Identifier: Apache-2.0
"""A large content on its way to a host that is slow, answers too early or hangs up in the middle of it."""

import asyncio
import contextlib

import pytest

from gateway.routes import transaction
from gateway.routes.responses import R451_LOST
from gateway.routes.session import Dialler, Limits
from gateway.routes.smarthost import SmarthostRoute
from handlers.contents import Content
from handlers.ports import Departure
from storage.response import Response
from tests.support.contents import cut

LIMITS = Limits(5.0, 5.0, 5.0, 5.0, block_s=5.0)
BOB = "bob@far.example"
PIECE = 64 * 1024
LARGE = cut((b"x" * 78 + b"\r\n") * 400_000, PIECE)  # 32 MB, more than the sockets hold


class Host:
    """Accepts all up to DATA, reads so many octets of the content, then does what the test says."""

    def __init__(self, octets: int, answer: bytes, *, hangs_up: bool) -> None:
        self.octets, self.answer, self.hangs_up = octets, answer, hangs_up
        self.after = b""
        self.held, self.ended = asyncio.Event(), asyncio.Event()

    async def __aenter__(self) -> "Host":
        self.server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 far.example\r\n")
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                is_data = line.upper().startswith(b"DATA")
                writer.write(b"354 go\r\n" if is_data else b"250 ok\r\n")
                if is_data:
                    await self._content(reader, writer)
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        self.ended.set()

    async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(self.octets)
        if self.answer:
            writer.write(self.answer)
            await writer.drain()
        self.held.set()
        if not self.hangs_up:
            while octets := await reader.read(PIECE):
                self.after = (self.after + octets)[-20:]


async def send(host: Host, content: Content = LARGE, limits: Limits = LIMITS) -> Response:
    route = SmarthostRoute(f"smtp://127.0.0.1:{host.port}", Dialler("gw.example", limits))
    responses = await route.send(Departure("row-1", None, (BOB,), content))
    return responses[BOB]


@pytest.mark.parametrize("hangs_up", [False, True], ids=["reads on", "hangs up"])
async def test_a_refusal_in_the_middle_of_the_content_is_the_answer(hangs_up: bool) -> None:
    async with Host(1000, b"552 5.3.4 too big\r\n", hangs_up=hangs_up) as host:
        # Where the host hangs up at once its answer may be lost with the connection, as TCP has it.
        assert str(await send(host)) in {"552 5.3.4 too big", *([str(R451_LOST)] if hangs_up else [])}
        await host.ended.wait()
        assert b"\r\n.\r\n" not in host.after
        assert b"QUIT" not in host.after


@pytest.mark.parametrize(
    ("answer", "hangs_up"),
    [
        # a host that vanishes has no mail, for it saw no final dot
        (b"", True),
        # nothing is accepted before it is there
        (b"250 2.0.0 ok\r\n", False),
    ],
)
async def test_nothing_has_arrived_before_the_final_dot(answer: bytes, hangs_up: bool) -> None:
    async with Host(1000, answer, hangs_up=hangs_up) as host:
        assert await send(host) == R451_LOST
        await host.ended.wait()
        assert b"\r\n.\r\n" not in host.after


@pytest.mark.parametrize(
    "limits",
    [
        # it takes no octet for too long
        Limits(5.0, 5.0, 60.0, 5.0, block_s=0.3),
        # it takes some now and then, and too few in all
        Limits(5.0, 5.0, 0.3, 5.0, block_s=60.0),
    ],
    ids=["stalls", "trickles"],
)
async def test_a_host_that_takes_the_content_too_slowly_is_left(
    limits: Limits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "SLOWEST", LARGE.octets * 10)

    class Slow(Host):
        async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while not self.held.is_set() and await reader.read(100):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.held.wait(), 0.1)

    async with Slow(0, b"", hangs_up=True) as host:
        assert await send(host, limits=limits) == R451_LOST
        host.held.set()
        await host.ended.wait()


async def test_no_more_is_read_than_the_host_takes() -> None:
    read = 0

    def pieces():
        nonlocal read
        for piece in LARGE.pieces():
            read += len(piece)
            yield piece

    class Stalled(Host):
        async def _content(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.held.wait()

    async with Stalled(0, b"", hangs_up=True) as host:
        counted = Content(pieces, LARGE.octets, LARGE.is_ascii, LARGE.ends_lines_in_crlf)
        limits = Limits(5.0, 5.0, 5.0, 5.0, block_s=0.5)
        assert await send(host, counted, limits) == R451_LOST
        host.held.set()
        await host.ended.wait()
    assert read < LARGE.octets / 2
