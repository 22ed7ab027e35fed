# SPDX-License-Identifier: Apache-2.0
"""One face for all real senders: hand over a mail on one of several ways, and wait until it has left.

A way decides about TLS, about the reverse-path, because mail servers choose the way by it, and about SMTPUTF8.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from tests.support.peers.clients import Call, Client, Outcome, Tls
from tests.support.peers.server import HANDOVER, HOME, PLAIN, Server

SUPPORT, UNKNOWN = "support@firm.example", "nobody@firm.example"


@dataclass(frozen=True)
class Way:
    """How a mail travels from the sender to casegate."""

    reverse_path: str
    tls: Tls
    parameters: str = ""  # of MAIL, where the mail goes in


IN_CLEAR = Way(f"carl@{PLAIN}", Tls.NONE)
BY_STARTTLS = Way("carl@customer.example", Tls.STARTTLS)
SMTPUTF8 = Way("jörg@bücher.example", Tls.STARTTLS, " SMTPUTF8 BODY=8BITMIME")
BY_LMTP = Way(f"carl@{HANDOVER}", Tls.NONE)
FROM_HOME = Way(f"carl@{HOME}", Tls.STARTTLS)


class Sender(ABC):
    """A program that was not written by us."""

    name: str

    @abstractmethod
    def deliver(self, content: bytes, way: Way) -> None:
        """Hand over one mail to SUPPORT and wait until nothing waits any more; fails when it was not taken."""


class ClientSender(Sender):
    """A program that sends and ends."""

    def __init__(self, client: Client, directory: Path, port: int, ca: Path) -> None:
        self.name, self.client = client.name, client
        self._directory, self._port, self._ca = directory, port, ca
        directory.mkdir()

    def call(self, content: bytes, way: Way, *recipients: str) -> Outcome:
        """One run of the program."""
        asked = Call(self._directory, self._port, way.tls, self._ca, way.reverse_path, recipients, content)
        return self.client.send(asked)

    def deliver(self, content: bytes, way: Way) -> None:
        """It must end well."""
        outcome = self.call(content, way, SUPPORT)
        assert outcome.status == 0, outcome.printed[-4000:]


class ServerSender(Sender):
    """A mail server with a queue."""

    def __init__(self, server: Server) -> None:
        self.name, self.server = server.name, server

    def deliver(self, content: bytes, way: Way) -> None:
        """It must have nothing left in its queue."""
        self.server.take(way.reverse_path, (SUPPORT,), content, way.parameters)
        self.server.wait_until_empty()
