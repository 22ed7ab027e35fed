# SPDX-License-Identifier: Apache-2.0
"""Does the mail of a domain come to this host? Read from DNS, when an operator wants an address verified.

Enters: the configuration, a domain. Leaves: a finding in words, with what was found. A domain points here where one of
its best mail hosts (RFC 5321 §5.1) is server.name, or has an address on which the MX listens or that server.name has.
Never fails for what DNS says.
"""

import asyncio
import socket
from dataclasses import dataclass
from ipaddress import ip_address

from gateway.config import Config
from gateway.dns import DnsResolver
from handlers.ports import Answer, Found

MOST_HOSTS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """`is_sure` is false where DNS did not answer."""

    points_here: bool
    words: str
    is_sure: bool = True


def look(config: Config, domain: str) -> Finding:
    """Ask DNS where the mail of a domain goes."""
    servers = tuple(str(endpoint) for endpoint in config.dns.nameservers)
    resolver = DnsResolver(servers, config.dns.timeout.total_seconds())
    return asyncio.run(_look(resolver, config, domain))


async def _look(resolver: DnsResolver, config: Config, domain: str) -> Finding:
    answer = await resolver.mx(domain)
    if answer.found is Found.TEMPORARY:
        return Finding(False, f"DNS gave no answer about the mail hosts of {domain}", is_sure=False)
    hosts = _best(answer)
    if hosts == [""]:
        return Finding(False, f"{domain} takes no mail at all (null MX)")  # RFC 7505
    said = f"MX of {domain}: {', '.join(hosts)}" if hosts else f"{domain} has no MX"
    if config.server.name in hosts:
        return Finding(True, f"{said}, which is this host")
    ours = await resolver.addresses(config.server.name)
    silent = [config.server.name] if ours.found is Found.TEMPORARY else []
    for host in hosts or [domain]:  # RFC 5321 §5.1: without MX the domain is its own mail host
        theirs = await resolver.addresses(host)
        silent += [host] if theirs.found is Found.TEMPORARY else []
        for address in sorted(record.decode() for record in theirs.records):
            if address.encode() in ours.records or _listens_at(config, address):
                return Finding(True, f"{said}; {host} has {address}, which is this host's")
    if silent:
        return Finding(False, f"{said}; DNS gave no answer about the address of {silent[0]}", is_sure=False)
    return Finding(False, f"{said}: not this host" if hosts else f"{said}, and its address is not this host's")


def _best(answer: Answer) -> list[str]:
    """The names of the hosts that senders try first."""
    pairs = sorted((int(one.split()[0]), one.decode().partition(" ")[2].lower()) for one in answer.records)
    return [name for preference, name in pairs if preference == pairs[0][0]][:MOST_HOSTS]


def _listens_at(config: Config, address: str) -> bool:
    """Whether the MX listens there: at this address, or at all of this host's, of which it is one."""
    value = ip_address(address)
    listening = [ip_address(endpoint.host) for endpoint in config.mx.listen]
    if value in listening:
        return True
    return any(one.is_unspecified and one.version == value.version for one in listening) and _is_local(address)


def _is_local(address: str) -> bool:
    """A host can bind its own addresses only."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
