# SPDX-License-Identifier: Apache-2.0
"""Units of the configuration: durations, sizes, rates, listen addresses, networks, routes.

Enters: one value of a TOML file, of any type. Leaves: timedelta, octets, frozen values. Fails: ValueError; the caller
knows what was expected. Each kind is written back by a `show_` function that its parser reads again.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from urllib.parse import urlsplit

from handlers.subject import Upstream

Network = IPv4Network | IPv6Network

_MILLISECONDS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_DURATION = re.compile(
    r"(?:([0-9]{1,6})d)?(?:([0-9]{1,6})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,6})s)?(?:([0-9]{1,6})ms)?", re.ASCII
)
_OCTETS = {
    "B": 1,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
}
_SIZE = re.compile(r"([0-9]{1,12})([KMG]i?B|B)", re.ASCII)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")

WIDEST_UPSTREAM = 8  # bits: a private network at most; whoever stands in it vouches for any author


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address and a port; port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def overlaps(self, other: "Endpoint") -> bool:
        """Whether both cannot be bound at once; IPv6 listeners take no IPv4."""
        if self.port != other.port or self.port == 0:
            return False
        one, two = ipaddress.ip_address(self.host), ipaddress.ip_address(other.host)
        return one.version == two.version and (one == two or one.is_unspecified or two.is_unspecified)


@dataclass(frozen=True, slots=True)
class MxRoute:
    """To the MX hosts of each recipient's domain."""

    def __str__(self) -> str:
        return "mx"


@dataclass(frozen=True, slots=True)
class SmarthostRoute:
    """To one host, which passes everything on."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"smtp://[{self.host}]:{self.port}" if ":" in self.host else f"smtp://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class MaildirRoute:
    """Into a maildir on this host."""

    directory: Path

    def __str__(self) -> str:
        return f"maildir:{self.directory}"


OutboundRoute = MxRoute | SmarthostRoute | MaildirRoute


def parse_duration(text: str) -> timedelta:
    """ "1h30m": whole numbers with d, h, m, s, ms, the larger unit first."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError("not a duration")
    counts = zip(match.groups(), _MILLISECONDS.values(), strict=True)
    return timedelta(milliseconds=sum(int(count) * factor for count, factor in counts if count))


def show_duration(value: timedelta) -> str:
    """The shortest text that reads as this duration, to the millisecond."""
    left, written = value // timedelta(milliseconds=1), ""
    for unit, factor in _MILLISECONDS.items():
        count, left = divmod(left, factor)
        written += f"{count}{unit}" if count else ""
    return written or "0s"


def parse_mode(text: str) -> int:
    """ "0660": the permission bits of a file, in octal."""
    if not re.fullmatch(r"0[0-7]{3}", text, re.ASCII):
        raise ValueError("not a file mode")
    return int(text, 8)


def parse_size(text: str) -> int:
    """ "35MB" in octets: KB, MB, GB count by 1000, KiB, MiB, GiB by 1024."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("not a size")
    return int(match[1]) * _OCTETS[match[2]]


def show_size(octets: int) -> str:
    """The largest unit that needs no fraction."""
    units = sorted(_OCTETS.items(), key=lambda item: -item[1])
    unit, factor = next(((u, f) for u, f in units if octets and octets % f == 0), ("B", 1))
    return f"{octets // factor}{unit}"


def parse_rate(text: str) -> int:
    """ "100B/s" in octets a second."""
    size, slash, per = text.partition("/")
    if not slash or per != "s":
        raise ValueError("not a rate")
    return parse_size(size)


def show_rate(octets_per_s: int) -> str:
    return f"{show_size(octets_per_s)}/s"


def parse_endpoint(text: str, default_port: int | None = None) -> Endpoint:
    """ "127.0.0.1:25" or "[::1]:25"; with a default port, the bare address too."""
    if default_port is not None:
        try:
            return Endpoint(str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))), default_port)
        except ValueError:
            pass
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    if bracketed != (address.version == 6):
        raise ValueError("brackets are for IPv6")
    return Endpoint(str(address), parse_port(port))


def parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > 65535:
        raise ValueError("not a port")
    return int(text)


def parse_network(text: str) -> Network:
    """One address or a network; host bits behind the prefix are a typing error."""
    return ipaddress.ip_network(text)


def parse_host_name(text: str) -> str:
    """A host name in lower case, A-labels (RFC 5890) for what is not ASCII."""
    name = text.lower()
    if not text.isascii() or not _HOST_NAME.fullmatch(name) or re.fullmatch(r"[0-9.]+", name):
        raise ValueError("not a host name")
    return name


def parse_upstream(text: str) -> Upstream:
    """ "filter.firm.example from 192.0.2.0/24", or "... from local" for mail that comes by LMTP or a pipe."""
    authserv_id, word, host = text.partition(" from ")
    if not word:
        raise ValueError("not an upstream")
    network = None if host == "local" else parse_network(host)
    if network is not None and network.prefixlen < WIDEST_UPSTREAM:
        raise ValueError("more hosts than any filter has")
    return Upstream(parse_host_name(authserv_id.strip()), network)


def parse_path(text: str) -> Path:
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise ValueError("not an absolute path")
    return path


def parse_route(text: str) -> OutboundRoute:
    """ "mx", "smtp://host:port" or "maildir:/directory"."""
    if text == "mx":
        return MxRoute()
    if text.startswith("maildir:"):
        return MaildirRoute(parse_path(text.removeprefix("maildir:")))
    url = urlsplit(text)
    if (
        url.scheme != "smtp"
        or not url.hostname
        or not url.port
        or "@" in url.netloc
        or url.path.strip("/")
        or url.query
    ):
        raise ValueError("not a route")
    host = url.hostname
    return SmarthostRoute(str(ipaddress.ip_address(host)) if ":" in host else _host(host), url.port)


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return parse_host_name(text)
