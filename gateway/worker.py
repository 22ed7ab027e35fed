# SPDX-License-Identifier: Apache-2.0
"""A worker process: routes messages, delivers the outbox, sweeps. With Redis its main thread serves RQ, else it waits
at its own doorbell; the jobs are the same.

The sweep runs every period whatever the bell does, and takes every row whose lease or due time has passed. Redis may be
away for as long as it likes: only the bell is silent then.
"""

import logging
import select
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested

from gateway.bell import QUEUE_NAME, Doors
from gateway.deliverer import Deliverer
from gateway.jobs import DOORS, Jobs

log = logging.getLogger(__name__)

TIDY_EVERY_SWEEPS = 60
RINGS_OCTETS = 64


class Worker:
    """The work of one process; `stop` may be called from a signal handler."""

    def __init__(self, jobs: Jobs, deliverer: Deliverer, period_s: float) -> None:
        self._jobs, self._deliverer, self._period_s = jobs, deliverer, period_s
        self._lock = threading.Lock()  # jobs of the bell and of the sweep take turns
        self.stopping = threading.Event()
        self._sweeps = 0

    def answer(self, ids: list[str]) -> None:
        """The bell rang: route these, and look into the outbox."""
        if ids:
            with self._lock:
                self._jobs.route(ids)
        self._deliverer.wake()

    def sweep(self) -> bool:
        """Take what is due, rung or not; returns whether there was anything."""
        try:
            with self._lock:
                worked = self._jobs.route_due() + self._jobs.assign_waiting() + self._jobs.hand_over()
                worked += self._jobs.age() + self._jobs.tell() + self._jobs.probe()
        except Exception:
            log.exception("the sweep failed, the next one tries again")
            return False
        if worked:
            self._deliverer.wake()
        return bool(worked)

    def tidy(self) -> None:
        """Now and then, with the sweep."""
        self._sweeps += 1
        if self._sweeps % TIDY_EVERY_SWEEPS == 1:
            try:
                with self._lock:
                    self._jobs.tidy()
            except Exception:
                log.exception("old rows could not be deleted, the next time tries again")

    def sweep_for_ever(self) -> None:
        """For a thread beside RQ."""
        while not self.stopping.wait(self._period_s):
            self.tidy()
            while self.sweep() and not self.stopping.is_set():
                pass


def serve_own(worker: Worker, doors: Doors, period_s: float) -> None:
    """Without Redis: sleep until the doorbell or the sweep's period, then take everything that is due."""
    wake_up, alarm = socket.socketpair()
    with doors.bell() as bell, wake_up, alarm, _woken_by_signals(alarm):
        _on_stop(worker.stopping.set)
        while not worker.stopping.is_set():
            worker.tidy()
            while worker.sweep() and not worker.stopping.is_set():
                _drain(bell)
            worker.answer([])
            select.select([bell, wake_up], [], [], period_s)
            _drain(bell)


class _Listener(SimpleWorker):
    """RQ's worker, which tells ours when it is asked to stop: otherwise it also ends when Redis goes away."""

    stopping: threading.Event

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """A second signal hurries nobody: what is under way is finished, and the supervisor has its own patience."""

    def _install_signal_handlers(self) -> None:
        """A signal that came while RQ made itself known to Redis is not forgotten: its loop looks here first."""
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        self._stop_requested = self.stopping.is_set()


def serve_rq(worker: Worker, connection: Redis, period_s: float) -> None:
    """With Redis: RQ's simple worker in this thread, the sweep in another; a lost Redis is waited for."""
    DOORS["route"] = worker.answer
    sweeper = threading.Thread(target=worker.sweep_for_ever, name="sweep", daemon=True)
    sweeper.start()
    while not worker.stopping.is_set():
        _on_stop(worker.stopping.set)
        try:
            _listen(worker.stopping, connection, period_s)
        except StopRequested:
            worker.stopping.set()
        except (RedisError, OSError) as error:
            log.warning("Redis is away, the sweep goes on: %s", error)
        worker.stopping.wait(period_s)
    sweeper.join()


def _listen(stopping: threading.Event, connection: Redis, period_s: float) -> None:
    jobs = Queue(QUEUE_NAME, connection=connection, serializer="json")
    listener = _Listener([jobs], connection=connection, serializer="json", log_job_description=False)
    listener.stopping = stopping
    listener.max_connection_wait_time = period_s  # RQ would wait for up to a minute before it asks Redis again
    listener.work(logging_level="WARNING")


def _drain(bell: socket.socket) -> None:
    """Rings that came meanwhile are one ring."""
    try:
        while True:
            bell.recv(RINGS_OCTETS)
    except BlockingIOError:
        return


def _on_stop(stop: Callable[[], None]) -> None:
    """At the first signal; a further one, also after the work has ended, changes nothing."""

    def handle(_signum: int, _frame: FrameType | None) -> Any:
        stop()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


@contextmanager
def _woken_by_signals(alarm: socket.socket) -> Iterator[None]:
    """Each signal is written here at once, also one that comes just before a select, whose handler runs after it."""
    alarm.setblocking(False)
    before = signal.set_wakeup_fd(alarm.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
