# SPDX-License-Identifier: Apache-2.0
"""The bell: tells workers that something is due, without ever making anybody wait. Any ring may be lost.

Enters: ids of accepted messages, or none for an outbox row. Two bells: an RQ job in Redis that carries the ids of what
was waiting, and a datagram to casegate's own workers, which look for themselves. A bell that cannot ring says so in
the log once a minute; the sweep finds the rows.
"""

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry as RedisRetry
from rq import Queue, Retry

log = logging.getLogger(__name__)

QUEUE_NAME = "casegate"
JOB = "gateway.jobs.route"
IDS_A_JOB = 100
JOB_TIMEOUT_S = 180
FAILURE_TTL_S = 3600
REDIS_TIMEOUT_S = 2.0
COMPLAIN_EVERY_S = 60.0


class Bell(Protocol):
    """What the listeners and the jobs need of a bell."""

    def ring(self, ids: Sequence[str]) -> None:
        """Something is due: these messages, or with no ids an outbox row."""
        ...

    def close(self) -> None:
        """Ring what is waiting, then stop."""
        ...


class BellThread:
    """Rings in a thread of its own; what is rung meanwhile goes into the next ring together."""

    def __init__(self, strike: Callable[[list[str]], None]) -> None:
        self._strike = strike
        self._waiting: queue.SimpleQueue[Sequence[str] | None] = queue.SimpleQueue()
        self._complained_at = -COMPLAIN_EVERY_S
        self._thread = threading.Thread(target=self._run, name="bell", daemon=True)
        self._thread.start()

    def ring(self, ids: Sequence[str]) -> None:
        self._waiting.put(ids)

    def close(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            first = self._waiting.get()
            ids, is_last = list(first or ()), first is None
            while not is_last and len(ids) < IDS_A_JOB:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                is_last = more is None
                ids += more or ()
            if first is not None:
                self._try(ids)

    def _try(self, ids: list[str]) -> None:
        try:
            self._strike(ids)
        except (RedisError, OSError) as error:
            if time.monotonic() - self._complained_at >= COMPLAIN_EVERY_S:
                self._complained_at = time.monotonic()
                log.warning("the bell cannot be rung, the sweep will find the rows: %s", error)


def redis_connection(url: str) -> Redis:
    """A producer's connection: no retries, for a timed-out push may have arrived (dependencies G12)."""
    return Redis.from_url(
        url,
        retry=RedisRetry(NoBackoff(), 0),
        socket_timeout=REDIS_TIMEOUT_S,
        socket_connect_timeout=REDIS_TIMEOUT_S,
    )


def rq_bell(url: str) -> BellThread:
    """Rings by an RQ job with the ids; JSON only, and nothing of the job is kept when it is done (G11, G13)."""
    jobs = Queue(QUEUE_NAME, connection=redis_connection(url), serializer="json")

    def strike(ids: list[str]) -> None:
        jobs.enqueue(
            JOB,
            ids,
            retry=Retry(max=3),
            result_ttl=0,
            failure_ttl=FAILURE_TTL_S,
            job_timeout=JOB_TIMEOUT_S,
            description="route",
        )

    return BellThread(strike)


class Doors:
    """The doorbells of casegate's own workers: one datagram socket a worker process in one directory.

    The directory is named by its descriptor, for a Unix socket's path may have 107 octets only.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, exist_ok=True)
        self._directory = directory
        self._handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextmanager
    def bell(self) -> Iterator[socket.socket]:
        """This process's own doorbell, for as long as it listens."""
        name = f"worker-{os.getpid()}.sock"
        self._take_off(name)  # a process that was killed, with the same id: in a container they come again
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.bind(f"/proc/self/fd/{self._handle}/{name}")
            bell.setblocking(False)
            try:
                yield bell
            finally:
                self._take_off(name)

    def strike(self, _: list[str]) -> None:
        """Wake every worker; one that has rings waiting needs none, and one that has died rings no more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as striker:
            striker.setblocking(False)
            for name in os.listdir(self._handle):
                try:
                    striker.sendto(b"!", f"/proc/self/fd/{self._handle}/{name}")
                except ConnectionRefusedError:
                    self._take_off(name)
                except (BlockingIOError, FileNotFoundError):
                    continue

    def _take_off(self, name: str) -> None:
        """Others may be doing the same."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)


def own_bell(doors: Doors) -> BellThread:
    """Rings by waking casegate's own workers."""
    return BellThread(doors.strike)
