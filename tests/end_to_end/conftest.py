# SPDX-License-Identifier: Apache-2.0
"""Whole installations: one that many tests share, on either pair of database and runner, and new ones on demand."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest

from tests.support.dns import DnsZone
from tests.support.installation import DESK, Installation
from tests.support.people import Agent, Customer
from tests.support.postgres_server import PostgresServer
from tests.support.redis_server import PROGRAM, RedisServer
from tests.support.tls import TlsFiles

# Strings that stand nowhere else, so that one byte of them in a customer's mail is a leak.
LOGIN = "canarylogin"
MAILBOX = "canary-mailbox@canary-private.example"
LAPTOP = "canary-laptop.canary-lan.example"
CANARIES = (LOGIN, "canary-mailbox", "canary-private", "canary-laptop", "canary-lan", "canary-client")

ACKNOWLEDGE = "We have your mail and will answer soon."
SIGNATURE = "The people of Firm Support"
DESK_OF_TESTS = {
    **DESK,
    "agent": [{"login": LOGIN, "name": "Ann Doe", "address": MAILBOX, "teams": ["support"], "signature": SIGNATURE}],
    "address": [
        *DESK["address"],
        {"address": "hello@firm.example", "team": "support", "verified": True, "acknowledge": ACKNOWLEDGE},
        {"address": "vip@firm.example", "team": "support", "verified": True, "accept_from": "known_contacts"},
        *(
            {
                "address": f"{others}@firm.example",
                "team": "support",
                "verified": True,
                "accept_from": "known_contacts",
                "others": others,
            }
            for others in ("quarantine", "discard")
        ),
    ],
    "contact": [{"name": "Vera Known", "addresses": ["vera@known.example"]}],
}


@dataclass
class World:
    """An installation with its DNS, an agent, and as many customers as a test asks for."""

    installation: Installation
    zone: DnsZone
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def agent(self) -> Agent:
        """The one agent of the team."""
        ann = Agent(self.installation, LOGIN, MAILBOX)
        ann.helo = LAPTOP
        return ann

    def customer(self, address: str = "", name: str = "Carl Customer") -> Customer:
        """A new customer at a domain of their own."""
        return Customer(self.installation, self.zone, address or f"carl@customer{next(self._numbers)}.example", name)


Build = Callable[..., World]


@pytest.fixture
def build(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Build]:
    """Makes new installations with the desk of these tests, set up and not started."""
    yield from _builder(tmp_path_factory, tls_files)


@pytest.fixture(scope="module")
def build_for_module(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Build]:
    """The same for installations that the tests of a file share."""
    yield from _builder(tmp_path_factory, tls_files)


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("sqlite", id="sqlite-own-workers"),
        pytest.param("postgres", id="postgres-redis-rq", marks=[pytest.mark.postgres, pytest.mark.redis]),
    ],
)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles
) -> Iterator[World]:
    """A running installation that many tests share; at the end it must stop cleanly and have complained of nothing."""
    with contextlib.ExitStack() as servers:
        options = {} if request.param == "sqlite" else _servers(request, servers)
        build = servers.enter_context(contextlib.contextmanager(_builder)(tmp_path_factory, tls_files))
        made = build(**options)
        made.installation.start()
        yield made
        assert made.installation.errors() == []
        made.installation.stop()


def _servers(request: pytest.FixtureRequest, servers: contextlib.ExitStack) -> dict[str, str]:
    """A database of its own, and a Redis of its own: other tests kill the shared one."""
    postgres: PostgresServer = request.getfixturevalue("postgres_server")
    if PROGRAM is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    redis = RedisServer()
    servers.callback(redis.close)
    redis.start()
    return {"database_url": postgres.database(), "redis_url": redis.url}


def _builder(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Build]:
    made: list[World] = []

    def build(**options: object) -> World:
        zone = DnsZone()
        place = tmp_path_factory.mktemp("installation")
        options = {"desk": DESK_OF_TESTS, **options}
        world = World(Installation(place, nameservers=[zone.address], tls=tls_files, **options), zone)
        made.append(world)
        world.installation.set_up(zone, LOGIN)
        return world

    try:
        yield build
    finally:
        for world in made:
            world.installation.close()
            world.zone.close()
