# SPDX-License-Identifier: Apache-2.0
"""What the three mail servers have in common: a mail goes in by SMTP on loopback and out to casegate's MX.

The domain of the reverse-path chooses the way: from @plain.example without TLS, from @handover.example by LMTP, else as
the server does by default, which is opportunistic TLS. Mail to @home.example and @handover.example, such as a bounce,
goes to `home`. None of them asks DNS.
"""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tests.support.peers.root import Root
from tests.support.ports import free_port
from tests.support.smtp_client import RawClient
from tests.support.waiting import wait_until

PLAIN, HOME, HANDOVER = "plain.example", "home.example", "handover.example"
PLAIN_ADDRESS = "127.0.0.2"
LMTP_SOCKET = "/run/casegate-lmtp"
OCTETS = 40_000_000


@dataclass(frozen=True)
class Hosts:
    """Ports of casegate's MX, on 127.0.0.1 and PLAIN_ADDRESS, and of the host `home`; casegate's LMTP socket."""

    mx: int
    home: int
    lmtp: Path | None = None


class Server(ABC):
    """One running mail server; `port` takes mail for the whole world."""

    name: ClassVar[str]
    deferral: ClassVar[str]  # words in the log when a delivery is put off
    users: ClassVar[dict[str, int]]  # those that the programs ask for, with a number

    def __init__(self, directory: Path, hosts: Hosts) -> None:
        self.hosts, self.port, self._deferrals_known = hosts, free_port(), 0
        self.root = Root(self.name, directory, self.users)
        if hosts.lmtp is not None:
            os.link(hosts.lmtp, self.root.path(LMTP_SOCKET))  # a root has no other door to the sockets outside
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
        """Give the server a mail to pass on; the parameters are those of MAIL."""
        self.hand_in(content, f"MAIL FROM:<{reverse_path}>{parameters}", *(f"RCPT TO:<{to}>" for to in recipients))

    def hand_in(self, content: bytes, *commands: str) -> None:
        """The same with the commands of the envelope as they are."""
        with RawClient(("127.0.0.1", self.port)) as client:
            client.ehlo()
            for line in commands:
                answer = client.command(line)
                assert answer.code == 250, (line, answer)
            assert client.command("DATA").code == 354
            answer = client.send_content(content)
            assert answer.code == 250, answer
            client.quit()

    def wait_until_empty(self) -> None:
        """Wait until the queue holds nothing: each mail went, or came back to its author; none was put off."""
        wait_until(
            lambda: self._deferrals() > self._deferrals_known or not self.queue(),
            f"the queue of {self.name} to be empty",
        )
        new = self._deferrals() - self._deferrals_known
        self._deferrals_known += new
        assert not new, f"{self.name} put off a delivery:\n{self.queue()}\n{self.log()[-4000:]}"

    def _deferrals(self) -> int:
        return self.log().count(self.deferral)

    def close(self) -> None:
        """End the server and remove its root."""
        self.root.close()
