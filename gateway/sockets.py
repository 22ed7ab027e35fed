# SPDX-License-Identifier: Apache-2.0
"""Which sockets a configuration listens on: those that systemd passed, those already open, and new ones.

Enters: the environment (sd_listen_fds(3)), then one Config after another. Leaves: an Arrangement, Listenings by the
word of their key; nothing that is in force is touched until it is adopted. Fails: ConfigError for what the operator
must change, CannotListen for what a later try may give, one line each.
"""

import logging
import os
import socket
from collections.abc import Collection, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from gateway.config import Config
from gateway.config_errors import ConfigError
from gateway.listening import BUSY, CannotListen, Listening, bind, bind_unix
from gateway.logs import scrub
from gateway.units import Endpoint

log = logging.getLogger(__name__)

FIRST_DESCRIPTOR = 3  # SD_LISTEN_FDS_START
KEYS = {
    "mx": ("mx", "listen"),
    "lmtp": ("lmtp", "socket"),
    "submission": ("submission", "listen"),
    "submission_tls": ("submission", "listen_tls"),
}
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")
_EVERYWHERE = {"::": "0.0.0.0"}  # noqa: S104 (an IPv6 socket that takes IPv4 too)


@dataclass(frozen=True, slots=True)
class Passed:
    """One socket of systemd's: where it listens, and how FileDescriptorName= calls it."""

    bound: Listening
    name: str
    address: Endpoint | Path

    def __str__(self) -> str:
        return f'systemd\'s socket "{scrub(self.name)}" on {scrub(str(self.address))}'

    def covers(self, address: Endpoint | Path) -> bool:
        """Whether it takes the connections to this address."""
        if address == self.address or not isinstance(self.address, Endpoint):
            return address == self.address
        takes_both = self.bound.family == socket.AF_INET6 and not self.bound.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        return takes_both and address == Endpoint(_EVERYWHERE.get(self.address.host, ""), self.address.port)


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What one configuration listens on; `own` are those that systemd did not pass, by the text of their address."""

    by_word: Mapping[str, tuple[Listening, ...]]
    own: tuple[tuple[str, Listening], ...]
    lmtp_mode: int


@dataclass(frozen=True, slots=True)
class _Wanted:
    word: str
    place: str
    address: Endpoint | Path


def passed_on(environ: MutableMapping[str, str]) -> tuple[Passed, ...]:
    """The sockets that systemd has passed to this process; children do not find the variables any more."""
    for_us = environ.get("LISTEN_PID") == str(os.getpid())
    count, names = environ.get("LISTEN_FDS", ""), environ.get("LISTEN_FDNAMES")
    for variable in _VARIABLES:
        environ.pop(variable, None)
    if not for_us:
        return ()
    if not count.isascii() or not count.isdigit() or len(count) > 4:
        raise ConfigError(f'LISTEN_FDS: found "{scrub(count)}", expected a number of sockets')
    descriptors = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(count))
    called = ["unknown"] * len(descriptors) if names is None else names.split(":")
    if len(called) != len(descriptors) and (called != [""] or descriptors):
        raise ConfigError(f"LISTEN_FDNAMES: found {len(called)} names, expected one for each of {count} sockets")
    return tuple(_take(descriptor, name) for descriptor, name in zip(descriptors, called, strict=False))


def _take(descriptor: int, name: str) -> Passed:
    try:
        bound = Listening.inherited(descriptor)
    except OSError as error:
        raise _wrong(descriptor, name, f"none ({error.strerror})") from None
    fault = _fault(bound)
    if fault:
        bound.close()
        raise _wrong(descriptor, name, fault)
    bound.set_inheritable(False)
    return Passed(bound, name, _address(bound))


def _fault(bound: socket.socket) -> str:
    if bound.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "one of another family"
    if bound.type != socket.SOCK_STREAM:
        return "one that is no stream"
    return "" if bound.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else "one that does not listen"


def _wrong(descriptor: int, name: str, found: str) -> ConfigError:
    expected = "a listening stream socket of TCP or Unix"
    return ConfigError(
        f'systemd\'s socket "{scrub(name)}" (descriptor {descriptor}): found {found}, expected {expected}'
    )


def _address(bound: socket.socket) -> Endpoint | Path:
    name = bound.getsockname()
    if isinstance(name, tuple):
        return Endpoint(str(ip_address(name[0].partition("%")[0])), name[1])
    return Path(os.fsdecode(name))  # an abstract name begins with a zero, and is no path of a configuration


class Sockets:
    """All listening sockets of the supervisor."""

    def __init__(self, passed: Sequence[Passed] = ()) -> None:
        self._passed = tuple(passed)
        self._own: tuple[tuple[str, Listening], ...] = ()
        self._open: list[Listening] = [each.bound for each in passed]
        self._has_begun = False

    def arrange(self, config: Config, words: Collection[str]) -> Arrangement:
        """What this configuration listens on with these of its keys; opens what is not open yet."""
        wanted = [each for each in _wanted(config) if each.word in words]
        found: dict[str, list[Listening]] = {word: [] for word in words}
        for each in self._passed:
            found[_word_of(each, wanted, words)].append(each.bound)
        kept, own = list(self._own), []
        try:
            for want in wanted:
                if not any(each.covers(want.address) for each in self._passed):
                    own.append((str(want.address), self._have(kept, want, config)))
                    found[want.word].append(own[-1][1])
        except BaseException:
            self._close(bound for _, bound in own if bound not in self._in_force())
            raise
        return Arrangement({word: tuple(bound) for word, bound in found.items()}, tuple(own), config.lmtp.mode)

    def _have(self, kept: list[tuple[str, Listening]], want: _Wanted, config: Config) -> Listening:
        for text, bound in kept:
            if text == str(want.address):
                kept.remove((text, bound))
                return bound
        bound = _open(want, config)
        self._open.append(bound)
        return bound

    def adopt(self, arrangement: Arrangement) -> None:
        """This is in force: close what it does not use."""
        if not self._has_begun:
            _tell_of_passed(arrangement)
        self._has_begun = True
        used = [bound for _, bound in arrangement.own]
        self._close(bound for bound in self._in_force() if bound not in used)
        self._own = arrangement.own
        for bound in used:
            if bound.path is not None:
                bound.path.chmod(arrangement.lmtp_mode)

    def drop(self, arrangement: Arrangement) -> None:
        """This will never be in force: close what it alone uses."""
        in_force = self._in_force()
        self._close(bound for _, bound in arrangement.own if bound not in in_force)

    def leave(self) -> None:
        """Nobody serves any more, after those who do now; systemd's sockets are left to the next to come."""
        self._close(self._open)

    def keep(self, mine: Collection[Listening]) -> None:
        """In a child: let go of the sockets of others, or they would stay open until we end."""
        for bound in self._open:
            if bound not in mine:
                bound.close()

    def _in_force(self) -> list[Listening]:
        return [bound for _, bound in self._own]

    def _close(self, some: Collection[Listening] | Iterator[Listening]) -> None:
        for bound in list(some):
            bound.last_call()
            self._open.remove(bound)
            bound.close()


def _tell_of_passed(arrangement: Arrangement) -> None:
    for word, some in arrangement.by_word.items():
        for bound in some:
            if not bound.is_ours:
                log.info("%s: %s, taken over from systemd", ".".join(KEYS[word]), _address(bound))


def _wanted(config: Config) -> Iterator[_Wanted]:
    for word, (section, key) in KEYS.items():
        value = getattr(getattr(config, section), key)
        if isinstance(value, tuple):
            for index, endpoint in enumerate(value):
                yield _Wanted(word, f"{section}.{key}[{index}]", endpoint)
        elif value is not None:
            yield _Wanted(word, f"{section}.{key}", value)


def _word_of(passed: Passed, wanted: Sequence[_Wanted], words: Collection[str]) -> str:
    """The address decides; the name does where the address says nothing."""
    for want in wanted:
        if passed.covers(want.address):
            return want.word
    if passed.name in words and (passed.name == "lmtp") == isinstance(passed.address, Path):
        return passed.name
    keys = ", ".join(".".join(KEYS[word]) for word in words) or "nothing"
    names = ", ".join(words) or "none"
    raise ConfigError(
        f"{passed}: found no key for it, expected an address of {keys}, or FileDescriptorName= of {names}"
    )


def _open(want: _Wanted, config: Config) -> Listening:
    try:
        address = want.address
        bound = bind_unix(address, config.lmtp.mode) if isinstance(address, Path) else bind(str(address))
    except OSError as error:
        kind = CannotListen if error.errno in BUSY else ConfigError
        reason, expected = error.strerror or error, "a path" if isinstance(want.address, Path) else "a free port"
        text = f'{config.source}: {want.place}: cannot listen on "{want.address}" ({reason}), expected {expected}'
        raise kind(text) from None
    log.info("%s: listening on %s", want.place.partition("[")[0], _address(bound))
    return bound
