# SPDX-License-Identifier: Apache-2.0
"""The register of a listener: what all its processes hold together, in memory that they share.

Made by the supervisor before it forks. Enter: connections, whose they are, octets they reserve. Leave: yes, no, and how
much is used. A slot for each connection; addresses and subnets stand there as keyed hashes, so that nobody can choose
two that collide. Who has lost a slot changes nothing at it any more: each claim to it has a number of its own. A
process that dies between any two writes leaves its slots taken and no worse: the kernel frees its lock, and the
supervisor clears its slots. One thread of a process may use it.
"""

import array
import fcntl
import hashlib
import mmap
import os
import sys
import weakref
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

MARK_OCTETS = 8
IPV4_SUBNET_BITS, IPV6_SUBNET_BITS = 24, 64

_HEAD = b"\xff"  # begins each mark and stands nowhere else in one: a search finds whole marks, never two halves
_NEVER_HEAD = bytes.maketrans(_HEAD, b"\xfe")
_TAKEN = 1


class Full(Enum):
    """Which bound is reached."""

    CONNECTIONS = "connections"
    ADDRESS = "connections of one address"
    SUBNET = "connections of one subnet"


@dataclass(frozen=True, slots=True)
class Caps:
    """Connections at once of one address, and of one /24 or /64."""

    address: int
    subnet: int


class Claim(NamedTuple):
    """A slot, and the how manyth holder of it this is."""

    slot: int
    number: int


class Used(NamedTuple):
    """What all processes hold at this instant."""

    slots: int
    octets: int


class Lock:
    """A record lock belongs to the process, not to the inherited file, and dies with it (flock would be shared)."""

    def __init__(self, name: str = "casegate-register") -> None:
        self.file = os.memfd_create(name)
        self.close = weakref.finalize(self, os.close, self.file)

    def __enter__(self) -> None:
        fcntl.lockf(self.file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self.file, fcntl.LOCK_UN)


class Register:
    """`slots` connections at once, whichever process has them; free slots hold zeros in all regions but the claims.

    Each kind of value has a region of its own, so that counting is one search in C. A slot counts as taken by its
    last write on entering and its last on leaving; the total of the octets can be made again from the slots.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._key = os.urandom(16)
        self._lock = Lock()
        self._subnets = MARK_OCTETS * slots  # offsets; the region of the addresses begins at 0
        self._octets = 2 * MARK_OCTETS * slots
        self._total = self._octets + 8 * slots
        self._pids = self._total + 8
        self._claims = self._pids + 4 * slots
        self._taken = self._claims + 4 * slots
        self._end = self._taken + slots
        self._map = mmap.mmap(-1, self._end)

    def close(self) -> None:
        """Give back file and memory of this process."""
        self._map.close()
        self._lock.close()

    def enter(self) -> Claim | None:
        """Take a slot for a connection of this process; None when there is none."""
        with self._lock:
            at = self._map.find(b"\0", self._taken, self._end)
            if at < 0:
                return None
            slot = at - self._taken
            self._put(self._pids + 4 * slot, os.getpid(), 4)
            claim = self._claim(slot)
            self._map[at] = _TAKEN
        return claim

    def name(self, claim: Claim, peer: str, caps: Caps) -> Full | None:
        """Say whose connection it is, an IP address; answers the bound that forbids it, and then says nothing."""
        address, subnet = self._marks(peer)
        with self._lock:
            full = self._reached(address, subnet, caps) if self._is_held(claim) else Full.CONNECTIONS
            if full is None:
                self._write_marks(claim.slot, address, subnet)
        return full

    def full(self, peer: str, caps: Caps) -> Full | None:
        """Which bound forbids one more connection of this address; a look without the lock."""
        return self._reached(*self._marks(peer), caps)

    def leave(self, claim: Claim) -> None:
        """Give a slot back with all that it has reserved."""
        with self._lock:
            if self._is_held(claim):
                self._free(claim.slot)

    def vacate(self, claim: Claim) -> Claim | None:
        """Forget whose slot it is and what it reserved; it stays taken by this process, for the next connection."""
        with self._lock:
            if not self._is_held(claim):
                return None
            self._empty(claim.slot)
            return self._claim(claim.slot)

    def reserve(self, claim: Claim, octets: int, limit: int) -> bool:
        """Add to what this connection holds in memory, unless all together would hold more than `limit`."""
        with self._lock:
            total = self._get(self._total, 8) + octets
            if total > limit or not self._is_held(claim):
                return False
            self._hold(claim.slot, octets)
        return True

    def release(self, claim: Claim, octets: int) -> None:
        """Take back what was reserved."""
        with self._lock:
            if self._is_held(claim):
                self._hold(claim.slot, -min(octets, self._get(self._octets + 8 * claim.slot, 8)))

    def used(self) -> Used:
        """A look without the lock; it may be one step old."""
        return Used(self._map[self._taken : self._end].count(_TAKEN), self._get(self._total, 8))

    def clear(self, pid: int) -> None:
        """The supervisor's word that this process is dead: its slots are free."""
        with self._lock:
            pids = array.array("I", self._map[self._pids : self._claims])
            for slot, owner in enumerate(pids):
                if owner == pid:
                    self._free(slot)
            held = array.array("Q", self._map[self._octets : self._total])
            self._put(self._total, sum(held), 8)

    def _reached(self, address: bytes, subnet: bytes, caps: Caps) -> Full | None:
        if self._map[: self._subnets].count(address) >= caps.address:
            return Full.ADDRESS
        return Full.SUBNET if self._map[self._subnets : self._octets].count(subnet) >= caps.subnet else None

    # -- under the lock

    def _claim(self, slot: int) -> Claim:
        """All earlier claims to it are void."""
        number = (self._get(self._claims + 4 * slot, 4) + 1) % 2**32
        self._put(self._claims + 4 * slot, number, 4)
        return Claim(slot, number)

    def _is_held(self, claim: Claim) -> bool:
        slot = claim.slot
        is_last = self._get(self._claims + 4 * slot, 4) == claim.number
        is_ours = self._get(self._pids + 4 * slot, 4) == os.getpid()
        return is_last and is_ours and self._map[self._taken + slot] == _TAKEN

    def _free(self, slot: int) -> None:
        self._empty(slot)
        self._map[self._taken + slot] = 0

    def _empty(self, slot: int) -> None:
        self._hold(slot, -self._get(self._octets + 8 * slot, 8))
        self._write_marks(slot, bytes(MARK_OCTETS), bytes(MARK_OCTETS))

    def _hold(self, slot: int, octets: int) -> None:
        at = self._octets + 8 * slot
        self._put(at, self._get(at, 8) + octets, 8)
        self._put(self._total, max(0, self._get(self._total, 8) + octets), 8)

    def _write_marks(self, slot: int, address: bytes, subnet: bytes) -> None:
        at = MARK_OCTETS * slot
        self._map[at : at + MARK_OCTETS] = address
        self._map[self._subnets + at : self._subnets + at + MARK_OCTETS] = subnet

    def _get(self, at: int, size: int) -> int:
        return int.from_bytes(self._map[at : at + size], sys.byteorder)

    def _put(self, at: int, value: int, size: int) -> None:
        self._map[at : at + size] = value.to_bytes(size, sys.byteorder)

    def _marks(self, peer: str) -> tuple[bytes, bytes]:
        """Of the address and of its subnet."""
        octets, subnet = _packed(peer)
        return self._mark(octets), self._mark(subnet)

    def _mark(self, octets: bytes) -> bytes:
        digest = hashlib.blake2b(octets, digest_size=MARK_OCTETS - 1, key=self._key).digest()
        return _HEAD + digest.translate(_NEVER_HEAD)


@lru_cache(4096)
def _packed(peer: str) -> tuple[bytes, bytes]:
    """An IPv4 address in IPv6 clothes is the IPv4 address; both kinds are told apart by their length."""
    address = ip_address(peer)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    bits = IPV4_SUBNET_BITS if address.version == 4 else IPV6_SUBNET_BITS
    return address.packed, address.packed[: bits // 8]
