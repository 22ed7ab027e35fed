# SPDX-License-Identifier: Apache-2.0
"""An edge in a thread of its own that takes every mail for firm.example, for fuzzers that speak to it."""

import asyncio
import threading

from gateway.edge import Edge
from gateway.listener import serve
from gateway.listening import bind
from gateway.receiver import EdgeSettings
from storage.response import R250_ACCEPTED, R250_RECIPIENT_OK, R250_SENDER_OK, R550_NO_SUCH_ADDRESS
from tests.support.gathering import Gathering


class TakesAll:
    """A Receiver that keeps nothing."""

    async def sender(self, session, reverse_path):
        return R250_SENDER_OK

    async def recipient(self, session, envelope, recipient):
        return R250_RECIPIENT_OK if recipient.domain == "firm.example" else R550_NO_SUCH_ADDRESS

    async def begin(self, session, envelope):
        async def take(content):
            return R250_ACCEPTED.about(envelope.id)

        return Gathering(envelope, take)


class Listener:
    """Serves on `port` until `close`; the bounds on errors are so high that a fuzzer can go on."""

    def __init__(self, **settings) -> None:
        many = 1_000_000
        self._settings = EdgeSettings(
            "gw.example",
            **{
                "max_size_octets": 2000,
                "max_errors": many,
                "max_unknown_recipients": many,
                "max_commands": many,
                "max_transactions": many,
                "max_session_recipients": many,
                **settings,
            },
        )
        self._bound = bind("127.0.0.1:0")
        self.port = self._bound.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        edge = Edge(self._settings, TakesAll())
        self._loop.run_until_complete(serve([self._bound], edge, self._stop, 1.0))
        self._loop.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
