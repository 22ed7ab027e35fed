# SPDX-License-Identifier: Apache-2.0
"""Who may write to nobody here: addresses, domains, networks, each with a reason and the day it was added.

Enters: an entry as an operator writes it, "name@host.example", "@host.example" or "192.0.2.0/24". Leaves: a Blocklist
that answers at once, however long it is. Every change counts the desk's version up, so that each process has it within
a second. Fails: BadEntry, whose text is for the operator. What a command added stays whatever the desk file says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from sqlalchemy import delete, insert, select, update

from storage import address
from storage.address import Address, BadAddress
from storage.database import Unit
from storage.desk_version import count_up
from storage.schema_desk import block

FILE, COMMAND = "file", "command"
IPV6_BITS, IPV4_MAPPED_BITS = 128, 96
SHORTEST_PREFIX = 8  # what is wider is a slip that would refuse nearly all mail for good
SHORTEST_IPV6_PREFIX = 16  # nobody has been given more of IPv6 for networks of their own
_MAPPED = IPv6Network("::ffff:0:0/96")


class BadEntry(ValueError):
    """The text names nobody who could be blocked or listed."""


@dataclass(frozen=True, slots=True)
class Block:
    """One entry in force; `source` is the desk file or a command."""

    what: str
    reason: str = ""
    source: str = field(default=FILE, compare=False)
    added_at: datetime | None = field(default=None, compare=False)

    def __str__(self) -> str:
        """For an operator: what was blocked, when and why."""
        since = f" since {self.added_at:%Y-%m-%d}" if self.added_at is not None else ""
        return f"{self.what}{since}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True, slots=True)
class Blocklist:
    """All entries in force, by kind; a domain's covers the domains below it."""

    addresses: Mapping[str, Block] = field(default_factory=dict)
    domains: Mapping[str, Block] = field(default_factory=dict)
    networks: Mapping[int, Mapping[int, Block]] = field(default_factory=dict)  # by length of the prefix, as IPv6

    def of_address(self, who: Address) -> Block | None:
        """The entry that forbids this mailbox."""
        found = self.addresses.get(who.key)
        if found is not None or not self.domains:
            return found
        labels = who.host.split(".")
        above = (".".join(labels[place:]) for place in range(len(labels)))
        return next((self.domains[one] for one in above if one in self.domains), None)

    def of_peer(self, peer: str) -> Block | None:
        """The entry that forbids this client, the narrowest first; a peer that is no IP address has none."""
        if not self.networks:
            return None
        number = _number(peer)
        if number is None:
            return None
        lengths = sorted(self.networks, reverse=True)
        found = (self.networks[one].get(number >> (IPV6_BITS - one)) for one in lengths)
        return next((one for one in found if one is not None), None)


def normal(text: str) -> str:
    """An entry in its one form; raises BadEntry, also where it would block most of all hosts."""
    entry = form(text)
    if "@" in entry:
        return entry
    network = ip_network(entry)
    shortest = SHORTEST_PREFIX if network.version == 4 else SHORTEST_IPV6_PREFIX
    if network.prefixlen < shortest or (isinstance(network, IPv6Network) and network.overlaps(_MAPPED)):
        words = f"name networks of /{SHORTEST_PREFIX} or smaller, /{SHORTEST_IPV6_PREFIX} in IPv6"
        raise BadEntry(f"{text[:80]!r} would block most of all hosts: {words}")
    return entry


def form(text: str) -> str:
    """An entry in its one form, however much it blocks; IPv4 written in IPv6 is IPv4. Raises BadEntry."""
    what = text.strip()
    try:
        if what.startswith("@"):
            return "@" + _host(what[1:])
        if "@" in what:
            return address.parse(what).key
    except BadAddress:
        raise BadEntry(f"{text[:80]!r} is not an address such as name@host.example or @host.example") from None
    try:
        network = _unmapped(ip_network(what))
    except ValueError:
        forms = "name@host.example, @host.example or 192.0.2.0/24"
        raise BadEntry(f"{text[:80]!r} is not an address, domain or network such as {forms}") from None
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if not isinstance(network, IPv6Network):
        return network
    first = network.network_address.ipv4_mapped
    if first is None or network.prefixlen < IPV4_MAPPED_BITS:
        return network
    return IPv4Network((first, network.prefixlen - IPV4_MAPPED_BITS))


def add(unit: Unit, what: str, reason: str, now: datetime) -> bool:
    """Block this from now on; False where it is blocked already. Raises BadEntry."""
    entry = normal(what)
    if unit.execute(select(block.c.what).where(block.c.what == entry)).first() is not None:
        return False
    unit.execute(insert(block), {"what": entry, "reason": reason, "source": COMMAND, "added_at": now})
    count_up(unit)
    return True


def remove(unit: Unit, what: str) -> Block | None:
    """Take an entry out; answers what it was, None where there is none. Raises BadEntry."""
    entry = form(what)
    row = unit.execute(select(block).where(block.c.what == entry)).first()
    if row is None:
        return None
    unit.execute(delete(block).where(block.c.what == entry))
    count_up(unit)
    return _block(row)


def entries(unit: Unit) -> list[Block]:
    """All of them, the oldest first."""
    return [_block(row) for row in unit.execute(select(block).order_by(block.c.added_at, block.c.what))]


def apply(unit: Unit, wanted: Iterable[Block], now: datetime | None = None) -> list[str]:
    """Bring in those of the desk file; entries that a command added stay. One line a change."""
    present = {one.what: one for one in entries(unit)}
    named = {normal(one.what): one.reason for one in wanted}
    changes = []
    for what, reason in named.items():
        known = present.get(what)
        if known is None:
            unit.execute(insert(block), {"what": what, "reason": reason, "source": FILE, "added_at": now})
            changes.append(f"block {what}: added")
        elif known.reason != reason or known.source != FILE:
            unit.execute(update(block).where(block.c.what == what).values(reason=reason, source=FILE))
            changes += [f"block {what}: reason changed"] if known.reason != reason else []
    for what, known in present.items():
        if known.source == FILE and what not in named:
            unit.execute(delete(block).where(block.c.what == what))
            changes.append(f"block {what}: removed")
    return changes


def blocklist(found: Iterable[Block]) -> Blocklist:
    """The entries in the form that is asked."""
    addresses: dict[str, Block] = {}
    domains: dict[str, Block] = {}
    networks: dict[int, dict[int, Block]] = {}
    for one in found:
        if one.what.startswith("@"):
            domains[one.what[1:]] = one
        elif "@" in one.what:
            addresses[one.what] = one
        else:
            length, number = _prefix(one.what)
            networks.setdefault(length, {})[number] = one
    return Blocklist(addresses, domains, networks)


def _block(row: Any) -> Block:
    return Block(row.what, row.reason, row.source, row.added_at)


def _host(domain: str) -> str:
    return address.parse(f"x@{domain}").host


def _prefix(what: str) -> tuple[int, int]:
    """An IPv4 network stands among the IPv6 ones as ::ffff:0:0/96 does."""
    network = ip_network(what)
    length = network.prefixlen if isinstance(network, IPv6Network) else network.prefixlen + IPV4_MAPPED_BITS
    number = _number(str(network.network_address)) or 0
    return length, number >> (IPV6_BITS - length)


def _number(peer: str) -> int | None:
    try:
        one = ip_address(peer)
    except ValueError:
        return None
    return int(one) if isinstance(one, IPv6Address) else int(IPv6Address(f"::ffff:{one}"))
