# SPDX-License-Identifier: Apache-2.0
"""Japanese with escape sequences (RFC 1468) as Windows writes it, with NEC's and IBM's characters: ①, ㈱, 髙.

Enters: octets that Python's codec does not take. Leaves: characters; what is none is the replacement character. Never
fails; linear, and beyond so many changes of the set what Python makes of it.
"""

import re
from functools import cache

MAX_CHANGES = 10_000

_ESCAPE = re.compile(rb"\x1b(?:\$\(?[@-D]|\([A-J])")
_TWO_OCTETS = (b"\x1b$B", b"\x1b$@")
_LIKE_ASCII = (b"\x1b(B", b"\x1b(J")
_BROKEN = "\ufffd"


def japanese(octets: bytes) -> str:
    """Decode; sets other than ASCII and the two-octet ones are left to Python's codec."""
    if octets.count(b"\x1b") > MAX_CHANGES:
        return octets.decode("iso2022_jp_ext", "replace")
    kept, at, escape = list[str](), 0, b"\x1b(B"
    for found in (*_ESCAPE.finditer(octets), None):
        run = octets[at : found.start() if found is not None else len(octets)]
        kept.append(_characters(escape, run))
        if found is not None:
            at, escape = found.end(), found[0]
    return "".join(kept)


def _characters(escape: bytes, run: bytes) -> str:
    if escape in _TWO_OCTETS:
        pairs, end, rest = run.partition(b"\n")  # RFC 1468: at the end of a line ASCII comes back
        pairs, odd = (pairs[:-1], pairs[-1:]) if len(pairs) % 2 else (pairs, b"")
        return pairs.decode("utf-16-be", "replace").translate(_table()) + (odd + end + rest).decode("ascii", "replace")
    if escape in _LIKE_ASCII:
        return run.decode("ascii", "replace")
    return (escape + run).decode("iso2022_jp_ext", "replace")


class _Table(dict[int, str]):
    """What is in no row is broken."""

    def __missing__(self, _: int) -> str:
        return _BROKEN


@cache
def _table() -> _Table:
    """Each character of Windows' set by its two octets in JIS."""
    made = _Table()
    for lead in range(0x21, 0x7F):
        first = ((lead - 0x21) >> 1) + 0x81
        first += 0x40 if first > 0x9F else 0
        for trail in range(0x21, 0x7F):
            second = trail + (0x7E if lead % 2 == 0 else 0x20 if trail > 0x5F else 0x1F)
            text = bytes((first, second)).decode("cp932", "replace")
            if len(text) == 1:
                made[lead << 8 | trail] = text
    return made
