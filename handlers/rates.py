# SPDX-License-Identifier: Apache-2.0
"""How much mail one author, one domain and all together may bring to an address (rate_author, rate_domain, rate_total).

Enters: a mail that would be taken. Leaves: the budget that is used up, or nothing, and then each budget holds one mail
less. A stranger who writes in somebody's name must not use up that person's budget: mail without a proven author counts
for the network that it came from, and in all only against its like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address
from typing import Protocol

from handlers.admission_policy import Effective
from handlers.arrival import Incoming
from storage.desk import AddressRow

IPV4_NETWORK_BITS, IPV6_NETWORK_BITS = 24, 64
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_WINDOW_S = max(_SECONDS.values())
OVER_RATE = "too much mail of"  # how the note begins that says so


@dataclass(frozen=True, slots=True)
class Budget:
    """`mails` in `window_s` for whoever the key names; `who` and `key` are for the operator."""

    name: str
    mails: int
    window_s: int
    who: str
    key: str


class Rates(Protocol):
    """The counters, shared by all who take mail on this host."""

    def take(self, budgets: Sequence[Budget], now: datetime) -> Budget | None:
        """Count one mail in each; where one is used up, count nothing and answer that one."""
        ...


class Uncounted:
    """For whoever judges without taking mail: every budget is full."""

    def take(self, budgets: Sequence[Budget], now: datetime) -> Budget | None:
        return None


class AsThen:
    """For whoever judges again: a budget is used up where it was then; `spent` has the notes, by counted_at."""

    def __init__(self, spent: Mapping[str, str]) -> None:
        self._spent = spent

    def take(self, budgets: Sequence[Budget], now: datetime) -> Budget | None:
        found = (
            one
            for one in budgets
            for address, note in self._spent.items()
            if one.name.startswith(f"{one.key} {address} ") and f": {one.key} = " in note
        )
        return next(found, None)


def counted_at(row: AddressRow | None) -> str:
    """The address whose budgets a mail uses."""
    return str(row.value.address) if row is not None else "addresses that are no more"


def budgets(mail: Incoming, rules: Effective, address: str) -> tuple[Budget, ...]:
    """Those that this mail uses at this address, the narrowest first."""
    policy = rules.policy
    wanted = (
        ("rate_author", policy.rate_author),
        ("rate_domain", policy.rate_domain),
        ("rate_total", policy.rate_total),
    )
    if all(rate == "off" for _, rate in wanted):
        return ()
    whose = _whose(mail)
    return tuple(_budget(key, rate, address, whose[key]) for key, rate in wanted if rate != "off")


def parse(rate: str) -> tuple[int, int]:
    """ "60/h" as mails and seconds."""
    mails, _, unit = rate.partition("/")
    return int(mails), _SECONDS[unit]


def _budget(key: str, rate: str, address: str, who: str) -> Budget:
    mails, window_s = parse(rate)
    return Budget(f"{key} {address} {who}", mails, window_s, who, key)


def _whose(mail: Incoming) -> dict[str, str]:
    """Who uses each budget up."""
    author = mail.author.address if mail.author is not None else None
    if mail.aligned and author is not None:
        return {"rate_author": author.key, "rate_domain": author.host, "rate_total": "all proven authors"}
    network = _network(mail.session.peer)
    claimed = author.key if author is not None else "no author"
    by_domain = f"{author.host} by {network}" if mail.vouched and author is not None else f"anyone by {network}"
    return {"rate_author": f"{claimed} by {network}", "rate_domain": by_domain, "rate_total": "all unproven authors"}


def _network(peer: str) -> str:
    """The /24 or /64 of a client; what is no IP address stands for itself."""
    try:
        one = ip_address(peer)
    except ValueError:
        return peer
    if isinstance(one, IPv6Address):
        one = one.ipv4_mapped or one
    length = IPV4_NETWORK_BITS if one.version == 4 else IPV6_NETWORK_BITS
    kept = int(one) >> (one.max_prefixlen - length) << (one.max_prefixlen - length)
    return f"{type(one)(kept)}/{length}"
