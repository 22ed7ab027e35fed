# SPDX-License-Identifier: Apache-2.0
"""The Authentication-Results field (RFC 8601): ours written, forged ones found.

Enters: results, or a scanned mail. Leaves: one folded field, or the spans of every field that speaks in our name, for
the caller to cut out. What a stranger wrote is said again only if it is harmless as it stands, else it is left out, for
readers differ over quotes and comments in an address. authres reads the field back in the tests; it writes CR LF as it
gets it, and its comments recurse (dependencies G8c), so fields of others are read by loops. A field in doubt that names
us is forged.
"""

import re

from handlers.dkim_signature import is_domain
from handlers.headers import Head, Span, fold
from handlers.results import Authentication, DkimResult, DmarcResult, IprevResult, SpfResult
from handlers.results_reading import without_comments
from storage.envelope import Envelope, Session

_POLICIES = ("none", "quarantine", "reject")
_IS_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+")
_ALGORITHM = re.compile(r"[A-Za-z0-9-]{1,40}")
_IDENTITY = re.compile(r"[A-Za-z0-9._+=-]{0,64}@([A-Za-z0-9._-]{1,253})")
_START_OF_B = re.compile(r"[A-Za-z0-9+/=]{1,8}")  # RFC 6008
_MAX_REASON = 200
_NOT_IN_REASON = re.compile(
    r"[^ !#-:<-\[\]-~]"
)  # no quotes, backslash or semicolon: some readers split before they unquote

_TOKEN = re.compile(rb"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?]+")
_AFTER_ID = re.compile(rb"[ \t\r\n]*(?:[0-9]+[ \t\r\n]*)?(?:;|\Z)")
_SPECIALS = re.compile(rb'[()"\\\s]+')


def results_field(
    authserv_id: str, found: Authentication, session: Session, envelope: Envelope, *, with_arc: bool
) -> bytes:
    """One Authentication-Results field with CRLF; without a signature it says dkim=none."""
    clauses = [authserv_id, _spf(found.spf, envelope)]
    clauses += [_dkim(one) for one in found.dkim] or ["dkim=none"]
    clauses.append(_dmarc(found.dmarc))
    if with_arc:  # RFC 8617 §10.2
        clauses.append(_clause("arc", found.arc.result, found.arc.reason, _address("smtp.remote-ip", session)))
    if found.iprev.result != "none" and session.peer != "local":
        clauses.append(_iprev(found.iprev, session))
    return fold(b"Authentication-Results", "; ".join(clauses).encode("ascii", "replace"))


def _spf(found: SpfResult, envelope: Envelope) -> str:
    """RFC 8601 §2.7.2; the domain alone, for it is what SPF looked at."""
    identity = found.identity or ("helo" if envelope.reverse_path is None else "mailfrom")
    return _clause("spf", found.result, found.reason, _domain(f"smtp.{identity}", found.domain))


def _dkim(found: DkimResult) -> str:
    """RFC 8601 §2.7.1; b= comes last, for authres reads a quoted value only there."""
    said = (
        _domain("header.d", found.domain),
        _domain("header.s", found.selector),
        f"header.a={found.algorithm}" if _ALGORITHM.fullmatch(found.algorithm) else "",
        _identity(found.identity),
        f"header.b={_value(found.header_b)}" if _START_OF_B.fullmatch(found.header_b) else "",
    )
    return _clause("dkim", found.result, found.reason, *said)


def _dmarc(found: DmarcResult) -> str:
    """The properties that are registered for it (RFC 9989)."""
    policy = f"policy.dmarc={found.policy}" if found.policy in _POLICIES else ""
    return _clause("dmarc", found.result, found.reason, _domain("header.from", found.domain), policy)


def _iprev(found: IprevResult, session: Session) -> str:
    """RFC 8601 §2.7.3, the name as a comment."""
    name = f"({found.name})" if is_domain(found.name) else ""
    return _clause("iprev", found.result, "", _address("policy.iprev", session), name)


def _identity(text: str) -> str:
    found = _IDENTITY.fullmatch(text)
    return f"header.i={text}" if found and is_domain(found[1]) else ""


def _domain(name: str, text: str) -> str:
    return f"{name}={text}" if is_domain(text) else ""


def _address(name: str, session: Session) -> str:
    return "" if session.peer == "local" else f"{name}={_value(session.peer)}"


def _value(text: str) -> str:
    """A token, or a quoted-string (RFC 2045 §5.1); no quote and no backslash comes here."""
    return text if _IS_TOKEN.fullmatch(text) else f'"{text}"'


def _clause(method: str, result: str, reason: str, *said: str) -> str:
    why = f'reason="{_NOT_IN_REASON.sub("?", reason[:_MAX_REASON])}"' if reason else ""
    return " ".join(filter(None, (f"{method}={result}", why, *said)))


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
    bare = without_comments(value)[0].lstrip()
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
