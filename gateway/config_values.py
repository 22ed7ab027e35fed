# SPDX-License-Identifier: Apache-2.0
"""What a value of the configuration may be: each type reads the file's form, says what it expects, and shows itself."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from gateway import units
from gateway.config_errors import Reads, Refused, mask
from gateway.units import Endpoint, Network, OutboundRoute
from handlers import dnsbl
from handlers.subject import Dnsbl, Upstream


def text(value: object) -> str:
    """Text on one line."""
    if not isinstance(value, str) or any(ord(c) < 32 for c in value):
        raise ValueError("not text")
    return value


def from_text(parse: Callable[[str], object]) -> Callable[[object], object]:
    """A type that is written as text."""
    return lambda value: parse(text(value))


def or_empty(parse: Callable[[str], object], empty: object) -> Callable[[object], object]:
    """The same, or "" for none."""
    return lambda value: empty if value == "" else parse(text(value))


def whole(low: int, high: int) -> Reads:
    """A whole number between bounds."""

    def parse(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError("out of range")
        return value

    return Reads(parse, f"a whole number from {low} to {high}", int)


def yes_or_no(value: object) -> bool:
    """TOML's own booleans."""
    if not isinstance(value, bool):
        raise ValueError("not a boolean")
    return value


def choice(*words: str) -> Reads:
    """One of these words."""

    def parse(value: object) -> object:
        if value not in words:
            raise ValueError("unknown word")
        return value

    return Reads(parse, " or ".join(f'"{word}"' for word in words))


def duration(low: str, high: str) -> Reads:
    """A duration between bounds."""

    def parse(value: object) -> timedelta:
        found = units.parse_duration(text(value))
        if not units.parse_duration(low) <= found <= units.parse_duration(high):
            raise ValueError("out of range")
        return found

    return Reads(parse, f'a duration from {low} to {high} such as "5s"', units.show_duration)


def size(low: str, high: str) -> Reads:
    """A number of octets between bounds."""

    def parse(value: object) -> int:
        octets = units.parse_size(text(value))
        if not units.parse_size(low) <= octets <= units.parse_size(high):
            raise Refused(f"a size from {low} to {high}")
        return octets

    return Reads(parse, 'a size such as "35MB"', units.show_size)


def _database_url(text: str) -> str:
    if text.startswith(("postgresql://", "postgres://")):
        raise Refused("postgresql+psycopg://..., which names the driver")
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError("not a URL") from None
    absolute = url.drivername == "sqlite" and not url.host and (url.database or "").startswith("/")
    if not absolute and not (url.drivername == "postgresql+psycopg" and url.database):
        raise ValueError("neither database")
    return text


def _redis_url(text: str) -> str:
    url = urlsplit(text)
    over_tcp = url.scheme in ("redis", "rediss") and url.hostname and url.port != 0  # .port raises for a bad one
    if not over_tcp and not (url.scheme == "unix" and url.path.startswith("/")):
        raise ValueError("not a Redis URL")
    return text


HostName = Annotated[str, Reads(from_text(units.parse_host_name), 'a host name such as "gw.example"')]
OptionalHostName = Annotated[str, Reads(or_empty(units.parse_host_name, ""), 'a host name such as "gw.example", or ""')]
AbsolutePath = Annotated[Path, Reads(from_text(units.parse_path), 'an absolute path such as "/etc/casegate/tls.pem"')]
OptionalPath = Annotated[
    Path | None,
    Reads(
        or_empty(units.parse_path, None),
        'an absolute path such as "/etc/casegate/password", or ""',
        lambda p: str(p or ""),
    ),
]
Blocklist = Annotated[
    Dnsbl, Reads(from_text(dnsbl.parse), 'a list such as "bl.example", "bl.example quarantine 127.0.0.2-127.0.0.11"')
]
Listen = Annotated[
    Endpoint, Reads(from_text(units.parse_endpoint), 'an address with a port such as "0.0.0.0:25" or "[::]:25"')
]
Nameserver = Annotated[
    Endpoint,
    Reads(from_text(lambda text: units.parse_endpoint(text, 53)), 'an address such as "127.0.0.1:53" or "::1"'),
]
AllowedNetwork = Annotated[
    Network, Reads(from_text(units.parse_network), 'an address or network such as "192.0.2.1" or "192.0.2.0/24"')
]
TrustedUpstream = Annotated[
    Upstream,
    Reads(
        from_text(units.parse_upstream),
        'an authserv-id and a network of /8 or smaller such as "filter.firm.example from 192.0.2.0/24", '
        'or "... from local"',
    ),
]
DatabaseUrl = Annotated[
    str,
    Reads(or_empty(_database_url, ""), '"sqlite:////absolute/path" or "postgresql+psycopg://user@host/database"', mask),
]
RedisUrl = Annotated[str, Reads(or_empty(_redis_url, ""), 'a URL such as "redis://127.0.0.1:6379/0", or ""', mask)]
Route = Annotated[
    OutboundRoute, Reads(from_text(units.parse_route), '"mx", "smtp://host:port" or "maildir:/absolute/directory"')
]
Rate = Annotated[int, Reads(from_text(units.parse_rate), 'a rate such as "100B/s"', units.show_rate)]
Text = Annotated[str, Reads(text, "text on one line")]
Pause = Annotated[timedelta, duration("100ms", "2d")]
FileMode = Annotated[int, Reads(from_text(units.parse_mode), 'a file mode such as "0660"', lambda mode: f"{mode:04o}")]
MailSize = Annotated[int, size("64KB", "1GB")]
Recipients = Annotated[int, whole(1, 1000)]
YesOrNo = Annotated[bool, Reads(yes_or_no, "true or false", bool)]
