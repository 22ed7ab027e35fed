# SPDX-License-Identifier: Apache-2.0
"""The office of one process: name and keys for good, the desk as its last version says.

The desk's version is asked for at most once a second, and again before an address is called unknown: a new address
takes mail as soon as it is applied. Whoever asks while a look is due shares it, so that a flood of unknown recipients
costs no more than LOOKS_PER_S. Looking runs in a thread of its own; the event loop never waits for the store.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from gateway.config import Config
from handlers.dkim_policy import DkimPolicy
from handlers.headers import HeaderLimits
from handlers.inspection import Limits
from handlers.mime_bounds import MimeLimits
from handlers.office import Office
from handlers.subject import AuthenticationPolicy
from handlers.tokens import Keys
from storage import cases, contacts, desk, desk_version, threads
from storage.address import key_of
from storage.database import Database
from storage.desk import AddressRow, Snapshot

FRESH_FOR_S = 1.0
LOOKS_PER_S = 20


class Reception:
    """Gives the office in force; safe for threads."""

    def __init__(self, config: Config, keys: Keys, database: Database) -> None:
        self._config, self._keys, self._database = config, keys, database
        self._office: Office | None = None
        self._checked_at = 0.0
        self._lock = threading.Lock()
        self._looked_at = 0.0
        self._next: asyncio.Task[Office] | None = None
        self._turn = asyncio.Lock()
        self._eyes = ThreadPoolExecutor(1, "reception")  # never behind the mails that are judged in threads

    async def office(self) -> Office:
        """The office, its desk at most a second old."""
        if self._office is not None and time.monotonic() - self._checked_at < FRESH_FOR_S:
            return self._office
        return await self.newest()

    async def newest(self) -> Office:
        """The office with the desk as it is now; all who ask before the next look begins share that look."""
        if self._next is None or self._next.done():
            self._next = asyncio.get_running_loop().create_task(self._look())
            self._next.add_done_callback(_hear)
        return await asyncio.shield(self._next)

    async def _look(self) -> Office:
        """Wait for this look's turn; whoever asks once it has begun gets the one after it."""
        async with self._turn:
            await asyncio.sleep(max(0.0, self._looked_at + 1 / LOOKS_PER_S - time.monotonic()))
            self._next, self._looked_at = None, time.monotonic()
            return await asyncio.get_running_loop().run_in_executor(self._eyes, self.fresh_office)

    def fresh_office(self) -> Office:
        """The office with the desk as it is now."""
        with self._lock:
            known = self._office.desk if self._office is not None else None
            with self._database.read() as unit:
                if known is None or desk_version.version(unit) != known.version:
                    self._office = self.build(desk.snapshot(unit))
            self._checked_at = time.monotonic()
            if self._office is None:
                raise LookupError("the desk could not be read")
            return self._office

    def build(self, snapshot: Snapshot) -> Office:
        """The office of this configuration with this desk."""
        dkim = DkimPolicy(
            min_key_bits=self._config.dkim.min_key_bits,
            max_signatures=self._config.dkim.max_signatures,
            arc=self._config.authentication.arc,
        )
        return Office(
            name=self._config.server.name,
            authserv_id=self._config.server.authserv_id,
            keys=self._keys,
            desk=snapshot,
            authentication=AuthenticationPolicy(dkim, self._config.authentication.upstreams, self._config.policy.dnsbl),
            annotate=self._config.policy.mode == "annotate",
            limits=_limits(self._config, snapshot),
        )


def _limits(config: Config, snapshot: Snapshot) -> Limits:
    limits = config.limits
    return Limits(
        HeaderLimits(limits.max_header_size, limits.max_header_fields),
        MimeLimits(limits.max_mime_depth, limits.max_mime_parts),
        limits.memory_per_mail,
        files=_forbids_attachments(snapshot),
    )


def _forbids_attachments(snapshot: Snapshot) -> bool:
    """Whether anybody looks at what is gathered about them."""
    policies = (snapshot.policy, *(row.value.policy for row in snapshot.addresses.values()))
    return any(one.forbid_attachments for one in policies)


def _hear(look: asyncio.Task[Office]) -> None:
    """Whoever asked may have gone before it failed."""
    if not look.cancelled():
        look.exception()


class StoreLookups:
    """handlers.office.Lookups on the real store."""

    def __init__(self, database: Database, office: Office) -> None:
        self._database, self._office = database, office

    def is_known_contact(self, key: str) -> bool:
        with self._database.read() as unit:
            return contacts.is_known_contact(unit, key)

    def address_of_thread(self, thread_id: str) -> AddressRow | None:
        with self._database.read() as unit:
            found = threads.by_token(unit, thread_id)
            case = cases.of_thread(unit, found) if found is not None else None
        return None if case is None else self._office.routing_addresses.get(key_of(case.routing_address))
