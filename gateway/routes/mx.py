# SPDX-License-Identifier: Apache-2.0
"""The route to each recipient's own mail hosts (RFC 5321 §5): recipients grouped by domain, hosts in MX order.

A host that gives no session, or only temporary answers, is followed by the next one for the recipients still open;
never after the content may have arrived. TLS is opportunistic (RFC 7435). Bounded: hosts a domain, domains at once,
the time of a domain for everything but the content and its response.
"""

import asyncio
from collections.abc import Mapping, Sequence

from gateway.line_guard import refusal
from gateway.routes.hosts import HostFinder
from gateway.routes.responses import R451_NO_CONNECTION, R553_BAD_ADDRESS, as_temporary
from gateway.routes.session import Dialler, NoSession, Peer
from gateway.routes.transaction import Transaction
from handlers.ports import Departure
from storage.address import BadAddress, parse
from storage.response import Response

DOMAINS_AT_ONCE = 10


class MxRoute:
    """handlers.ports.Route to the world."""

    def __init__(self, finder: HostFinder, dialler: Dialler) -> None:
        self._finder = finder
        self._dialler = dialler

    def groups(self, recipients: Sequence[str]) -> list[tuple[str, ...]]:
        """By domain; what is no address is answered alone."""
        by_domain = [tuple(group) for group in _by_domain(recipients).values()]
        addresses = {recipient for group in by_domain for recipient in group}
        return by_domain + [(recipient,) for recipient in recipients if recipient not in addresses]

    async def send(self, departure: Departure) -> Mapping[str, Response]:
        """One response for each recipient."""
        refused = refusal(departure.content)
        if refused is not None:
            return dict.fromkeys(departure.recipients, refused)
        responses = dict.fromkeys(departure.recipients, R553_BAD_ADDRESS)
        gate = asyncio.Semaphore(DOMAINS_AT_ONCE)

        async def to_domain(domain: str, recipients: list[str]) -> None:
            async with gate:
                responses.update(await self._to_domain(departure, domain, recipients))

        await asyncio.gather(*(to_domain(*group) for group in _by_domain(departure.recipients).items()))
        return responses

    async def _to_domain(self, departure: Departure, domain: str, recipients: list[str]) -> dict[str, Response]:
        """Host after host, until each recipient has an answer that lasts."""
        responses = dict.fromkeys(recipients, R451_NO_CONNECTION)
        deadline = asyncio.get_running_loop().time() + self._dialler.limits.total_s
        try:
            async with asyncio.timeout_at(deadline):
                peers = await self._finder.find(domain)
            if isinstance(peers, Response):
                return dict.fromkeys(recipients, peers)
            for peer in peers:
                if not await self._to_peer(departure, peer, responses, deadline):
                    break
        except TimeoutError:
            pass  # what the hosts said until now holds
        return responses

    async def _to_peer(self, departure: Departure, peer: Peer, responses: dict[str, Response], deadline: float) -> bool:
        """Try one host for the recipients still open; says whether the next host may be tried."""
        pending = [recipient for recipient, response in responses.items() if response.is_temporary]
        try:
            async with asyncio.timeout_at(deadline):
                client = await self._dialler.open(peer)
        except NoSession as error:
            responses.update(dict.fromkeys(pending, as_temporary(error.response)))  # it spoke of us, not of the mail
            return True
        transaction = Transaction(client, departure, pending, self._dialler.limits)
        await transaction.run(deadline)
        responses.update(transaction.responses)
        return not transaction.may_have_arrived and any(response.is_temporary for response in responses.values())


def _by_domain(recipients: Sequence[str]) -> dict[str, list[str]]:
    """Recipients that are addresses, under their domains in lower case."""
    groups: dict[str, list[str]] = {}
    for recipient in recipients:
        try:
            groups.setdefault(parse(recipient).domain, []).append(recipient)
        except BadAddress:
            continue
    return groups
