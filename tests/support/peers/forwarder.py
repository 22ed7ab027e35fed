# SPDX-License-Identifier: Apache-2.0
"""A real Postfix that forwards a firm's address to its gateway, tagging subjects, as hosted mailboxes do.

Where it forwards to and by which of its own addresses is asked of the test for each mail (Postfix's socketmap), so that
a test changes both while it runs. All other mail it takes it drops.
"""

import contextlib
import socketserver
import threading
from pathlib import Path
from typing import ClassVar

from tests.support.peers.postfix import USERS, run
from tests.support.peers.root import Root
from tests.support.ports import free_port
from tests.support.smtp_client import RawClient

FIRST, SECOND = "127.0.0.3", "127.0.0.4"
TAG = "[External]"

FORWARDER_CF = """\
myhostname = mail.forwarder.example
mynetworks = 127.0.0.0/8
message_size_limit = 10000000
virtual_alias_domains = firm.example
virtual_alias_maps = socketmap:inet:127.0.0.1:{maps}:alias
transport_maps = socketmap:inet:127.0.0.1:{maps}:transport
header_checks = regexp:/etc/postfix/header_checks
default_transport = discard:
"""
HEADER_CHECKS = """\
/^Subject: (.*)$/ REPLACE Subject: {tag} $1
/^Date:/ PREPEND X-Forwarded-By: mail.forwarder.example
"""
SECOND_CF = "second unix - - n - - smtp -o smtp_bind_address={second}\n"
FIRST_CF = "first unix - - n - - smtp -o smtp_bind_address={first}\n"


class Forwarder:
    """`to` is where support@firm.example goes, empty for nowhere; `by` the address it is brought from."""

    name: ClassVar = "postfix"

    def __init__(self, directory: Path, mx_port: int) -> None:
        self.to, self.by, self.mx_port, self.port = "", FIRST, mx_port, free_port()
        self._maps = _Maps(self)
        self.root = Root(self.name, directory, USERS)
        self.root.write("/etc/postfix/header_checks", HEADER_CHECKS.format(tag=TAG))
        try:
            services = FIRST_CF.format(first=FIRST) + SECOND_CF.format(second=SECOND)
            run(self.root, self.port, FORWARDER_CF.format(maps=self._maps.port), services)
        except BaseException:
            self.close()
            raise

    def find(self, table: str, key: str) -> str:
        """What Postfix is told; empty for nothing."""
        if table == "alias":
            return (self.to or "nobody@sink.example") if key == "support@firm.example" else ""
        service = "first" if self.by == FIRST else "second"
        return f"{service}:[127.0.0.1]:{self.mx_port}" if key.endswith("@gw.example") else ""

    def send(self, reverse_path: str, content: bytes) -> None:
        """A customer writes to the firm."""
        with RawClient(("127.0.0.1", self.port)) as client:
            client.ehlo()
            answer = client.send_mail(reverse_path, ["support@firm.example"], content)
            assert answer.code == 250, answer

    def log(self) -> str:
        """What Postfix says."""
        return self.root.read("/var/log/postfix.log") + self.root.output()

    def close(self) -> None:
        """End it and remove its root."""
        self.root.close()
        with contextlib.suppress(OSError):
            self._maps.close()


class _Maps(socketserver.ThreadingTCPServer):
    """Postfix's socketmap protocol: netstrings of "table key", answered by OK or NOTFOUND."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, forwarder: Forwarder) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.forwarder, self.port = forwarder, self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self.shutdown()
        self.server_close()


class _Asked(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while size := self._size():
            table, _, key = self.rfile.read(size).decode().partition(" ")
            self.rfile.read(1)
            found = self.server.forwarder.find(table, key.lower())  # type: ignore[attr-defined]
            answer = f"OK {found}" if found else "NOTFOUND "
            self.wfile.write(f"{len(answer)}:{answer},".encode())

    def _size(self) -> int:
        digits = b""
        while (one := self.rfile.read(1)) not in (b":", b""):
            digits += one
        return int(digits or b"0")
