# SPDX-License-Identifier: Apache-2.0
"""Which hosts take the mail of a domain, in the order to try them (RFC 5321 §5.1).

Enters: a domain or an address literal. Leaves: the peers to dial, or the response that ends the search: null MX, no
such domain, a loop to ourselves, DNS that fails for now. Bounded: so many hosts, one address of each family of a host.
"""

import ipaddress
import random
from dataclasses import dataclass

from gateway.routes.responses import (
    R451_DNS,
    R451_NO_HOST,
    R550_NO_DOMAIN,
    R554_LOOP,
    R556_NULL_MX,
)
from gateway.routes.session import Peer
from handlers.ports import Answer, Found, MailHost, Resolver
from storage.response import Response

HOSTS = 5
_NO_MX = {Found.NO_NAME: R550_NO_DOMAIN, Found.MALFORMED: R550_NO_DOMAIN, Found.TEMPORARY: R451_DNS}


@dataclass(frozen=True, slots=True)
class HostFinder:
    """`allow_loopback` is for tests; otherwise a mail for ourselves would come back to us."""

    resolver: Resolver
    own_name: str
    port: int = 25
    allow_loopback: bool = False

    async def find(self, domain: str) -> tuple[Peer, ...] | Response:
        """The peers, best first."""
        if domain.startswith("["):
            return self._literal(domain[1:-1])
        hosts = _mail_hosts(domain, await self.resolver.mx(domain))
        if isinstance(hosts, Response):
            return hosts
        better = self._better_than_us(hosts)
        if not better:
            return R554_LOOP
        return await self._peers(domain, better[:HOSTS])

    def _literal(self, text: str) -> tuple[Peer, ...] | Response:
        """[192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 §4.1.3)."""
        try:
            address = str(ipaddress.ip_address(text[5:] if text[:5].lower() == "ipv6:" else text))
        except ValueError:
            return R550_NO_DOMAIN
        return (Peer(address, address, self.port),) if self._may_dial(address) else R554_LOOP

    def _better_than_us(self, hosts: list[MailHost]) -> list[MailHost]:
        """RFC 5321 §5.1: where we are a mail host ourselves, only better ones are dialled."""
        own = min((host.preference for host in hosts if host.name == self.own_name.lower()), default=None)
        return [host for host in hosts if own is None or host.preference < own]

    async def _peers(self, domain: str, hosts: list[MailHost]) -> tuple[Peer, ...] | Response:
        peers: list[Peer] = []
        found = set()
        for host in hosts:
            answer = await self.resolver.addresses(host.name)
            addresses = [record.decode() for record in answer.records]
            dialled = [address for address in addresses if self._may_dial(address)]
            if addresses and not dialled and not peers:
                return R554_LOOP  # the best host there is points at us
            peers += [Peer(host.name, address, self.port) for address in _one_of_each_family(dialled)]
            found.add(answer.found)
        if peers:
            return tuple(peers)
        if Found.TEMPORARY in found:
            return R451_DNS
        return R550_NO_DOMAIN if [host.name for host in hosts] == [domain] else R451_NO_HOST

    def _may_dial(self, address: str) -> bool:
        """Not ourselves by any of our addresses that is the same on every host."""
        if self.allow_loopback:
            return True
        ip = ipaddress.ip_address(address)
        mapped = getattr(ip, "ipv4_mapped", None)
        ip = mapped if mapped is not None else ip
        return not (ip.is_loopback or ip.is_unspecified or ip.is_multicast or ip.is_link_local)


def _mail_hosts(domain: str, answer: Answer) -> list[MailHost] | Response:
    """By preference, in random order where it is the same; a domain without MX is its own host."""
    if answer.found is Found.NO_DATA:
        return [MailHost(0, domain)]
    if answer.found is not Found.YES:
        return _NO_MX[answer.found]
    hosts = []
    for record in answer.records:
        preference, _, name = record.decode("ascii", "replace").partition(" ")
        if name:
            hosts.append(MailHost(int(preference), name))
    if not hosts:
        return R556_NULL_MX
    random.shuffle(hosts)
    return sorted(hosts, key=lambda host: host.preference)


def _one_of_each_family(addresses: list[str]) -> list[str]:
    """A host with many addresses must not use up the attempts of the next host."""
    v6 = [address for address in addresses if ":" in address]
    v4 = [address for address in addresses if ":" not in address]
    return v6[:1] + v4[:1]
