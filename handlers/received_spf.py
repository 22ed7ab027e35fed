# SPDX-License-Identifier: Apache-2.0
"""The Received-SPF field (RFC 7208 §9.1): ours written, forged ones found.

Enters: the result, the session and the envelope, or a scanned mail. Leaves: one folded field, or the spans of the
fields that speak in our name. What a stranger wrote is said again only if it is harmless as it stands, else it is left
out. A mail that came by no connection has none.
"""

import re

from handlers.headers import Head, Span, fold
from handlers.results import SpfResult
from handlers.results_reading import without_comments
from storage.envelope import Envelope, Session

_DOT_ATOM = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_HARMLESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@:\[\]-]{1,320}"
)  # no quote, backslash, comment, semicolon, space
_SPECIALS = re.compile(rb'[()"\\\s]+')
_MEANS = {
    "pass": "domain of {domain} designates {peer} as permitted sender",
    "fail": "domain of {domain} does not designate {peer} as permitted sender",
    "softfail": "domain of {domain} does not designate {peer} as permitted sender, but is not sure",
    "neutral": "{peer} is neither permitted nor denied by domain of {domain}",
    "none": "no SPF record to check {peer} by",
    "temperror": "DNS did not answer about {domain}",
    "permerror": "the SPF record of {domain} cannot be used",
}


def received_spf_field(receiver: str, found: SpfResult, session: Session, envelope: Envelope) -> bytes:
    """One field with CRLF; nothing where the mail came by no connection."""
    if session.peer == "local":
        return b""
    means = _MEANS[found.result].format(domain=found.domain, peer=session.peer)
    identity = "helo" if envelope.reverse_path is None else "mailfrom"
    pairs = (
        ("client-ip", session.peer),
        ("envelope-from", envelope.reverse_path_text),
        ("helo", session.helo),
        ("mechanism", found.mechanism),
        ("receiver", receiver),
        ("identity", identity),
    )
    said = "; ".join(f"{key}={_value(value)}" for key, value in pairs if _HARMLESS.fullmatch(value))
    return fold(b"Received-SPF", f"{found.result} ({receiver}: {means}) {said}".encode("ascii", "replace"))


def _value(text: str) -> str:
    return text if _DOT_ATOM.fullmatch(text) else f'"{text}"'


def pretended_spans(head: Head, names: tuple[str, ...]) -> tuple[Span, ...]:
    """The Received-SPF fields that name us; those of hosts on the way are their word and stay."""
    ours = tuple(
        re.compile(rb"(?<![a-z0-9.-])" + re.escape(name.lower().encode()) + rb"(?![a-z0-9-])") for name in names
    )
    return tuple(
        (field.start, field.end)
        for field in head.fields
        if field.name == b"received-spf" and any(_names(head.value(field).lower(), one) for one in ours)
    )


def _names(value: bytes, name: re.Pattern[bytes]) -> bool:
    """Whether some reader could find this name, however it is wrapped."""
    bare = without_comments(value)[0]
    return any(name.search(one) for one in (value, bare, _SPECIALS.sub(b"", bare), _SPECIALS.sub(b"", value)))
