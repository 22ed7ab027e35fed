# SPDX-License-Identifier: Apache-2.0
"""What a running program costs: processor time and resident memory of a process and all below it, from /proc."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")


class Cost(NamedTuple):
    """Processor seconds, and how far the resident memory rose above where it was before, in octets."""

    cpu_s: float
    memory: int


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_s(pids: list[int]) -> float:
    """What all their threads have run, in seconds; finer than the clock ticks of stat."""
    tasks = (task for pid in pids for task in (PROC / str(pid) / "task").iterdir())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident(pids: list[int], what: str = "VmRSS") -> int:
    """Their resident memory in octets, added up; VmHWM is the peak since `forget_peak`."""
    total = 0
    for pid in pids:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
        total += next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{what}:"))
    return total


def forget_peak(pids: list[int]) -> None:
    """Let VmHWM begin anew (proc(5), clear_refs)."""
    for pid in pids:
        (PROC / str(pid) / "clear_refs").write_text("5")


def cost_of(pids: list[int], work: Callable[[], object]) -> Cost:
    """What these processes spend while `work` runs."""
    forget_peak(pids)
    memory, began = resident(pids), cpu_s(pids)
    work()
    return Cost(cpu_s(pids) - began, max(0, resident(pids, "VmHWM") - memory))
