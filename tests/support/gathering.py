# SPDX-License-Identifier: Apache-2.0
"""An Intake for scripted receivers: it holds a whole content and asks one function about it."""

from collections.abc import Callable, Coroutine
from typing import Any

from storage.envelope import Envelope
from storage.response import Response


class Gathering:
    """gateway.receiver.Intake; the answer goes to every recipient."""

    def __init__(self, envelope: Envelope, decide: Callable[[bytes], Coroutine[Any, Any, Response]]) -> None:
        self._copies = len(envelope.recipients)
        self._decide = decide
        self._held = bytearray()

    @property
    def held_octets(self) -> int:
        return len(self._held)

    async def write(self, octets: bytes) -> None:
        self._held += octets

    async def finish(self) -> tuple[Response, ...]:
        content = bytes(self._held)
        self._held.clear()
        return (await self._decide(content),) * self._copies

    async def abandon(self) -> None:
        self._held.clear()
