# SPDX-License-Identifier: Apache-2.0
"""How long an SMTP route waits: little before the content, and for the response to it as long as RFC 5321 asks."""

import asyncio
import contextlib

import pytest

from gateway.dns import DnsResolver
from gateway.routes.hosts import HostFinder
from gateway.routes.mx import MxRoute
from gateway.routes.session import Dialler, Limits
from gateway.routes.smarthost import SmarthostRoute
from handlers.ports import R451_UNKNOWN, Departure
from tests.support.contents import whole

SHORT = Limits(5.0, 5.0, 60.0, 1.0)
BOB = "bob@far.example"
DEPARTURE = Departure("row-1", "b.x@gw.example", (BOB,), whole(b"Subject: slow\r\n\r\nHello\r\n"))


class SlowHost:
    """Answers everything at once, but `slow_at` only when `total_s` of an attempt is over, or never."""

    def __init__(self, slow_at, *, answers):
        self.slow_at, self.answers = slow_at, answers
        self.over = asyncio.Event()
        self.sessions = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._session, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.over.set()
        self.server.close()
        await asyncio.gather(*self.sessions, return_exceptions=True)
        await self.server.wait_closed()

    async def _session(self, reader, writer):
        self.sessions.append(asyncio.current_task())
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader, writer):
        if self.answers:
            asyncio.get_running_loop().call_later(1.5 * SHORT.total_s, self.over.set)
        writer.write(b"220 far.example\r\n")
        in_content = False
        while line := await reader.readline():
            verb = line.strip()[:4].upper()
            if in_content and line != b".\r\n":
                continue
            if verb == self.slow_at:
                await self.over.wait()
            in_content = verb == b"DATA"
            writer.write(b"354 go\r\n" if in_content else b"250 ok\r\n")


@pytest.fixture(params=["smarthost", "mx"])
def to_slow(request, dns_zone):
    """Each SMTP route to such a host, in little time."""
    dns_zone.update({"far.example": {"A": ["127.0.0.1"]}})
    resolver = DnsResolver((dns_zone.address,), 2.0)
    dialler = Dialler("gw.example", SHORT)

    def build(host):
        if request.param == "smarthost":
            return SmarthostRoute(f"smtp://127.0.0.1:{host.port}", dialler)
        return MxRoute(HostFinder(resolver, "gw.example", host.port, allow_loopback=True), dialler)

    return build


async def test_the_wait_after_the_final_dot_is_not_cut_by_the_time_of_the_attempt(to_slow):
    async with SlowHost(b".", answers=True) as host:
        assert (await to_slow(host).send(DEPARTURE))[BOB].code == 250


@pytest.mark.parametrize("verb", [b"EHLO", b"MAIL", b"RCPT", b"DATA"])
async def test_a_host_that_dawdles_before_the_content_is_left(to_slow, verb):
    async with SlowHost(verb, answers=False) as host:
        (response,) = (await to_slow(host).send(DEPARTURE)).values()
        assert (response.code, response == R451_UNKNOWN) == (451, False)
