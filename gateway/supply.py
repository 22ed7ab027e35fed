# SPDX-License-Identifier: Apache-2.0
"""Whether there is room to take another mail: space and inodes under the store, and how long its commits wait.

Enters: the directories that must not fill up, and the age of the oldest work of the group committer. Leaves: a 452
that the client hears before it sends the content, and a line a minute in the log. Looks at the disk once a second.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.response import R452_NO_STORAGE, Response

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
LOG_EVERY_S = 60.0
MIN_FREE_INODES = 100  # SQLite makes a handful of files; some file systems count none and say 0 of 0


@dataclass(frozen=True, slots=True)
class Floor:
    """Below this, mail waits with its senders."""

    free_octets: int
    slow_s: float


class Supply:
    """What the store of one process can take now."""

    def __init__(self, places: Sequence[Path], oldest_s: Callable[[], float], floor: Floor) -> None:
        self._places, self._oldest_s, self._floor = tuple(dict.fromkeys(places)), oldest_s, floor
        self._looked_at = self._said_at = float("-inf")
        self._lack = ""

    def refusal(self) -> Response | None:
        """The answer to whoever begins a mail while there is no room for it."""
        lack = self._disk() or self._store()
        if not lack:
            return None
        self._say(lack)
        return R452_NO_STORAGE

    def _disk(self) -> str:
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self._lack = next(filter(None, map(self._lack_of, self._places)), "")
        return self._lack

    def _lack_of(self, place: Path) -> str:
        try:
            found = os.statvfs(place)
        except OSError as error:
            return f"{place}: {error.strerror}"
        free = found.f_bavail * found.f_frsize
        if free < self._floor.free_octets:
            least = self._floor.free_octets // 1_000_000
            return f"{place}: {free // 1_000_000} MB free, limits.min_free_disk is {least} MB"
        if found.f_files and found.f_favail < MIN_FREE_INODES:
            return f"{place}: {found.f_favail} inodes free"
        return ""

    def _store(self) -> str:
        waited_s = self._oldest_s()
        return f"a commit has waited for {waited_s:.0f} s" if waited_s > self._floor.slow_s else ""

    def _say(self, lack: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= LOG_EVERY_S:
            self._said_at = now
            log.error("no mail is taken: %s", lack)
