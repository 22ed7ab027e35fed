# SPDX-License-Identifier: Apache-2.0
"""Sends the outbox: a thread with its own loop, so that a slow remote host never keeps a mail from being routed.

It takes what is due by lease, as many at once as configured, and sends each mail in the groups that the route names,
for the MX route one a domain. Each group is settled as soon as it has ended, in the next commit group. The leases of
all that is under way are renewed together, so no remote is too slow for one attempt; what this process took and did not
settle comes back when the lease ends.
"""

import asyncio
import logging
import random
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gateway import leaving
from gateway.jobs import Tools
from gateway.promise import keep
from gateway.routes.responses import R451_UNREADABLE
from handlers import settling
from handlers.contents import Content, Unreadable
from handlers.ports import Departure, Route
from handlers.schedule import Schedule
from storage import outbox
from storage.outbox import Taken
from storage.response import R451_TRY_LATER, Response
from storage.states import Move

log = logging.getLogger(__name__)

RENEWALS = 3  # in one lease: two may fail

_Load = asyncio.Task[tuple[Any, Content]]


@dataclass(frozen=True, slots=True)
class Terms:
    """How delivery goes about it; `period_s` is the sweep's."""

    schedule: Schedule
    lease: timedelta
    concurrency: int
    period_s: float


class Deliverer:
    """Runs until `stop`; `wake` makes it look at once."""

    def __init__(self, tools: Tools, route: Route, terms: Terms) -> None:
        self._tools, self._route, self._terms = tools, route, terms
        self._database, self._clock = tools.database, tools.clock
        self._committer = tools.committer
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        self._stopping = False
        self._busy: set[asyncio.Task[None]] = set()
        self._under_way: dict[int, Taken] = {}
        self._thread = threading.Thread(target=self._run, name="deliverer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something may be due; safe from any thread."""
        self._loop.call_soon_threadsafe(self._wake.set)

    def stop(self) -> None:
        """Take nothing more, finish what is under way, then end."""
        self._stopping = True
        self.wake()
        self._thread.join()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        renewing = self._loop.create_task(self._keep_leases())
        while not self._stopping:
            self._wake.clear()
            try:
                is_more = await self._take()
            except Exception:
                log.exception("the outbox cannot be read, trying again in a moment")
                is_more = False
            if not is_more or len(self._busy) >= self._terms.concurrency:
                await self._pause()
        if self._busy:
            await asyncio.wait(self._busy)
        renewing.cancel()

    async def _keep_leases(self) -> None:
        """Renew what is under way in good time, until cancelled."""
        while True:
            await asyncio.sleep(self._terms.lease.total_seconds() / RENEWALS)
            if self._under_way:
                await self._renew(tuple(self._under_way.values()))

    async def _renew(self, taken: Sequence[Taken]) -> None:
        now, lease = self._clock.now(), self._terms.lease
        try:
            await keep(self._committer, Move.TAKE, lambda unit: outbox.renew(unit, taken, now, lease))
        except Exception:
            log.exception("the leases in the outbox cannot be renewed, trying again in a moment")

    async def _pause(self) -> None:
        """Until something is due, a place is free or the sweep's period is over."""
        woken = asyncio.ensure_future(self._wake.wait())
        full = len(self._busy) >= self._terms.concurrency
        waited = {woken, *self._busy} if full else {woken}
        await asyncio.wait(waited, timeout=self._terms.period_s, return_when=asyncio.FIRST_COMPLETED)
        woken.cancel()

    async def _take(self) -> bool:
        free = self._terms.concurrency - len(self._busy)
        if free <= 0:
            return False
        now, lease = self._clock.now(), self._terms.lease
        if not await asyncio.to_thread(self._is_due):
            return False
        taken = await keep(self._committer, Move.TAKE, lambda unit: outbox.take(unit, now, lease, free))
        mails: dict[int, list[Taken]] = defaultdict(list)
        for one in taken:
            mails[one.outbox_id].append(one)
        for outbox_id, recipients in mails.items():
            self._begin(outbox_id, {one.address: one for one in recipients})
        return len(taken) == free

    def _begin(self, outbox_id: int, recipients: Mapping[str, Taken]) -> None:
        """One task for each group of a mail's recipients; the mail is loaded once for all of them."""
        load = self._loop.create_task(asyncio.to_thread(leaving.load, self._database, outbox_id))
        for group in self._route.groups(tuple(recipients)):
            task = self._loop.create_task(self._deliver(load, [recipients[address] for address in group]))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)

    def _is_due(self) -> bool:
        """Look without the write lock before taking with it."""
        with self._database.read() as unit:
            return outbox.is_due(unit, self._clock.now())

    async def _deliver(self, load: _Load, recipients: Sequence[Taken]) -> None:
        self._under_way.update((one.recipient_id, one) for one in recipients)
        try:
            responses = await self._attempt(load, recipients)
            await asyncio.gather(*(self._settle(one, responses[one.address]) for one in recipients))
        except Exception:
            log.exception("outbox row %d is left to its lease", recipients[0].outbox_id)
        finally:
            for one in recipients:
                del self._under_way[one.recipient_id]

    async def _attempt(self, load: _Load, recipients: Sequence[Taken]) -> dict[str, Response]:
        """A content that is damaged may be restored from a backup while the schedule lasts."""
        addresses = tuple(one.address for one in recipients)
        try:
            row, content = await load
        except Unreadable as error:
            log.error("a mail to %s cannot be sent: %s", ", ".join(addresses), error)
            return dict.fromkeys(addresses, R451_UNREADABLE)
        departure = Departure(
            name=row.name,
            reverse_path=row.reverse_path or None,
            recipients=addresses,
            content=content,
            ret=row.ret,
            envid=row.name if row.envid else "",  # the agent's own may name their machine
            wishes={one.address: one.wish for one in recipients if one.wish.notify or one.wish.orcpt},
        )
        return await self._send(departure)

    async def _send(self, departure: Departure) -> dict[str, Response]:
        try:
            responses = await self._route.send(departure)
        except Exception:
            log.exception("outbox row %s could not be sent", departure.name)
            responses = {}
        return {address: responses.get(address, R451_TRY_LATER) for address in departure.recipients}

    async def _settle(self, taken: Taken, response: Response) -> None:
        ending = settling.Ending(
            taken=taken,
            response=response,
            schedule=self._terms.schedule,
            jitter=random.random(),  # noqa: S311 (spreads retries, guards nothing)
            office=await self._tools.reception.office(),
            signer=self._tools.signer,
            now=self._clock.now(),
        )
        outcome = await keep(self._committer, Move.SETTLE, lambda unit: settling.settle(unit, ending))
        log.info("outbox: %s %s: %s", taken.address, outcome, response)
        if outcome == "failed":
            self._wake.set()
