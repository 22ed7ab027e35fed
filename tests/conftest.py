# SPDX-License-Identifier: Apache-2.0
"""Fixtures for every test: the real outer world, private to this run, on free loopback ports.

What is missing on this machine skips with the Debian package to install; in CI a skip is red (tests/support/skips.py).
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from redis.exceptions import RedisError

from tests.support import loop, tls
from tests.support.clock import FakeClock
from tests.support.dns import DnsZone
from tests.support.postgres_server import PostgresServer, binaries
from tests.support.redis_server import PROGRAM, RedisServer
from tests.support.skips import SkipJudge


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SkipJudge())
    asyncio.set_event_loop_policy(loop.Policy())
    # The same examples on every run and no time limit on one: red means the code, not the dice or a busy machine.
    settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
    settings.load_profile("repeatable")


@pytest.fixture
def clock() -> FakeClock:
    """Time that moves only when told."""
    return FakeClock()


@pytest.fixture(scope="session")
def redis_session() -> Iterator[RedisServer]:
    """The Redis of this run; tests ask for redis_server."""
    if PROGRAM is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def redis_server(redis_session: RedisServer) -> RedisServer:
    """A running, empty Redis, whatever the test before did to it."""
    try:
        redis_session.flush()
    except RedisError:  # the test before killed it
        redis_session.restart()
    return redis_session


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL of this run, not durable against a crash of itself; tests that crash it make their own."""
    if binaries() is None:
        pytest.skip("PostgreSQL's binaries are not installed: apt-get install postgresql")
    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty database that is dropped afterwards."""
    url = postgres_server.database()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def postgres_store(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of a migrated database that is dropped afterwards."""
    url = postgres_server.store()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def dns_zone() -> Iterator[DnsZone]:
    """A DNS server with an empty zone."""
    zone = DnsZone()
    yield zone
    zone.close()


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tls.TlsFiles:
    """A test authority and a certificate for gw.example, mx.example, localhost and 127.0.0.1."""
    return tls.make(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The directory of the mail corpora."""
    path = os.environ.get("CASEGATE_CORPORA", "")
    if not path or not Path(path).is_dir():
        pytest.skip("CASEGATE_CORPORA names no directory of mail corpora")
    return Path(path)
