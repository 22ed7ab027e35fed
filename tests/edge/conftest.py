# SPDX-License-Identifier: Apache-2.0
"""One whole installation for the tests of the edge, which strangers attack over its real sockets."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.dns import DnsZone
from tests.support.installation import Installation
from tests.support.tls import TlsFiles


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[Callable[..., Installation]]:
    """build(config) starts an installation on SQLite with workers of its own."""
    zone, made = DnsZone(), []

    def build(config: dict | None = None) -> Installation:
        directory = tmp_path_factory.mktemp("edge")
        one = Installation(directory, nameservers=[zone.address], tls=tls_files, config=config)
        made.append(one)
        one.set_up(zone)
        one.start()
        return one

    yield build
    for one in made:
        one.close()
    zone.close()


@pytest.fixture(scope="module")
def house(build: Callable[..., Installation]) -> Installation:
    """The one with every default, that the tests of a module share."""
    return build()
