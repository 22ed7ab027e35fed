# SPDX-License-Identifier: Apache-2.0
"""The route over one host that passes everything on: one session, all recipients, one response for each.

What the smarthost says before MAIL is about us or about it, never about the mail: it is temporary.
"""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from gateway.line_guard import refusal
from gateway.routes.responses import R451_NO_CONNECTION, as_temporary
from gateway.routes.session import Dialler, NoSession, Peer
from gateway.routes.transaction import Transaction
from handlers.ports import Departure
from storage.response import Response

DEFAULT_PORT = 25


class SmarthostRoute:
    """handlers.ports.Route to "smtp://host:port"; the dialler brings the TLS policy and the login."""

    def __init__(self, url: str, dialler: Dialler) -> None:
        parts = urlsplit(url)
        if parts.scheme != "smtp" or not parts.hostname:
            raise ValueError(f"{url!r} is not a smarthost such as smtp://host:port")
        if dialler.login is not None and dialler.validated is None:
            raise ValueError("a login at the smarthost needs TLS with a validated certificate")
        self._peer = Peer(parts.hostname, parts.hostname, parts.port or DEFAULT_PORT)
        self._dialler = dialler

    def groups(self, recipients: Sequence[str]) -> list[tuple[str, ...]]:
        """All in one session."""
        return [tuple(recipients)]

    async def send(self, departure: Departure) -> Mapping[str, Response]:
        """One response for each recipient."""
        refused = refusal(departure.content)
        if refused is not None:
            return dict.fromkeys(departure.recipients, refused)
        limits = self._dialler.limits
        deadline = asyncio.get_running_loop().time() + limits.total_s
        try:
            async with asyncio.timeout_at(deadline):
                client = await self._dialler.open(self._peer)
        except NoSession as error:
            return dict.fromkeys(departure.recipients, as_temporary(error.response))
        except TimeoutError:
            return dict.fromkeys(departure.recipients, R451_NO_CONNECTION)
        transaction = Transaction(client, departure, departure.recipients, limits)
        await transaction.run(deadline)
        return transaction.responses
