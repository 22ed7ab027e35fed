# SPDX-License-Identifier: Apache-2.0
"""What the three mail servers have in common: a mail goes in by SMTP on loopback and out to casegate's MX.

The domain of the reverse-path chooses the way: from @plain.example without TLS, from any other as the server does by
default, which is opportunistic TLS. Mail to @home.example, such as a bounce, goes to `home`. None of them asks DNS.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.support.peers.root import Root
from tests.support.ports import free_port
from tests.support.smtp_client import RawClient
from tests.support.waiting import wait_until

PLAIN, HOME = "plain.example", "home.example"
PLAIN_ADDRESS = "127.0.0.2"
OCTETS = 40_000_000
SLOW_S = 60.0


@dataclass(frozen=True)
class Hosts:
    """Ports: casegate's MX, on 127.0.0.1 and PLAIN_ADDRESS, and the host that takes the mail for @home.example."""

    mx: int
    home: int


class Server(ABC):
    """One running mail server; `port` takes mail for the whole world."""

    name: ClassVar[str]
    users: ClassVar[dict[str, int]]  # those that the programs ask for, with a number

    def __init__(self, directory: Path, hosts: Hosts) -> None:
        self.hosts, self.port = hosts, free_port()
        self.root = Root(self.name, directory, self.users)
        try:
            self.start()
        except BaseException:
            self.root.close()
            raise

    @abstractmethod
    def start(self) -> None:
        """Write the configuration and start the server."""

    @abstractmethod
    def queue(self) -> str:
        """The mails that wait, as the server lists them; empty when there are none."""

    @abstractmethod
    def log(self) -> str:
        """What the server logged so far."""

    def take(self, reverse_path: str, recipients: tuple[str, ...], content: bytes, parameters: str = "") -> None:
        """Give the server a mail to pass on."""
        with RawClient(("127.0.0.1", self.port), timeout=SLOW_S) as client:
            client.ehlo()
            for line in (f"MAIL FROM:<{reverse_path}>{parameters}", *(f"RCPT TO:<{to}>" for to in recipients)):
                answer = client.command(line)
                assert answer.code == 250, (line, answer)
            assert client.command("DATA").code == 354
            answer = client.send_content(content)
            assert answer.code == 250, answer
            client.quit()

    def wait_until_empty(self) -> None:
        """Wait until the queue holds nothing: each mail went, or came back to its author."""
        try:
            wait_until(lambda: not self.queue(), f"the queue of {self.name} to be empty", SLOW_S)
        except AssertionError as waited:
            raise AssertionError(f"{waited}\n{self.queue()}\n{self.log()[-4000:]}") from None

    def close(self) -> None:
        """End the server and remove its root."""
        self.root.close()
