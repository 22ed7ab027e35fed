# SPDX-License-Identifier: Apache-2.0
"""One casegate, and one of each real sender, for all tests of a file.

Only MX and submission run: what is tested is the conversation, and that what arrived is what was sent.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from tests.peers.senders import ClientSender, Sender, ServerSender
from tests.support.dns import DnsZone
from tests.support.fake_mx import FakeMx
from tests.support.installation import Installation
from tests.support.peers.clients import CLIENTS
from tests.support.peers.exim import Exim
from tests.support.peers.opensmtpd import OpenSmtpd
from tests.support.peers.postfix import Postfix
from tests.support.peers.root import lacking
from tests.support.peers.server import PLAIN_ADDRESS, Hosts, Server
from tests.support.ports import free_port
from tests.support.tls import TlsFiles

SERVERS: dict[str, type[Server]] = {one.name: one for one in (Postfix, Exim, OpenSmtpd)}


@dataclass(frozen=True)
class House:
    """casegate, and the host at which its senders' own mail arrives."""

    installation: Installation
    home: FakeMx

    def arrived(self, message_id: str) -> list[dict[str, Any]]:
        """`message show` of each mail with this Message-ID; a mail answered 250 is there."""
        found = [one for one in self.installation.json("message", "list") if one["message_id"] == message_id]
        return [self.installation.message(one["id"]) for one in found]

    def the_one(self, message_id: str) -> dict[str, Any]:
        """The mail with this Message-ID, which must have come once."""
        found = self.arrived(message_id)
        assert len(found) == 1, found
        return found[0]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, tls_files: TlsFiles) -> Iterator[House]:
    """MX, on two addresses, with LMTP, and submission."""
    port, place = free_port(), tmp_path_factory.mktemp("peers")
    config = {
        "mx": {"listen": [f"127.0.0.1:{port}", f"{PLAIN_ADDRESS}:{port}"], "processes": 1},
        "lmtp": {"socket": str(place / "lmtp"), "mode": "0666"},
    }
    with (
        closing(DnsZone()) as zone,
        FakeMx() as home,
        Installation(place, nameservers=[zone.address], tls=tls_files, config=config) as installation,
    ):
        installation.mx_port = port
        installation.set_up()
        installation.start("mx", "submission")
        yield House(installation, home)
        assert installation.errors() == []
        installation.stop()


@pytest.fixture(scope="module")
def sender(request: pytest.FixtureRequest, house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sender]:
    """The sender that the parameter names."""
    name, directory = request.param, tmp_path_factory.mktemp(request.param)
    client = next((one for one in CLIENTS if one.name == name), None)
    reason = client.lacking() if client else lacking(name)
    if reason:
        pytest.skip(reason)
    if client:
        yield ClientSender(client, directory / "files", house.installation.mx_port, house.installation.tls.ca)
        return
    hosts = Hosts(house.installation.mx_port, house.home.port, house.installation.directory / "lmtp")
    server = SERVERS[name](directory / "root", hosts)
    try:
        yield ServerSender(server)
    finally:
        server.close()
