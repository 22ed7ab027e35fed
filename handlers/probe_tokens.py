# SPDX-License-Identifier: Apache-2.0
"""The token of a probe: signed for one probe of one address, and found again in whatever a forwarder leaves.

It stands in every place that some forwarder keeps: Message-ID, From, reverse-path, a field of its own, subject, body.
Only the gateway makes one (80 bits of HMAC under the key of our addresses, for this purpose alone).
"""

import re
import secrets
from base64 import b32encode
from collections.abc import Iterable

from handlers.headers import Head, decode_text
from handlers.mime_parts import decode_octets
from handlers.tokens import Keys

MOST_TOKENS = 20  # of one mail: each costs a MAC
OPENING_OCTETS = 16 * 1024  # of the body

_NAME_OCTETS = 10
_NAME_CHARACTERS = 12  # 60 bits: no two probes meet
_TOKEN = re.compile(rb"probe\.([a-z2-7]{12})\.([a-z])([a-z2-7]{16})", re.IGNORECASE)
_SOFT_BREAK = re.compile(rb"=\r?\n")
_BASE64 = re.compile(rb"(?:^[A-Za-z0-9+/]{40,76}={0,2}\r?$\n?)+", re.MULTILINE)


def new_name() -> str:
    """A name for a probe."""
    return b32encode(secrets.token_bytes(_NAME_OCTETS)).decode().lower()[:_NAME_CHARACTERS]


def token(keys: Keys, name: str, way_key: str) -> str:
    """What the probe carries."""
    return f"probe.{name}.{keys.addresses.sign('probe', name, way_key)}"


def probe_address(keys: Keys, name: str, way_key: str) -> str:
    """From and reverse-path of the probe: what comes back to it speaks of the probe."""
    return f"{token(keys, name, way_key)}@{keys.host}"


def looks_like_one(local: str) -> bool:
    """Whether a local part has the form of a probe's address."""
    return _TOKEN.fullmatch(local.encode("utf-8", "replace")) is not None


def find(keys: Keys, way_keys: Iterable[str], places: Iterable[bytes]) -> tuple[str, str] | None:
    """(name, way) of the first token in these places that holds for one of these ways."""
    ways, tried = tuple(way_keys), 0
    for place in places:
        for found in _TOKEN.finditer(place):
            name, key_id, mac = (group.decode().lower() for group in found.groups())
            for way_key in ways:
                if keys.addresses.verifies(key_id, mac, "probe", name, way_key):
                    return name, way_key
            tried += 1
            if tried == MOST_TOKENS:
                return None
    return None


def places(head: Head, reverse_path: str, opening: bytes) -> Iterable[bytes]:
    """Where a token may stand, the likeliest first; a body may have been encoded anew on its way."""
    for name in (b"message-id", b"x-casegate-probe", b"from", b"subject", b"references", b"in-reply-to"):
        yield from head.all(name)
    yield decode_text(head.first(b"subject") or b"").encode()
    yield reverse_path.encode()
    yield opening
    yield _SOFT_BREAK.sub(b"", opening)
    for block in _BASE64.finditer(opening):
        yield decode_octets(block[0], "base64")
