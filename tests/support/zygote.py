# SPDX-License-Identifier: Apache-2.0
"""A process that has loaded casegate and forks it for each start: a start by exec is a second and a half of imports.

Enter: the words of a command line, its environment, standard input and standard error. Leaves: what `python -m gateway`
with these would be, at the head of a session of its own; its end is told over a socket. Fails: whoever is forked when
the zygote has gone hears EOFError.
"""

import atexit
import contextlib
import functools
import importlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REQUEST_OCTETS = 200_000


class Forked:
    """One program; the part of subprocess.Popen that tests need."""

    def __init__(self, told: socket.socket) -> None:
        self._told = told
        self._status: int | None = None
        self.pid = int(self._hear(None))

    def poll(self) -> int | None:
        """Its exit status once it has ended; minus the signal that killed it."""
        try:
            return self.wait(0)
        except subprocess.TimeoutExpired:
            return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        if self._status is None:
            self._status = int(self._hear(timeout))
            self._told.close()
        return self._status

    def send_signal(self, signum: int) -> None:
        """A signal to it alone, if it has not ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def _hear(self, timeout: float | None) -> bytes:
        self._told.settimeout(timeout)
        try:
            word = self._told.recv(100)
        except (TimeoutError, BlockingIOError):
            raise subprocess.TimeoutExpired("casegate", timeout or 0) from None
        if not word:
            raise EOFError("the zygote has gone")
        return word


class Zygote:
    """The side of the tests."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tests.support.zygote", str(theirs.fileno())],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is the tests' alone
            )

    def fork(self, words: Sequence[str], environment: Mapping[str, str], stdin: int, stderr: int) -> Forked:
        """Start `casegate` with these words."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        request = json.dumps([list(words), dict(environment)]).encode()
        with theirs:
            socket.send_fds(self._control, [request], [stdin, stderr, theirs.fileno()])
        return Forked(ours)

    def close(self) -> None:
        """End it; what it has forked lives on."""
        self._control.close()
        self._process.wait()


@functools.cache
def zygote() -> Zygote:
    """That of this run, made when it is first needed."""
    made = Zygote()
    atexit.register(made.close)
    return made


# --- inside -----------------------------------------------------------------------------------------------------------


def load() -> None:
    """All that casegate would load at its start, and the drivers that it loads by the configuration."""
    import psycopg  # noqa: F401
    import rq  # noqa: F401
    import sqlalchemy.dialects.postgresql.psycopg
    import sqlalchemy.dialects.sqlite.pysqlite  # noqa: F401

    import gateway.roles
    import gateway.serve  # noqa: F401
    from gateway.cli import VERBS

    for verb in VERBS.values():
        importlib.import_module(verb.room)


class Nursery:
    """The zygote and the programs that it has forked; each stays unburied, and its id its own, while the tests ask."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._living: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor that tells of its end
        self._ended: dict[socket.socket, int] = {}

    def wait(self) -> list[str]:
        """Returns in each child alone, with its words; ends with the tests."""
        while True:
            for one in select.select([self._control, *self._living, *self._ended], [], [])[0]:
                if one in self._living:
                    self._tell(one)
                elif one in self._ended:
                    self._bury(one)
                elif words := self._fork():
                    return words

    def _fork(self) -> list[str] | None:
        request, numbers, _, _ = socket.recv_fds(self._control, REQUEST_OCTETS, 3)
        if not request:
            os._exit(0)
        told = socket.socket(fileno=numbers.pop())
        child = os.fork()
        if not child:
            told.close()
            return self._become(*json.loads(request), numbers)
        for number in numbers:
            os.close(number)
        self._living[os.pidfd_open(child)] = child, told
        told.send(str(child).encode())
        return None

    def _become(self, words: list[str], environment: dict[str, str], numbers: list[int]) -> list[str]:
        """Nothing of the zygote or of other children stays open here."""
        os.setsid()
        for place, number in zip((0, 2), numbers, strict=True):
            os.dup2(number, place)
            os.close(number)
        for number, (_, told) in self._living.items():
            os.close(number)
            told.close()
        for told in (*self._ended, self._control):
            told.close()
        os.environ.clear()
        os.environ.update(environment)
        return words

    def _tell(self, number: int) -> None:
        child, told = self._living.pop(number)
        os.close(number)
        ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
        with contextlib.suppress(ConnectionError):
            told.send(str(status).encode())
        self._ended[told] = child

    def _bury(self, told: socket.socket) -> None:
        os.waitpid(self._ended.pop(told), 0)
        told.close()


if __name__ == "__main__":
    load()
    sys.argv[1:] = Nursery(socket.socket(fileno=int(sys.argv[1]))).wait()

    from gateway.cli import main

    main()
