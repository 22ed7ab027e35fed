# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.profiled OUT PROGRAM ARGUMENTS` runs a Python program under cProfile, each thread and fork included.

cProfile sees the thread that enabled it, so each thread gets a profile of its own. A process writes OUT.PID when it
ends, an os._exit too. cProfile makes calls dearer: read the order, not the seconds. `top` reads what was written.
"""

import cProfile
import os
import pstats
import runpy
import sys
import threading
from collections.abc import Callable
from io import StringIO
from pathlib import Path

# Where a thread waits, it does not work.
WAITS = (
    "select.epoll",
    "select.select",
    "_thread.lock",
    "_queue.SimpleQueue",
    "time.sleep",
    "posix.wait",
    "posix.read",
)


class Profiles:
    """The profiles of this process's threads."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.all: list[cProfile.Profile] = []

    def watch(self, work: Callable[..., None]) -> Callable[..., None]:
        """The same work, profiled in the thread that does it."""

        def watched(*given: object) -> None:
            self.begin()
            work(*given)

        return watched

    def begin(self) -> None:
        """Profile the calling thread from here on."""
        profile = cProfile.Profile()
        self.all.append(profile)
        profile.enable()

    def begin_again(self) -> None:
        """A fork: what the parent did is not this process's work."""
        sys.setprofile(None)
        self.all.clear()
        self.begin()

    def write(self) -> None:
        """One file for this process."""
        for profile in self.all:
            profile.disable()
        stats = [profile for profile in self.all if profile.getstats()]
        if stats:
            pstats.Stats(*stats, stream=StringIO()).dump_stats(f"{self.out}.{os.getpid()}")


def run(out: str, command: list[str]) -> None:
    """Run the program as __main__ with its own arguments."""
    profiles = Profiles(out)
    leave = os._exit

    def write_and_leave(status: int) -> None:
        profiles.write()
        leave(status)

    os._exit = write_and_leave  # type: ignore[assignment]
    os.register_at_fork(after_in_child=profiles.begin_again)
    threading.Thread.run = profiles.watch(threading.Thread.run)  # type: ignore[method-assign]
    sys.argv = command
    profiles.begin()
    try:
        runpy.run_path(command[0], run_name="__main__")
    finally:
        profiles.write()


def top(out: Path, count: int = 10) -> str:
    """The functions with most time of their own over all processes, waiting left out."""
    files = sorted(str(file) for file in out.parent.glob(out.name + ".*"))
    if not files:
        return f"no profile at {out}"
    stats = pstats.Stats(*files).stats  # type: ignore[attr-defined]
    rows = [(own, calls, where) for where, (_, calls, own, _, _) in stats.items() if not waits(where)]
    total = sum(own for own, _, _ in rows)
    lines = ["| function | own time, s | share | calls |", "|---|---|---|---|"]
    for own, calls, (file, line, name) in sorted(rows, reverse=True)[:count]:
        place = f"{Path(file).parent.name}/{Path(file).name}:{line} {name}" if line else name
        lines.append(f"| `{place}` | {own:.2f} | {own / total:.0%} | {calls} |")
    return "\n".join(lines)


def waits(where: tuple[str, int, str]) -> bool:
    """Is it a function that only waits?"""
    return any(name in where[2] for name in WAITS)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
