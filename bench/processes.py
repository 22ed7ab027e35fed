# SPDX-License-Identifier: Apache-2.0
"""Private servers: a free port, a start that waits until it answers, a stop that leaves nothing behind."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class NotReady(Exception):
    """A server did not come up, or a program that the bench needs is missing."""


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(name: str) -> str:
    """The path of an installed program."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise NotReady(f"{name} is not installed: run bench/prepare.sh as root")
    return found


def wait_for_port(port: int, *, greeting: bytes = b"") -> None:
    """Return when the port takes connections and says its greeting."""
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as wire:
            if wire.recv(len(greeting)) == greeting if greeting else True:
                return
        time.sleep(0.05)
    raise NotReady(f"nothing answers on port {port} after {START_TIMEOUT_S:.0f} s")


def wait_for_socket(path: Path) -> None:
    """Return when the Unix socket is there."""
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while not path.is_socket():
        if time.monotonic() > give_up_at:
            raise NotReady(f"no socket at {path} after {START_TIMEOUT_S:.0f} s")
        time.sleep(0.05)


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, *, user: str | None = None, stop_by: signal.Signals = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in its own process group; a signal at the end, SIGKILL for what is left after a while."""
    with log.open("ab") as out:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, user=user, start_new_session=True
        )
    try:
        yield server
    finally:
        server.send_signal(stop_by)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def dns(directory: Path, key_file: Path, also: Sequence[str] = ()) -> Iterator[int]:
    """The private DNS on a free port of 127.0.0.1, which it gives, and on the other places (host:port)."""
    port = free_port()
    command = [sys.executable, "-m", "bench.dns", str(key_file), f"127.0.0.1:{port}", *also]
    with running(command, directory / "dns.log"):
        wait_for_port(port)
        yield port


def fresh(directory: Path) -> Path:
    """An empty directory that other users may enter."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True, mode=0o755)
    return directory
