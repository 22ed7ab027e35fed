# SPDX-License-Identifier: Apache-2.0
"""The wiring: `serve` runs every role as forked processes under one small supervisor, `run` the processes of one role.

The supervisor binds the sockets, forks, and does nothing else: no thread, no store, no loop, so that forking again is
safe. A process that dies is forked again after a pause; all share the listening sockets. SIGTERM is passed on; whoever
has not finished in time is killed. systemd is told when every process is ready.
"""

import contextlib
import ctypes
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from gateway import credentials, logs, opening, roles, sdnotify
from gateway.config import Config
from gateway.config_errors import ConfigError
from gateway.listener import BUSY, CannotListen, bind
from gateway.units import Endpoint

log = logging.getLogger(__name__)

ROLES = ("mx", "submission", "worker")
GRACE_S = 45.0  # systemd's TimeoutStopSec is longer
RESTART_PAUSE_S = 1.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True, slots=True)
class Post:
    """One process to be kept running: `body` serves until SIGTERM and calls `ready` once it does."""

    name: str
    body: Callable[[Callable[[], None]], None]


def serve(config: Config) -> int:
    """Every role; returns the exit status."""
    return _keep_running(config, ROLES)


def run(config: Config, role: str) -> int:
    """One role; returns the exit status."""
    return _keep_running(config, (role,))


def _keep_running(config: Config, wanted: Sequence[str]) -> int:
    logs.set_up(config.server.log_level, config.server.log_format)
    for role in wanted:
        credentials.check_files(config, role)
    database = opening.open_store(config)
    try:
        opening.open_keys(config, database)
    finally:
        database.close()
    with contextlib.ExitStack() as sockets:
        return Supervisor(_posts(config, wanted, sockets)).run()


def _posts(config: Config, wanted: Sequence[str], open_sockets: contextlib.ExitStack) -> list[Post]:
    posts = []
    if "mx" in wanted and config.mx.listen:
        sockets = _bind_all(config, ("mx", "listen"), open_sockets)
        for number in range(config.mx.processes):
            posts.append(Post(f"mx-{number}", lambda ready: roles.serve_mx(config, sockets, ready)))
    if "submission" in wanted and (config.submission.listen or config.submission.listen_tls):
        clear = _bind_all(config, ("submission", "listen"), open_sockets)
        tls = _bind_all(config, ("submission", "listen_tls"), open_sockets)
        posts.append(Post("submission", lambda ready: roles.serve_submission(config, (clear, tls), ready)))
    if "worker" in wanted:
        for number in range(config.queue.workers):
            posts.append(Post(f"worker-{number}", lambda ready: roles.serve_worker(config, ready)))
    return posts


def _bind_all(config: Config, key: tuple[str, str], open_sockets: contextlib.ExitStack) -> list[socket.socket]:
    bound = []
    endpoints: Sequence[Endpoint] = getattr(getattr(config, key[0]), key[1])
    for index, endpoint in enumerate(endpoints):
        try:
            bound.append(open_sockets.enter_context(bind(str(endpoint))))
        except OSError as error:
            place = f"{config.source}: {key[0]}.{key[1]}[{index}]"
            kind = CannotListen if error.errno in BUSY else ConfigError
            raise kind(f'{place}: cannot listen on "{endpoint}" ({error.strerror}), expected a free port') from None
        log.info("%s.%s: listening on %s", key[0], key[1], _shown(bound[-1]))
    return bound


def _shown(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Supervisor:
    """Keeps posts filled until it is told to stop."""

    def __init__(self, posts: Sequence[Post]) -> None:
        self._posts = posts
        self._running: dict[int, Post] = {}
        self._due: list[tuple[float, Post]] = [(0.0, post) for post in posts]
        self._ready: set[str] = set()
        self._stopping = False
        self._alarm, self._signals = socket.socketpair()
        self._news, self._tell = os.pipe()

    def run(self) -> int:
        """Fork, watch, stop."""
        self._catch_signals()
        while not self._stopping:
            self._fill()
            self._wait(self._pause())
            self._bury()
        sdnotify.stopping()
        log.info("stopping")
        self._end_all()
        self._close()
        return 0

    def _close(self) -> None:
        self._alarm.close()
        self._signals.close()
        os.close(self._news)
        os.close(self._tell)

    def _catch_signals(self) -> None:
        def note(signum: int, _frame: FrameType | None) -> None:
            self._stopping = self._stopping or signum in (signal.SIGTERM, signal.SIGINT)
            with contextlib.suppress(BlockingIOError):
                self._signals.send(b"!")

        self._signals.setblocking(False)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(signum, note)

    def _pause(self) -> float | None:
        if not self._due:
            return None
        return max(0.0, min(at for at, _ in self._due) - time.monotonic())

    def _fill(self) -> None:
        now = time.monotonic()
        for at, post in [entry for entry in self._due if entry[0] <= now]:
            self._due.remove((at, post))
            self._fork(post)

    def _fork(self, post: Post) -> None:
        supervisor = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            self._running[child] = post
            return
        status = 1
        try:
            for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(signum, signal.SIG_DFL)
            _die_with(supervisor)
            self._alarm.close()
            self._signals.close()
            os.close(self._news)
            post.body(lambda: self._report(post))
            status = 0
        except Exception:
            log.exception("%s ends", post.name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _report(self, post: Post) -> None:
        os.write(self._tell, f"{post.name}\n".encode())

    def _wait(self, timeout_s: float | None) -> None:
        """Until a signal, a report or the time to fork again."""
        alarm = self._alarm.fileno()
        readable, _, _ = select.select([alarm, self._news], [], [], timeout_s)
        if alarm in readable:
            self._alarm.recv(4096)
        if self._news in readable:
            was_ready = len(self._ready) == len(self._posts)
            self._ready |= set(os.read(self._news, 4096).decode().split())
            if len(self._ready) == len(self._posts) and not was_ready:
                log.info("ready: %s", ", ".join(post.name for post in self._posts))
                sdnotify.ready(f"{len(self._posts)} processes")

    def _bury(self) -> None:
        """Note who has died, and let them be forked again after a pause."""
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            post = self._running.pop(pid)
            if not self._stopping:
                log.error("%s ended with status %d, starting it again", post.name, os.waitstatus_to_exitcode(status))
                self._due.append((time.monotonic() + RESTART_PAUSE_S, post))

    def _end_all(self) -> None:
        deadline = time.monotonic() + GRACE_S
        self._signal_all(signal.SIGTERM)
        self._bury()
        while self._running and time.monotonic() < deadline:
            self._wait(deadline - time.monotonic())
            self._bury()
        if self._running:
            log.error("killed after %.0f s: %s", GRACE_S, ", ".join(post.name for post in self._running.values()))
            self._signal_all(signal.SIGKILL)

    def _signal_all(self, signum: int) -> None:
        for pid in self._running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signum)


def _die_with(supervisor: int) -> None:
    """A child never outlives its supervisor, not even one that was killed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        os._exit(1)
