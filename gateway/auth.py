# SPDX-License-Identifier: Apache-2.0
"""Who may log in: passwords checked off the event loop, wrong ones slowed, counted and, when many, locked out.

Enters: a login and a password, from a session under TLS. Leaves: R235, 535 for a wrong login (after a growing pause),
454 while the login or the peer is locked out or too many checks wait. A failure is counted before its password is
checked, so attempts at the same time count like attempts in turn. Fails: an exception of the lookup goes to the caller
(451) and counts as no failure.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from gateway.passwords import DEFAULT_COST, Cost, verify
from storage.envelope import Session
from storage.response import R235_LOGGED_IN, R454_LOGIN_LATER, R535_BAD_LOGIN, Response

log = logging.getLogger(__name__)

Lookup = Callable[[str], str | None]  # the stored password of a login; runs in a thread


@dataclass(frozen=True, slots=True)
class LoginLimits:
    """How patient we are. A login bears more failures than a peer: a stranger must not lock an agent out cheaply."""

    peer_failures: int = 20
    login_failures: int = 50
    forget_after_s: float = 900
    first_pause_s: float = 1
    longest_pause_s: float = 15
    table_rows: int = 10_000
    threads: int = 2
    waiting: int = 32


class Failures:
    """Failures by key, the oldest forgotten first; a key is locked from `limit` on until `forget_after_s` of peace."""

    def __init__(self, limit: int, limits: LoginLimits, monotonic: Callable[[], float]) -> None:
        self._limit = limit
        self._limits = limits
        self._monotonic = monotonic
        self._rows: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, key: str) -> int:
        """How many of late."""
        failures, last = self._rows.get(key, (0, 0.0))
        if failures and self._monotonic() - last >= self._limits.forget_after_s:
            del self._rows[key]
            return 0
        return failures

    def is_locked(self, key: str) -> bool:
        return self.count(key) >= self._limit

    def add(self, key: str) -> int:
        """One more; answers how many."""
        failures = self.count(key) + 1
        self._rows[key] = (failures, self._monotonic())
        self._rows.move_to_end(key)
        if len(self._rows) > self._limits.table_rows:
            self._rows.popitem(last=False)
        return failures

    def undo(self, key: str) -> None:
        """Take one back."""
        if (failures := self.count(key)) > 1:
            self._rows[key] = (failures - 1, self._rows[key][1])
        else:
            self._rows.pop(key, None)

    def clear(self, key: str) -> None:
        self._rows.pop(key, None)

    def __len__(self) -> int:
        return len(self._rows)


class PasswordAuthenticator:
    """An Authenticator over stored scrypt hashes."""

    def __init__(
        self,
        lookup: Lookup,
        *,
        limits: LoginLimits | None = None,
        cost: Cost = DEFAULT_COST,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lookup = lookup
        self._limits = limits or LoginLimits()
        self._cost = cost
        self._pause = pause
        self._logins = Failures(self._limits.login_failures, self._limits, monotonic)
        self._peers = Failures(self._limits.peer_failures, self._limits, monotonic)
        self._pool = ThreadPoolExecutor(self._limits.threads, thread_name_prefix="password")
        self._waiting = 0

    async def login(self, session: Session, login: str, password: str) -> Response:
        """One attempt."""
        name, network = login.lower()[:256], network_of(session.peer)
        if self._logins.is_locked(name) or self._peers.is_locked(network) or self._waiting >= self._limits.waiting:
            log.warning("%s: login %.64r from %s is put off", session.id, login, session.peer)
            return R454_LOGIN_LATER
        failures = max(self._logins.add(name), self._peers.add(network))
        try:
            fits = await self._fits(login, password)
        except Exception:
            self._logins.undo(name)
            self._peers.undo(network)
            raise
        if fits:
            self._logins.clear(name)
            # One success takes back one failure only: an attacker's own account must not wash a peer clean.
            self._peers.undo(network)
            log.info("%s: %.64r logged in from %s", session.id, login, session.peer)
            return R235_LOGGED_IN
        log.warning("%s: wrong login %.64r from %s, failure %d", session.id, login, session.peer, failures)
        await self._pause(min(self._limits.first_pause_s * 2 ** min(failures - 1, 30), self._limits.longest_pause_s))
        return R535_BAD_LOGIN

    async def _fits(self, login: str, password: str) -> bool:
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._check, login, password)
        finally:
            self._waiting -= 1

    def _check(self, login: str, password: str) -> bool:
        return verify(password, self._lookup(login), self._cost)

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def network_of(peer: str) -> str:
    """What one attacker can choose from freely: an IPv4 address, or an IPv6 /64."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    return str(address) if address.version == 4 else str(ip_network(f"{address}/64", strict=False))
