# SPDX-License-Identifier: Apache-2.0
"""The supervisor: keeps processes running, and replaces all of them by those of a new configuration.

Enter: a House that plans, and signals. SIGTERM ends everybody in peace, SIGHUP forks the processes of a new plan, and
only when all of them are ready asks the old ones to go, each in its own time. A plan whose processes do not get ready
is dropped, and the old one stays in force. No thread, no store, no loop lives here, so that forking again is safe. Who
has not gone in time is killed. systemd is told when every process is ready.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Protocol

from gateway import sdnotify

log = logging.getLogger(__name__)

GRACE_S = 45.0  # at a stop; longer than a listener's, shorter than systemd's TimeoutStopSec
READY_S = 45.0  # for the processes of a new plan; shorter than systemd's TimeoutStartSec
RESTART_PAUSE_S = 1.0
MAX_LEAVING = 2  # reloads whose old processes may still be finishing their mail when the next one begins
_PR_SET_PDEATHSIG = 1  # prctl(2)
_CAUGHT = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def _nothing(_pid: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Post:
    """One process to be kept running: `body` serves until SIGTERM and calls `ready` once it does.

    `buried` is told the id of each process of this post that has ended. A reload asks it to go by `retires_by` and
    kills it `grace_s` later.
    """

    name: str
    body: Callable[[Callable[[], None]], None]
    buried: Callable[[int], None] = _nothing
    retires_by: signal.Signals = signal.SIGTERM
    grace_s: float = GRACE_S


@dataclass(frozen=True, slots=True)
class Plan:
    """The posts of one configuration. `adopted` is called when it comes into force, `dropped` when it never will."""

    posts: tuple[Post, ...]
    adopted: Callable[[], None]
    dropped: Callable[[], None]


class CannotReload(Exception):
    """The configuration cannot be taken over; the text is one line for the operator."""


class House(Protocol):
    """What the supervisor asks of those who know what is to run."""

    def plan(self) -> Plan:
        """By the configuration as it is now; raises CannotReload, and then nothing has changed."""
        ...

    def leave(self) -> None:
        """Everybody is about to be sent away for good."""
        ...


@dataclass(slots=True)
class _Generation:
    """The processes of one plan: until when they must be ready, and once sent away until when each must be gone."""

    plan: Plan
    ready_by: float
    running: dict[int, Post] = field(default_factory=dict)
    due: list[tuple[float, Post]] = field(default_factory=list)
    ready: set[int] = field(default_factory=set)
    must_go: dict[int, float] = field(default_factory=dict)
    was_ready: bool = False

    def is_ready(self) -> bool:
        """Whether every post has a process that serves."""
        return not self.due and len(self.ready) == len(self.plan.posts)

    def names(self) -> str:
        return ", ".join(post.name for post in self.running.values())

    def signal(self, signum: int) -> None:
        for pid in self.running:
            _send(pid, signum)

    def retire(self) -> None:
        """Ask each process to go, in its own time."""
        now = time.monotonic()
        for pid, post in self.running.items():
            self.must_go[pid] = now + post.grace_s
            _send(pid, post.retires_by)

    def bury(self, pid: int) -> Post:
        """Forget a process that has ended; returns its post."""
        self.ready.discard(pid)
        self.must_go.pop(pid, None)
        return self.running.pop(pid)


def _send(pid: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def _generation(plan: Plan) -> _Generation:
    now = time.monotonic()
    return _Generation(plan, now + READY_S, due=[(now, post) for post in plan.posts])


class Supervisor:
    """Keeps the posts of the plan in force filled until it is told to stop."""

    def __init__(self, house: House, plan: Plan) -> None:
        self._house = house
        self._current = _generation(plan)
        self._next: _Generation | None = None
        self._leaving: list[_Generation] = []
        self._stopping = self._must_reload = self._said_to_wait = False
        self._alarm, self._signals = socket.socketpair()
        self._news, self._tell = os.pipe()

    def run(self) -> int:
        """Fork, watch, reload, stop."""
        self._catch_signals()
        self._current.plan.adopted()
        while not self._stopping:
            self._reload()
            self._fill()
            self._wait(self._pause())
            self._bury()
            self._promote()
            self._hurry()
        sdnotify.stopping()
        log.info("stopping")
        self._end_all()
        self._close()
        return 0

    def _close(self) -> None:
        signal.set_wakeup_fd(-1)
        self._alarm.close()
        self._signals.close()
        os.close(self._news)
        os.close(self._tell)

    def _catch_signals(self) -> None:
        def note(signum: int, _frame: FrameType | None) -> None:
            self._stopping = self._stopping or signum in (signal.SIGTERM, signal.SIGINT)
            self._must_reload = self._must_reload or signum == signal.SIGHUP

        # The kernel's side of a handler writes: one that comes just before select would else be heard when select ends.
        self._signals.setblocking(False)
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        for signum in _CAUGHT:
            signal.signal(signum, note)

    def _everybody(self) -> list[_Generation]:
        return [self._current, *([self._next] if self._next is not None else []), *self._leaving]

    # --- reloading

    def _reload(self) -> None:
        """However many SIGHUPs came meanwhile: one reload at a time, and few at once that still drain."""
        if not self._must_reload or self._next is not None:
            return
        if len(self._leaving) >= MAX_LEAVING:
            if not self._said_to_wait:
                names = ", ".join(generation.names() for generation in self._leaving)
                log.warning("the reload waits for old processes that are finishing their mail: %s", names)
            self._said_to_wait = True
            return
        self._must_reload = self._said_to_wait = False
        sdnotify.reloading()
        try:
            self._next = _generation(self._house.plan())
        except CannotReload as error:
            self._refuse(str(error))
        except Exception:
            log.exception("the configuration could not be read again")
            self._refuse("see the line before")

    def _refuse(self, reason: str) -> None:
        log.error("not reloaded, the old configuration stays in force: %s", reason)
        sdnotify.ready("not reloaded, the old configuration stays in force")

    def _promote(self) -> None:
        """Once the new processes are ready the old ones may go; what nobody listens on any more is closed first."""
        if not self._current.was_ready and self._current.is_ready():
            self._announce(self._current)
        if self._next is None or not self._next.is_ready():
            return
        old, self._current, self._next = self._current, self._next, None
        self._current.plan.adopted()
        self._send_away(old)
        self._announce(self._current)

    def _announce(self, generation: _Generation) -> None:
        generation.was_ready = True
        log.info("ready: %s", ", ".join(post.name for post in generation.plan.posts))
        sdnotify.ready(f"{len(generation.plan.posts)} processes")

    def _drop(self, reason: str) -> None:
        generation, self._next = self._next, None
        if generation is not None:
            generation.plan.dropped()
            self._send_away(generation)
            self._refuse(reason)

    def _send_away(self, generation: _Generation) -> None:
        generation.due.clear()
        generation.retire()
        if generation.running:
            self._leaving.append(generation)

    def _hurry(self) -> None:
        """Give up on new processes that do not get ready, and kill old ones that do not go."""
        now = time.monotonic()
        if self._next is not None and self._next.ready_by <= now:
            self._drop(f"not ready after {READY_S:.0f} s: {self._next.names()}")
        for generation in self._leaving:
            for pid in [pid for pid, at in generation.must_go.items() if at <= now]:
                post = generation.running[pid]
                log.error("killed after %.0f s: %s", post.grace_s, post.name)
                generation.must_go[pid] = now + GRACE_S
                _send(pid, signal.SIGKILL)

    # --- forking

    def _pause(self) -> float | None:
        """How long nothing will be due."""
        instants = [at for at, _ in self._current.due]
        instants += [self._next.ready_by] if self._next is not None else []
        instants += [at for generation in self._leaving for at in generation.must_go.values()]
        return max(0.0, min(instants) - time.monotonic()) if instants else None

    def _fill(self) -> None:
        now = time.monotonic()
        for generation in self._everybody():
            for at, post in [entry for entry in generation.due if entry[0] <= now]:
                generation.due.remove((at, post))
                self._fork(generation, post)

    def _fork(self, generation: _Generation, post: Post) -> None:
        supervisor = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _CAUGHT)  # a child must not take one for the supervisor's
        child = os.fork()
        if child:
            generation.running[child] = post
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _CAUGHT)
            return
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for signum in _CAUGHT:
                signal.signal(signum, signal.SIG_IGN if signum == signal.SIGHUP else signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _CAUGHT)
            _die_with(supervisor)
            self._alarm.close()
            self._signals.close()
            os.close(self._news)
            post.body(self._report)
            status = 0
        except Exception:
            log.exception("%s ends", post.name)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _report(self) -> None:
        os.write(self._tell, f"{os.getpid()}\n".encode())

    def _wait(self, timeout_s: float | None) -> None:
        """Until a signal, a report or the time to do something."""
        alarm = self._alarm.fileno()
        readable, _, _ = select.select([alarm, self._news], [], [], timeout_s)
        if alarm in readable:
            self._alarm.recv(4096)
        if self._news in readable:
            for pid in map(int, os.read(self._news, 4096).split()):
                for generation in self._everybody():
                    if pid in generation.running:
                        generation.ready.add(pid)

    # --- burying

    def _bury(self) -> None:
        """Note who has died; whoever was wanted is forked again after a pause."""
        while any(generation.running for generation in self._everybody()):
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            generation = next((one for one in self._everybody() if pid in one.running), None)
            if generation is None:  # as the first process of a container we inherit strangers
                continue
            post = generation.bury(pid)
            post.buried(pid)
            self._mourn(generation, post, os.waitstatus_to_exitcode(status))

    def _mourn(self, generation: _Generation, post: Post, status: int) -> None:
        if self._stopping:
            return
        if generation is self._current:
            log.error("%s ended with status %d, starting it again", post.name, status)
            generation.due.append((time.monotonic() + RESTART_PAUSE_S, post))
        elif generation is self._next:
            self._drop(f"{post.name} ended with status {status}")
        else:
            self._leaving = [one for one in self._leaving if one.running]

    def _end_all(self) -> None:
        deadline = time.monotonic() + GRACE_S
        self._house.leave()
        for generation in self._everybody():
            generation.signal(signal.SIGTERM)
        self._bury()
        while any(one.running for one in self._everybody()) and time.monotonic() < deadline:
            self._wait(deadline - time.monotonic())
            self._bury()
        for generation in self._everybody():
            if generation.running:
                log.error("killed after %.0f s: %s", GRACE_S, generation.names())
                generation.signal(signal.SIGKILL)


def _die_with(supervisor: int) -> None:
    """A child never outlives its supervisor, not even one that was killed."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        os._exit(1)
