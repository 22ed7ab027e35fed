# SPDX-License-Identifier: Apache-2.0
"""Passwords at rest: scrypt (RFC 7914), 64 MB and about a fifth of a second each, so never on the event loop.

Enters: a password. Leaves: `$scrypt$ln=16,r=8,p=1$SALT$HASH`, or the answer whether it fits. A stored form that cannot
be read, and none at all, cost as much as a wrong password: the time does not tell which logins exist.
"""

import base64
import binascii
import hashlib
import hmac
import os
import re
import unicodedata
from dataclasses import dataclass

MAX_PASSWORD_OCTETS = 1024
SALT_OCTETS = 16
HASH_OCTETS = 32
MAX_MEMORY_OCTETS = 1 << 28

_FORM = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9])\$([A-Za-z0-9+/=]{8,100})\$([A-Za-z0-9+/=]{8,100})"
)


@dataclass(frozen=True, slots=True)
class Cost:
    """scrypt's parameters: 2**log_n rounds of 128 * r octets, p times."""

    log_n: int = 16
    r: int = 8
    p: int = 1

    @property
    def memory_octets(self) -> int:
        return 128 * self.r * ((1 << self.log_n) + self.p + 2)


DEFAULT_COST = Cost()


def hash_password(password: str, cost: Cost = DEFAULT_COST) -> str:
    """The form to store; raises ValueError for an empty or an endless password."""
    if not password or len(password.encode()) > MAX_PASSWORD_OCTETS:
        raise ValueError(f"a password has between 1 and {MAX_PASSWORD_OCTETS} octets")
    salt = os.urandom(SALT_OCTETS)
    digest = _scrypt(password, salt, cost)
    return f"$scrypt$ln={cost.log_n},r={cost.r},p={cost.p}${_text(salt)}${_text(digest)}"


def verify(password: str, stored: str | None, cost: Cost = DEFAULT_COST) -> bool:
    """Whether the password fits; `cost` is what an unknown login is charged."""
    read = _read(stored or "")
    if read is None or len(password.encode()) > MAX_PASSWORD_OCTETS:
        _scrypt("", bytes(SALT_OCTETS), read[0] if read else cost)
        return False
    known, salt, digest = read
    return hmac.compare_digest(_scrypt(password, salt, known), digest)


def _scrypt(password: str, salt: bytes, cost: Cost) -> bytes:
    # NFC (RFC 8265 §4.2.2): one password typed on two keyboards is one password.
    octets = unicodedata.normalize("NFC", password).encode()
    size = cost.memory_octets + (1 << 20)
    return hashlib.scrypt(octets, salt=salt, n=1 << cost.log_n, r=cost.r, p=cost.p, maxmem=size, dklen=HASH_OCTETS)


def _read(stored: str) -> tuple[Cost, bytes, bytes] | None:
    match = _FORM.fullmatch(stored)
    if match is None:
        return None
    cost = Cost(*(int(match[group]) for group in (1, 2, 3)))
    try:
        salt, digest = (base64.b64decode(match[group], validate=True) for group in (4, 5))
    except binascii.Error:
        return None
    sound = 1 <= cost.log_n < 24 and cost.r >= 1 and cost.p >= 1 and cost.memory_octets <= MAX_MEMORY_OCTETS
    return (cost, salt, digest) if sound and len(digest) == HASH_OCTETS else None


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
