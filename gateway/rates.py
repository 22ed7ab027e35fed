# SPDX-License-Identifier: Apache-2.0
"""The counters of handlers/rates.py in memory that all processes of a host share: made before the supervisor forks.

Enter: budgets by name. Leaves: the one that is used up, or none. A budget is a point in time, up to which it is used
(the generic cell rate algorithm): `mails` come through at once, then one each window / mails. Names stand there as
keyed hashes, so that nobody can choose two that collide. Bounded: in a full bucket the one that has been idle longest
is forgotten, and thus full again. A reload keeps them, a restart forgets them. A clock that was ahead for a while
leaves points that no budget can reach: they are taken back to what a used up budget has.
"""

import hashlib
import mmap
import os
import struct
import threading
from collections.abc import Sequence
from datetime import datetime

from gateway.register import Lock
from handlers.rates import LONGEST_WINDOW_S, Budget

BUCKETS, SLOTS = 8192, 8  # 65,536 budgets: a megabyte
_SLOT = struct.Struct("=Qd")  # the mark of a name, and the instant up to which its budget is used
_BUCKET_OCTETS = SLOTS * _SLOT.size


class SharedRates:
    """handlers.rates.Rates; safe for threads and processes."""

    def __init__(self, buckets: int = BUCKETS) -> None:
        self._buckets = buckets
        self._key = os.urandom(16)
        self._lock, self._turn = Lock("casegate-rates"), threading.Lock()
        self._map = mmap.mmap(-1, buckets * _BUCKET_OCTETS)

    def take(self, budgets: Sequence[Budget], now: datetime) -> Budget | None:
        """Count one mail in each; where one is used up, count nothing and answer that one."""
        at = now.timestamp()
        with self._turn, self._lock:  # a record lock is the process's, not the thread's
            found = [(one, *self._used(one, at)) for one in budgets]
            spent = next((one for one, _, until in found if _is_spent(one, until, at)), None)
            if spent is None:
                for one, place, until in found:
                    self._write(place, one.name, max(until, at) + one.window_s / one.mails)
        return spent

    def close(self) -> None:
        """Give back file and memory of this process."""
        self._map.close()
        self._lock.close()

    def _used(self, budget: Budget, at: float) -> tuple[int, float]:
        """The slot of a budget and the instant up to which it is used, never beyond its window."""
        place, until = self._find(budget.name, at)
        if until > at + budget.window_s:  # the clock has gone back
            until = at + budget.window_s
            self._write(place, budget.name, until)
        return place, until

    def _find(self, name: str, at: float) -> tuple[int, float]:
        """The slot of a name, or the one it may have, and the instant that stands there."""
        mark = self._mark(name)
        start = (mark >> 1) % self._buckets * _BUCKET_OCTETS
        slots = list(_SLOT.iter_unpack(self._map[start : start + _BUCKET_OCTETS]))
        places = [place for place, slot in enumerate(slots) if slot[0] == mark]
        if places:
            return start + places[0] * _SLOT.size, slots[places[0]][1]
        idle = min(range(SLOTS), key=lambda place: _since(slots[place][1], at))
        return start + idle * _SLOT.size, 0.0

    def _write(self, place: int, name: str, until: float) -> None:
        _SLOT.pack_into(self._map, place, self._mark(name), until)

    def _mark(self, name: str) -> int:
        """Never 0, which is an empty slot's."""
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") | 1


def _since(until: float, at: float) -> float:
    """Since when a slot is idle; one that a clock far ahead has written is as good as empty."""
    return until if until <= at + LONGEST_WINDOW_S else 0.0


def _is_spent(budget: Budget, until: float, at: float) -> bool:
    """One more mail must fit into the window that begins now; a thousandth of a mail is rounding."""
    each_s = budget.window_s / budget.mails
    return max(until, at) + each_s > at + budget.window_s + each_s / 1000
