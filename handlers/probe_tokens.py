# SPDX-License-Identifier: Apache-2.0
"""The token of a probe: signed for one probe of one address, and found again where a forwarder leaves it.

It counts only where the probe itself has it: Message-ID, From, a field of its own; whoever quotes, answers or passes on
a probe writes a mail like any other. Only the gateway makes one (80 bits of HMAC under the key of our addresses, for
this purpose alone); its name tells the hour, so that an old one is known for that without a look into the store.
"""

import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from handlers.headers import Head
from handlers.tokens import Keys
from storage.probes import EXPIRES

MOST_TOKENS = 20  # of one mail: each costs a MAC

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_HOUR_CHARACTERS, _CHANCE_CHARACTERS = 4, 8  # 40 bits of chance an hour: no two probes meet
_HOUR_S = 3600
_TOKEN = re.compile(rb"probe\.([a-z2-7]{12})\.([a-z])([a-z2-7]{16})", re.IGNORECASE)


def new_name(now: datetime) -> str:
    """A name for a probe that leaves now."""
    hour = int(now.timestamp()) // _HOUR_S
    digits = [_ALPHABET[hour >> shift & 31] for shift in range(5 * (_HOUR_CHARACTERS - 1), -1, -5)]
    return "".join((*digits, *(secrets.choice(_ALPHABET) for _ in range(_CHANCE_CHARACTERS))))


def is_fresh(name: str, now: datetime) -> bool:
    """Whether a probe of this name may still count; clocks may differ by an hour."""
    hour = 0
    for one in name[:_HOUR_CHARACTERS]:
        hour = hour * 32 + _ALPHABET.index(one)
    age = timedelta(seconds=now.timestamp() - hour * _HOUR_S)
    return timedelta(hours=-1) <= age <= EXPIRES + timedelta(hours=1)


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
    """(name, way) of the first of these words that is a token for one of these ways."""
    ways = tuple(way_keys)
    for place in islice(places, MOST_TOKENS):
        found = _TOKEN.fullmatch(place)
        if found is None:
            continue
        name, key_id, mac = (group.decode().lower() for group in found.groups())
        for way_key in ways:
            if keys.addresses.verifies(key_id, mac, "probe", name, way_key):
                return name, way_key
    return None


def by_author(keys: Keys, way_key: str, author: str) -> str:
    """The name of the probe that wrote this itself, by its From; nobody else writes as one, however old it is."""
    found = find(keys, [way_key], _local(keys, author.encode("utf-8", "replace")))
    return found[0] if found is not None else ""


def by_field(keys: Keys, way_key: str, head: Head, now: datetime) -> str:
    """The name of the probe whose own fields a forwarder left, while it may still count; an answer is none."""
    if head.first(b"in-reply-to") is not None or head.first(b"references") is not None:
        return ""
    found = find(keys, [way_key], _own_fields(keys, head))
    return found[0] if found is not None and is_fresh(found[0], now) else ""


def _own_fields(keys: Keys, head: Head) -> Iterable[bytes]:
    for value in islice(head.all(b"message-id"), MOST_TOKENS // 2):
        yield from _local(keys, value.strip().removeprefix(b"<").removesuffix(b">"))
    yield from (value.strip() for value in head.all(b"x-casegate-probe"))


def _local(keys: Keys, address: bytes) -> list[bytes]:
    local, _, host = address.rpartition(b"@")
    return [local] if host.lower() == keys.host.encode() else []
