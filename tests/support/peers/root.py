# SPDX-License-Identifier: Apache-2.0
"""A mail server of Debian in a root directory of its own, which tests/peers/unpack.sh made under var/peers.

Each run works in a copy, so that queues and logs are its own; `close` kills whatever still runs in there. Enters: the
package's name, files of the configuration. Leaves: programs by chroot. Needs root, else `available` says what to do.
"""

import contextlib
import os
import shutil
import signal
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.program import Program, executed
from tests.support.smtp_client import RawClient
from tests.support.waiting import wait_until

STORE = Path(__file__).parent.parent.parent.parent / "var/peers"
CHROOT = "/usr/sbin/chroot"
# Character devices as Linux numbers them.
DEVICES = {"null": (1, 3), "zero": (1, 5), "random": (1, 8), "urandom": (1, 9)}
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def lacking(name: str) -> str:
    """Why this peer cannot run here; empty when it can."""
    if os.geteuid() != 0:
        return f"{name} runs in a root directory of its own, which needs root: run make test as root"
    return "" if (STORE / name).is_dir() else f"{name} is not unpacked: run tests/prepare.sh as root"


class Root:
    """A private copy of var/peers/NAME in `directory`, with the users the programs ask for (name -> number)."""

    def __init__(self, name: str, directory: Path, users: Mapping[str, int]) -> None:
        self.directory = directory = directory.resolve()  # as /proc names it
        self.users = {"root": 0, **users, "nobody": 65534}
        self.programs: list[Program] = []
        clear(directory)
        shutil.copytree(STORE / name, directory, symlinks=True)
        directory.chmod(0o755)
        for device, numbers in DEVICES.items():
            path = directory / "dev" / device
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(*numbers))
            path.chmod(0o666)
        rows = self.users.items()
        self.write("/etc/passwd", "".join(f"{user}:x:{n}:{n}::/nonexistent:/bin/false\n" for user, n in rows))
        self.write("/etc/group", "".join(f"{user}:x:{n}:\n" for user, n in rows))
        self.write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n")

    @property
    def version(self) -> str:
        """The version of the Debian package."""
        return self.read("/version").strip()

    def path(self, inside: str) -> Path:
        """The path from outside of a path as the programs in there see it."""
        return self.directory / inside.lstrip("/")

    def write(self, inside: str, text: str) -> None:
        """A file that everybody in there may read."""
        self.path(inside).parent.mkdir(parents=True, exist_ok=True)
        self.path(inside).write_text(text)

    def read(self, inside: str) -> str:
        """What a file holds, such as a log; empty where there is none."""
        path = self.path(inside)
        return path.read_text("utf-8", "backslashreplace") if path.exists() else ""

    def make(self, inside: str, user: str, mode: int = 0o755) -> None:
        """A directory of one of the users."""
        path = self.path(inside)
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, self.users[user], self.users[user])
        path.chmod(mode)

    def call(self, *command: str) -> str:
        """One program that must succeed; its standard output."""
        done = subprocess.run([CHROOT, self.directory, *command], capture_output=True, text=True, env=ENVIRONMENT)
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, port: int, *command: str) -> Program:
        """A server that stays in the foreground, once it greets on its port."""
        program = Program(executed([CHROOT, str(self.directory), *command], ENVIRONMENT))
        self.programs.append(program)
        wait_until(lambda: not program.is_running or greets(port), f"a greeting on port {port}")
        assert program.is_running, "\n".join(program.log)
        return program

    def output(self) -> str:
        """What the servers wrote to standard error."""
        return "\n".join(line for program in self.programs for line in program.log)

    def close(self) -> None:
        """End what runs in this root and remove the files."""
        for program in self.programs:
            with contextlib.suppress(AssertionError):
                program.stop()
        clear(self.directory)


def clear(directory: Path) -> None:
    """Remove a root, also one that a killed run left; first kill what runs in it, whatever process group it made."""
    if directory.exists():
        wait_until(lambda: not _kill(directory), f"the end of what runs in {directory}")
        shutil.rmtree(directory)


def _kill(directory: Path) -> list[int]:
    found = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdecimal() and _is_within(one, directory)]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _is_within(process: Path, directory: Path) -> bool:
    try:
        inside = Path(os.readlink(process / "root"))
    except OSError:  # it has ended
        return False
    return inside == directory or directory in inside.parents


def greets(port: int) -> bool:
    """Whether an SMTP server answers on this port of loopback."""
    try:
        with RawClient(("127.0.0.1", port)) as client:
            return client.greeting is not None and client.greeting.code == 220
    except OSError:
        return False
