# SPDX-License-Identifier: Apache-2.0
"""casegate as a child process: started, watched through its log until it is ready, stopped, killed.

It leads a process group of its own, so that `kill` ends it and all its processes at one instant, as a power cut does.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.waiting import PATIENCE_S
from tests.support.zygote import Forked, zygote

# What systemd does for a socket unit (sd_listen_fds(3)): descriptors from 3 on, and the id that only the child knows.
_HAND_OVER = """
import fcntl, os, sys
moved = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 100) for number in sys.argv[1].split(",")]
for place, number in enumerate(moved):
    os.dup2(number, 3 + place)
    os.close(number)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


def handing_over(command: Sequence[str], sockets: Mapping[str, socket.socket]) -> tuple[list[str], dict[str, str]]:
    """The command that passes these sockets, by the name of each, as systemd would, and its environment."""
    numbers = ",".join(str(each.fileno()) for each in sockets.values())
    passed = {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(sockets)}
    return [sys.executable, "-c", _HAND_OVER, numbers, *command], passed


Start = Callable[[int], subprocess.Popen[bytes] | Forked]


def executed(
    command: Sequence[str], environment: Mapping[str, str], sockets: Mapping[str, socket.socket] | None = None
) -> Start:
    """A start of this command, with these sockets of systemd's; it writes its standard error into the descriptor."""
    if sockets:
        command, passed = handing_over(command, sockets)
        environment = {**environment, **passed}
    return lambda stderr: subprocess.Popen(
        list(command),
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        start_new_session=True,
        pass_fds=[each.fileno() for each in (sockets or {}).values()],
    )


def forked(words: Sequence[str], environment: Mapping[str, str], stdin: str = "") -> Start:
    """A start of `casegate` with these words, without its imports: what it is then is the same."""

    def start(stderr: int) -> Forked:
        with tempfile.TemporaryFile() as given:
            given.write(stdin.encode())
            given.seek(0)
            return zygote().fork(words, environment, given.fileno(), stderr)

    return start


class Program:
    """One `casegate serve` or `casegate run ROLE`; `log` holds every line it wrote to standard error."""

    def __init__(self, start: Start) -> None:
        self.log: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        said, stderr = os.pipe()
        try:
            self._process = start(stderr)
        except BaseException:
            os.close(said)
            raise
        finally:
            os.close(stderr)
        self._said = open(said, encoding="utf-8", errors="replace")  # noqa: SIM115 - closed after its end
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._said:
            with self._news:
                self.log.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def pid(self) -> int:
        """The supervisor's process id."""
        return self._process.pid

    def children(self) -> list[int]:
        """The processes that it keeps running now."""
        try:
            return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        except OSError:
            return []

    def lines(self, words: str) -> list[str]:
        """The log lines so far that hold these words."""
        with self._news:
            return [line for line in self.log if words in line]

    def errors(self) -> list[str]:
        """The log lines of level error, and whatever is no log line at all, such as a traceback."""
        with self._news:
            return [line for line in self.log if len(line.split()) < 2 or line.split()[1] not in ("info", "warning")]

    def wait_for_line(self, words: str, count: int = 1, timeout_s: float = PATIENCE_S) -> str:
        """Wait until so many log lines hold these words; the last of them. Fails when the program ends before."""

        def found() -> list[str]:
            return [line for line in self.log if words in line]

        with self._news:
            self._news.wait_for(lambda: len(found()) >= count or self._ended, timeout_s)
            if len(found()) < count:
                raise AssertionError(f"no line {words!r} in the log:\n" + "\n".join(self.log[-40:]))
            return found()[count - 1]

    def send(self, signum: int) -> None:
        """A signal to the supervisor alone."""
        self._process.send_signal(signum)

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Ask it to end and wait; returns its exit status."""
        self._process.send_signal(signum)
        return self.wait()

    def wait(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait until it has ended by itself; returns its exit status."""
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it did not end in time:\n" + "\n".join(self.log[-40:])) from None
        self._close()
        return status

    def kill(self) -> None:
        """SIGKILL to all its processes at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._close()

    @property
    def is_running(self) -> bool:
        """Whether the supervisor lives."""
        return self._process.poll() is None

    def _close(self) -> None:
        self._reader.join(PATIENCE_S)
        self._said.close()
