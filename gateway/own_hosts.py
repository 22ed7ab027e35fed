# SPDX-License-Identifier: Apache-2.0
"""Who is our own, and must not be blocked by a slip: our addresses, agents, domains, and hosts that we trust.

Enter: a block entry in its one form, the desk in force, the configuration. Leaves: whom it would shut out, in words, or
nothing.
"""

from collections.abc import Iterator
from ipaddress import ip_network

from gateway import units
from gateway.config import Config
from gateway.units import Network
from storage.address import Address, parse
from storage.blocks import Block, blocklist
from storage.desk import Snapshot

_LOOPBACK = tuple(map(units.parse_network, ("127.0.0.0/8", "::1")))


def shut_out(entry: str, desk: Snapshot, config: Config) -> str:
    """Why this entry would block our own; empty where it does not."""
    if "@" not in entry:
        wanted = ip_network(entry)
        return next(
            (words for one, words in _hosts(config) if wanted.version == one.version and wanted.overlaps(one)), ""
        )
    one_entry = blocklist([Block(entry)])
    found = (words for one, words in _addresses(desk, config) if one_entry.of_address(one) is not None)
    return next(found, "")


def _hosts(config: Config) -> Iterator[tuple[Network, str]]:
    for one in _LOOPBACK:
        yield one, f"this host itself ({one})"
    for one in config.limits.unlimited_from:
        yield one, f"{one} of limits.unlimited_from"
    for upstream in config.authentication.upstreams:
        if upstream.network is not None:
            yield upstream.network, f"{upstream.network} of authentication.upstreams"


def _addresses(desk: Snapshot, config: Config) -> Iterator[tuple[Address, str]]:
    for address in desk.addresses.values():
        for one in (address.value.address, *address.value.aliases):
            yield one, f"our address {one}"
    for agent in desk.agents.values():
        yield agent.value.address, f"the agent {agent.value.login}"
    for team in desk.teams.values():
        yield team.value.sender, f"the team {team.value.name}, which writes as {team.value.sender}"
    yield parse(f"postmaster@{config.server.name}"), f"server.name {config.server.name}"
