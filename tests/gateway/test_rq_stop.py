# SPDX-License-Identifier: Apache-2.0
"""A worker under RQ ends when it is told to, at whatever moment the word comes."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest
from redis import Redis
from rq.exceptions import StopRequested

from gateway.worker import serve_rq
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.redis


class Idle:
    """A gateway.worker.Worker that has nothing to do."""

    def __init__(self) -> None:
        self.stopping = threading.Event()

    def answer(self, ids: list[str]) -> None:
        """No job comes."""

    def sweep_for_ever(self) -> None:
        """Nothing is due."""
        self.stopping.wait()


class Interrupted(Redis):
    """The process is told to stop while it says the n-th command to Redis; waiting for a job is noted and refused."""

    countdown = 1
    has_waited = False

    def execute_command(self, *words: object, **options: object) -> object:
        if str(words[0]).startswith("BL"):  # BLPOP, BLMOVE: it would wait for minutes
            self.has_waited = True
            raise StopRequested
        self.countdown -= 1
        if self.countdown == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().execute_command(*words, **options)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """The worker takes SIGTERM and SIGINT; pytest wants them back."""
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


# RQ listens for signals only after it has made itself known to Redis: the first commands come before that.
@pytest.mark.parametrize("command", [1, 2, 3])
def test_it_ends_though_the_signal_came_before_rq_listened_for_it(redis_server: RedisServer, command: int):
    connection = Interrupted.from_url(redis_server.url)
    connection.countdown = command
    with connection:
        serve_rq(Idle(), connection, 0.1)
    assert connection.countdown <= 0
    assert not connection.has_waited
