# SPDX-License-Identifier: Apache-2.0
"""The Authentication-Results field (RFC 8601): ours written, forged ones found.

Enters: results, or a scanned mail. Leaves: one folded field, or the spans of every field that speaks in our name, for
the caller to cut out. No value leaves unsanitised, for authres writes CR LF as it gets it; and forged fields are read
by one loop, not by authres, whose comments recurse (dependencies G8c). A field in doubt that names us is forged.
"""

import re

from authres import AuthenticationResultsHeader
from authres.core import AuthenticationResult, AuthenticationResultProperty, QuotableValue

from handlers.headers import Head, Span, fold
from handlers.results import Authentication, DkimResult

_UNSAFE = re.compile(r"[^A-Za-z0-9.@_=/+-]")
_MAX_VALUE = 255
_TOKEN = re.compile(rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?]+")
_AFTER_ID = re.compile(rb"[ \t\r\n]*(?:[0-9]+[ \t\r\n]*)?(?:;|\Z)")
_SPECIALS = re.compile(rb'[()"\\\s]+')


def results_field(authserv_id: str, found: Authentication) -> bytes:
    """One Authentication-Results field with CRLF; without a signature it says dkim=none."""
    clauses = [_clause(result) for result in found.dkim] or [AuthenticationResult("dkim", result="none")]
    header = AuthenticationResultsHeader(authserv_id=authserv_id, results=clauses)
    return fold(b"Authentication-Results", header.header_value().encode("ascii", "replace"))


def _clause(result: DkimResult) -> AuthenticationResult:
    said = {"d": result.domain, "s": result.selector, "a": result.algorithm, "i": result.identity, "b": result.header_b}
    properties = [
        AuthenticationResultProperty("header", name, QuotableValue(_UNSAFE.sub("?", value[:_MAX_VALUE])))
        for name, value in said.items()
        if value
    ]
    reason = re.sub(r"[^ -~]", "?", result.reason) or None
    return AuthenticationResult("dkim", result=result.result, reason=reason, properties=properties)


def forged_spans(head: Head, authserv_id: str) -> tuple[Span, ...]:
    """The Authentication-Results fields that claim to be ours; those of others, and those without an id, stay."""
    ours = authserv_id.lower().encode()
    return tuple(
        (field.start, field.end)
        for field in head.fields
        if field.name == b"authentication-results" and _claims(head.value(field).lower(), ours)
    )


def _claims(value: bytes, ours: bytes) -> bool:
    """Whether some reader could take `ours` for the id of this field."""
    bare = _without_comments(value).lstrip()
    if bare.startswith(b'"'):
        found, rest = _quoted(bare)
    else:
        token = _TOKEN.match(bare)
        found, rest = (token[0], bare[token.end() :]) if token else (b"", bare)
        if b"=" in found:
            return False  # Microsoft's: the first result stands where the id should (G8c)
    if found.rstrip(b".") == ours:
        return True
    if found and _AFTER_ID.match(rest):
        return False
    return ours in value or ours in _SPECIALS.sub(b"", bare)


def _quoted(value: bytes) -> tuple[bytes, bytes]:
    """The content of a leading quoted-string, and what follows it."""
    text, position = bytearray(), 1
    while position < len(value) and value[position : position + 1] != b'"':
        position += value[position : position + 1] == b"\\"
        text += value[position : position + 1]
        position += 1
    return bytes(text).strip(), value[position + 1 :]


def _without_comments(value: bytes) -> bytes:
    """Comments become nothing, to any depth; one without an end takes the rest (RFC 5322 §3.2.2)."""
    kept, depth, quoted, escaped = bytearray(), 0, False, False
    for octet in value:
        special = not escaped
        escaped = special and octet == 0x5C and (quoted or depth > 0)
        if special and octet == 0x22 and not depth:
            quoted = not quoted
        if special and octet == 0x28 and not quoted:
            depth += 1
        elif special and octet == 0x29 and depth:
            depth -= 1
        elif not depth:
            kept.append(octet)
    return bytes(kept)
