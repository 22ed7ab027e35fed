# SPDX-License-Identifier: Apache-2.0
"""Everything we sign so that we know it again: thread IDs, our Message-IDs, reply addresses and bounce addresses.

A thread ID is public: its keyed check only tells a typing error from an ID, it is never evidence. Evidence is a keyed
Message-ID or a signed address, each under a key of its own, with 80 bits of HMAC-SHA-256 in lower-case base32, because
mail systems fold the case of addresses. Keys carry a one-letter id; retired keys still verify. Nothing here raises for
what the network sent: a token that is not ours is None.
"""

import hmac
import re
import secrets
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

THREAD_ID = re.compile(r"[A-Z2-7]{12}")
_SORTED = "234567abcdefghijklmnopqrstuvwxyz"  # the same characters in the order in which text sorts
_RANDOM_OCTETS, _RANDOM_CHARACTERS = 5, 8
_CHECK_CHARACTERS = 4
_MAC_CHARACTERS = 16  # 80 bits
_TAG_CHARACTERS = 10
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

_MESSAGE_ID = re.compile(r"([a-z2-7]{12})\.([a-z2-7]{20})\.([a-z])([a-z2-7]{16})@(.+)")
_REPLY = re.compile(r"([ar])\.([a-z2-7]{12})\.([a-z2-7]{10})\.([a-z2-7]{4})\.([a-z])([a-z2-7]{16})")
_AGENT_ADDRESS = r"a\.[a-z2-7]{12}\.[a-z2-7]{10}\.[a-z2-7]{4}\.[a-z][a-z2-7]{16}(?:@|%40|&#64;)"
_BOUNCE = re.compile(r"b\.([a-z2-7]{12})\.([a-z2-7]{20})\.([a-z])([a-z2-7]{16})")


class Role(Enum):
    """Whom a signed reply address was made for; one role never stands in for the other."""

    AGENT = "a"
    CUSTOMER = "r"


@dataclass(frozen=True, slots=True)
class Keyring:
    """Secrets of one purpose by their letter; `current` signs, all of them verify."""

    current: str
    keys: Mapping[str, bytes]

    def sign(self, *parts: str) -> str:
        """Key id and MAC, 17 characters."""
        return self.current + _mac(self.keys[self.current], parts)

    def verifies(self, key_id: str, mac: str, *parts: str) -> bool:
        key = self.keys.get(key_id)
        return key is not None and hmac.compare_digest(_mac(key, parts), mac)


@dataclass(frozen=True, slots=True)
class Keys:
    """The three separate keys, and the host part of our ids."""

    host: str
    thread: bytes
    message_ids: Keyring
    addresses: Keyring


@dataclass(frozen=True, slots=True)
class OwnMessageId:
    """A Message-ID that we made for one outbox row; it proves that its holder saw that mail."""

    thread_id: str
    outbox_name: str


@dataclass(frozen=True, slots=True)
class ReplyAddress:
    """A signed address found valid; `participant` is `participant_tag()` of the one it was made for."""

    thread_id: str
    participant: str
    role: Role
    expired: bool


def new_thread_id(keys: Keys) -> str:
    """Twelve characters: 40 random bits and 20 bits of keyed check."""
    random = b32encode(secrets.token_bytes(_RANDOM_OCTETS)).decode()
    return random + _check(keys, random)


def is_thread_id(keys: Keys, text: str) -> bool:
    """Whether the keyed check holds; says nothing about who wrote it."""
    random = text[:_RANDOM_CHARACTERS]
    return THREAD_ID.fullmatch(text) is not None and hmac.compare_digest(
        _check(keys, random), text[_RANDOM_CHARACTERS:]
    )


def new_name(now: datetime) -> str:
    """An id for a message or an outbox row: 20 lower-case base32 characters that sort by time of making."""
    milliseconds = (now - _EPOCH) // timedelta(milliseconds=1)
    number = max(0, milliseconds) << 56 | secrets.randbits(56)
    return "".join(_SORTED[number >> shift & 31] for shift in range(95, -5, -5))


def message_id(keys: Keys, thread_id: str, outbox_name: str) -> str:
    """Our Message-ID for an outbox row, without angle brackets."""
    thread = thread_id.lower()
    return f"{thread}.{outbox_name}.{keys.message_ids.sign('message-id', thread, outbox_name)}@{keys.host}"


def read_message_id(keys: Keys, text: str) -> OwnMessageId | None:
    """The row that a Message-ID of ours names, if its MAC holds."""
    found = _MESSAGE_ID.fullmatch(text.lower()) if len(text) < 400 else None
    if found is None or found[5] != keys.host:
        return None
    thread, name, key_id, mac = found.groups()[:4]
    if not keys.message_ids.verifies(key_id, mac, "message-id", thread, name):
        return None
    return OwnMessageId(thread.upper(), name)


def participant_tag(keys: Keys, address_key: str) -> str:
    """Ten characters that stand for a participant in a signed address; without the key no guess can be tried."""
    secret = keys.addresses.keys[keys.addresses.current]
    return _mac(secret, ("participant", address_key))[:_TAG_CHARACTERS]


def agent_address_pattern(host: str) -> str:
    """A regular expression for what has the form of an agent's secret reply address, as text and pages show it."""
    return _AGENT_ADDRESS + re.escape(host)


def reply_address(keys: Keys, thread_id: str, address_key: str, role: Role, expires_at: datetime) -> str:
    """The signed address to which this participant may answer until then."""
    thread, tag, day = thread_id.lower(), participant_tag(keys, address_key), _day(expires_at)
    signature = keys.addresses.sign("reply", role.value, thread, tag, day)
    return f"{role.value}.{thread}.{tag}.{day}.{signature}@{keys.host}"


def read_reply_address(keys: Keys, local: str, now: datetime) -> ReplyAddress | None:
    """What a signed reply address says, if its MAC holds; an expired one says so."""
    found = _REPLY.fullmatch(local.lower())
    if found is None:
        return None
    role, thread, tag, day, key_id, mac = found.groups()
    if not keys.addresses.verifies(key_id, mac, "reply", role, thread, tag, day):
        return None
    return ReplyAddress(thread.upper(), tag, Role(role), day < _day(now))


def bounce_address(keys: Keys, thread_id: str, outbox_name: str) -> str:
    """The reverse-path of one outbox row: a bounce that comes back to it names the mail it speaks of."""
    thread = thread_id.lower()
    return f"b.{thread}.{outbox_name}.{keys.addresses.sign('bounce', thread, outbox_name)}@{keys.host}"


def read_bounce_address(keys: Keys, local: str) -> OwnMessageId | None:
    """The row that a bounce address names, if its MAC holds."""
    found = _BOUNCE.fullmatch(local.lower())
    if found is None:
        return None
    thread, name, key_id, mac = found.groups()
    if not keys.addresses.verifies(key_id, mac, "bounce", thread, name):
        return None
    return OwnMessageId(thread.upper(), name)


def thread_address(keys: Keys, thread_id: str) -> str:
    """The author's stand-in in an agent's copy: it names the thread, proves nothing and takes no mail at the MX."""
    return f"{thread_id.lower()}@{keys.host}"


def note_word(keys: Keys) -> str:
    """The word that stands in what agents are told: letters and digits alone, so that no client wraps within it."""
    return "casegatenote" + _mac(keys.thread, ("note",))


def _base32(octets: bytes, characters: int) -> str:
    """The first characters, in capitals; base32 makes eight of five octets."""
    return b32encode(octets[: -(-characters * 5 // 8)]).decode()[:characters]


def _mac(key: bytes, parts: tuple[str, ...]) -> str:
    return _base32(hmac.digest(key, "\0".join(parts).encode(), "sha256"), _MAC_CHARACTERS).lower()


def _check(keys: Keys, random: str) -> str:
    return _base32(hmac.digest(keys.thread, b"thread\0" + random.encode(), "sha256"), _CHECK_CHARACTERS)


def _day(instant: datetime) -> str:
    """Days since 2026 as four base32 characters that sort like the days."""
    number = max(0, (instant - _EPOCH) // timedelta(days=1))
    return "".join(_SORTED[number >> shift & 31] for shift in (15, 10, 5, 0))
