# SPDX-License-Identifier: Apache-2.0
"""Installations for the crash tests: SQLite with casegate's own workers, PostgreSQL with RQ on a real Redis."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from redis.exceptions import RedisError

from tests.crash.house import House
from tests.crash.ledger import CUSTOMER_DOMAIN, HELD_ADDRESS
from tests.support.dkim import Signer
from tests.support.dns import DnsZone
from tests.support.fake_mx import FakeMx
from tests.support.installation import DESK, Installation

STACKS = (
    pytest.param("sqlite", id="sqlite-own-workers"),
    pytest.param("postgres", id="postgres-rq", marks=(pytest.mark.postgres, pytest.mark.redis)),
)
ONE_OF_EACH = {"mx": {"processes": 1}, "queue": {"workers": 1, "sweep_period": "300ms", "lease": "5m"}}
_OPEN = {**DESK["address"][0], "acknowledge": "We have your mail."}
_HELD = {**_OPEN, "address": HELD_ADDRESS, "accept_from": "known_contacts", "others": "quarantine"}
ACKNOWLEDGING_DESK = {**DESK, "address": [_OPEN, _HELD]}

Build = Callable[..., House]


@pytest.fixture(scope="module", params=STACKS)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tls_files) -> Iterator[Build]:
    """Makes a house on one stack; everything ends with the module."""
    with ExitStack() as ends:

        def make(config: dict[str, dict[str, object]], sink: FakeMx | None = None) -> House:
            zone = DnsZone()
            ends.callback(zone.close)
            urls = ends.enter_context(_stack(request))
            installation = Installation(
                tmp_path_factory.mktemp("crash"),
                nameservers=[zone.address],
                tls=tls_files,
                desk=ACKNOWLEDGING_DESK,
                route=f"smtp://{sink.address}" if sink is not None else "",
                config={**config, "outbound": {"retry": ["1s"]}},
                **urls,
            )
            installation.set_up()
            house = House(installation, ACKNOWLEDGING_DESK, Signer(zone, CUSTOMER_DOMAIN), sink)
            ends.callback(house.close)
            return house

        yield make


@contextmanager
def _stack(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """Where the database is, and Redis if there is one."""
    if request.param == "sqlite":
        yield {}
        return
    postgres, redis = request.getfixturevalue("postgres_server"), request.getfixturevalue("redis_session")
    try:
        redis.flush()
    except RedisError:  # a test before killed it
        redis.restart()
    url = postgres.store()
    yield {"database_url": url, "redis_url": redis.url}
    postgres.drop(url)
