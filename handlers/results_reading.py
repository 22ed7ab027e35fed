# SPDX-License-Identifier: Apache-2.0
"""An Authentication-Results field of somebody else, read (RFC 8601 §2.2).

Enters: a field's value, unfolded. Leaves: who speaks, and clause by clause what they found; None where the field cannot
be read for certain. Bounded in octets and linear: comments of any depth are skipped by one loop, where authres recurses
(dependencies G8c). A field that is not understood to its last octet, or says a thing twice, is not believed at all:
what a stranger got into it may have ended a clause early.
"""

import re
from dataclasses import dataclass

from handlers.dkim_signature import is_domain

MAX_OCTETS = 16 * 1024

_ID = re.compile(r'\s*(?:"([^"\\\s;=]+)"|([^"\s;=]+))(?:\s+1)?\s*')
_CLAUSES = re.compile(r'((?:[^";]|"(?:[^"\\]|\\.)*")*+)(?:;|\Z)')
_PAIR = re.compile(r'\s*+([A-Za-z][A-Za-z0-9._/-]*+)\s*+=\s*+("(?:[^"\\]|\\.)*+"(?:@[^\s"]++)?|[^\s"]++)')
_METHOD = re.compile(r"([a-z0-9-]+)(?:/1)?")


@dataclass(frozen=True, slots=True)
class Clause:
    """What one method found: "dkim", "pass", {"header.d": "example.com"}; names in lower case, values as written."""

    method: str
    result: str
    said: dict[str, str]

    def domain(self, *names: str) -> str:
        """The domain that the first of these properties names which is there; empty where it could be disputed."""
        for name in names:
            if name in self.said:
                return _domain(self.said[name])
        return ""


@dataclass(frozen=True, slots=True)
class FieldRead:
    """One field: its authserv-id in lower case, and the clauses in their order."""

    authserv_id: str
    clauses: tuple[Clause, ...]


def read_field(value: bytes) -> FieldRead | None:
    """Read one field's value."""
    if len(value) > MAX_OCTETS or not value.isascii():
        return None
    bare, is_plain = without_comments(value, b" ")
    if not is_plain:
        return None
    parts = _parts(bare.decode("ascii"))
    found = _ID.fullmatch(parts[0])
    if found is None:
        return None
    said = [part.strip() for part in parts[1:]]
    clauses = [_clause(part) for part in said if part and part.lower() != "none"]
    read = tuple(one for one in clauses if one is not None)
    return FieldRead((found[1] or found[2]).lower(), read) if len(read) == len(clauses) else None


def _parts(text: str) -> list[str]:
    """Divided at semicolons outside quotes; a quote without an end leaves nothing to read."""
    parts, at = [], 0
    while at <= len(text):
        found = _CLAUSES.match(text, at)
        if found is None:
            return [""]
        parts.append(found[1])
        at = found.end() + (found.end() == len(text) and not found[0].endswith(";"))
    return parts


def _clause(text: str) -> Clause | None:
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PAIR.match(text, at)
        if found is None or found[1].lower() in pairs:
            return None
        pairs[found[1].lower()] = found[2]
        at = found.end()
    first = next(iter(pairs))
    method = _METHOD.fullmatch(first)
    return Clause(method[1], pairs.pop(first).lower(), pairs) if method else None


def _domain(text: str) -> str:
    """Of a domain, or of an address: RFC 8601 §2.2, pvalue."""
    local, at, domain = text.rpartition("@")
    if at and "@" in local and not local.startswith('"'):
        return ""
    domain = domain.lower().removesuffix(".")
    return domain if is_domain(domain) else ""


def without_comments(value: bytes, instead: bytes = b"") -> tuple[bytes, bool]:
    """The value with `instead` for each comment of any depth (RFC 5322 §3.2.2), and whether all readers would agree.

    They would not where a quote or comment does not end or was never begun, nor where a comment has a quote or
    backslash in it: filters write what a stranger said into comments. A comment without an end takes the rest.
    """
    kept, depth, quoted, escaped, is_plain = bytearray(), 0, False, False, True
    for octet in value:
        special = not escaped
        escaped = special and octet == 0x5C and (quoted or depth > 0)
        is_plain = is_plain and (quoted or octet != 0x5C) and not (depth and octet == 0x22)
        if special and octet == 0x22 and not depth:
            quoted = not quoted
        if special and octet == 0x28 and not quoted:
            depth += 1
        elif special and octet == 0x29 and depth:
            depth -= 1
            kept += b"" if depth else instead
        elif not depth:
            is_plain = is_plain and (quoted or octet != 0x29)
            kept.append(octet)
    return bytes(kept), is_plain and not (depth or quoted)
