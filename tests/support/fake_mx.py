# SPDX-License-Identifier: Apache-2.0
"""A remote mail host on a free loopback port that refuses what a test scripts and records what it accepts.

`script` maps a command to a response: "RCPT bob@far.example" (that recipient), "RCPT" (any), and so on for CONNECT,
EHLO, HELO, STARTTLS, AUTH, MAIL, DATA and CONTENT (after the final dot). The more exact key wins; "drop" hangs up.
"""

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.waiting import PATIENCE_S

LINE_OCTETS = 1_000_000


@dataclass(frozen=True)
class Mail:
    """One mail that came whole; the null reverse-path is None, dots are unstuffed."""

    reverse_path: str | None
    recipients: tuple[str, ...]
    content: bytes
    helo: str
    tls: bool
    login: str | None
    answered: bool  # False: its 250 was lost


class FakeMx:
    """The server; `lose_250(n)` makes the next n mails arrive, be recorded, and get no response."""

    def __init__(
        self,
        script: Mapping[str, str] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        login: tuple[str, str] | None = None,
        extensions: tuple[str, ...] = (),
    ) -> None:
        self.script, self.tls, self.login, self.extensions = dict(script or {}), tls, login, extensions
        self.mails: list[Mail] = []
        self.commands: list[str] = []
        self.sessions = 0
        self._losses = 0
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.mx = self
        self.port = self._server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "FakeMx":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def lose_250(self, mails: int = 1) -> None:
        """Drop the connection after the content of the next mails, before their response."""
        with self._changed:
            self._losses = mails

    def wait_for(self, mails: int, timeout: float = PATIENCE_S) -> list[Mail]:
        """Wait until so many mails came; fails with AssertionError after the deadline."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self.mails) >= mails, timeout):
                raise AssertionError(f"{len(self.mails)} of {mails} mails came in {timeout} s")
            return list(self.mails)

    def note(self, command: str) -> None:
        """Remember a command line, in the order of arrival."""
        with self._changed:
            self.commands.append(command)

    def connected(self) -> None:
        """Count a connection."""
        with self._changed:
            self.sessions += 1

    def scripted(self, verb: str, address: str | None = None) -> str | None:
        """The scripted response, the one for the address first."""
        return self.script.get(f"{verb} {address}", self.script.get(verb))

    def record(self, session: "_Session", content: bytes, *, accepted: bool) -> bool:
        """Keep an accepted mail; returns whether its response may be sent."""
        with self._changed:
            lost = accepted and self._losses > 0
            self._losses -= lost
            if accepted:
                self.mails.append(session.mail(content, answered=not lost))
                self._changed.notify_all()
            return not lost


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no news."""


class _Session(socketserver.StreamRequestHandler):
    timeout = PATIENCE_S

    def setup(self) -> None:
        super().setup()
        self.mx: FakeMx = self.server.mx
        self.helo, self.is_tls, self.login = "", False, None
        self._reset()
        self.mx.connected()

    def _reset(self) -> None:
        self.reverse_path, self.has_sender, self.recipients = None, False, []

    def mail(self, content: bytes, *, answered: bool) -> Mail:
        return Mail(
            self.reverse_path, tuple(self.recipients), content, self.helo, self.is_tls, self.login, answered=answered
        )

    def finish(self) -> None:
        super().finish()
        if self.is_tls:
            self.connection.close()  # the server closes only the plain socket it knows

    def _say(self, response: str) -> bool:
        """Send one response; False when the session ends."""
        if response == "drop":
            return False
        self.wfile.write(response.encode() + b"\r\n")
        return not response.startswith("421")

    def handle(self) -> None:
        if not self._say(self.mx.scripted("CONNECT") or "220 far.example ESMTP"):
            return
        while line := self.rfile.readline(LINE_OCTETS):
            text = line.decode("utf-8", "backslashreplace").rstrip("\r\n")
            self.mx.note(text)
            verb, _, rest = text.partition(" ")
            proceed = getattr(self, f"_{verb.lower()}", self._unknown)
            if not proceed(rest):
                return

    def _unknown(self, _: str) -> bool:
        return self._say("500 5.5.2 unknown")

    def _ehlo(self, name: str) -> bool:
        self.helo = name
        self._reset()
        if refusal := self.mx.scripted("EHLO"):
            return self._say(refusal)
        extensions = ["far.example", "PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", *self.mx.extensions]
        if self.mx.tls is not None and not self.is_tls:
            extensions.append("STARTTLS")
        if self.mx.login is not None:
            extensions.append("AUTH PLAIN LOGIN")
        last = len(extensions) - 1
        return self._say("\r\n".join(f"250{' ' if i == last else '-'}{e}" for i, e in enumerate(extensions)))

    def _helo(self, name: str) -> bool:
        self.helo = name
        self._reset()
        return self._say(self.mx.scripted("HELO") or "250 far.example")

    def _starttls(self, _: str) -> bool:
        refusal = self.mx.scripted("STARTTLS") or ("502 5.5.1 no TLS here" if self.mx.tls is None else None)
        if refusal:
            return self._say(refusal)
        self._say("220 2.0.0 go ahead")
        self.connection = self.mx.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = socketserver._SocketWriter(self.connection)
        self.is_tls = True
        self._reset()
        return True

    def _auth(self, rest: str) -> bool:
        if refusal := self.mx.scripted("AUTH"):
            return self._say(refusal)
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            _, login, password = self._decoded(initial or self._challenge("")).split("\0")
        else:
            login = self._decoded(initial or self._challenge("Username:"))
            password = self._decoded(self._challenge("Password:"))
        if (login, password) != self.mx.login:
            return self._say("535 5.7.8 wrong")
        self.login = login
        return self._say("235 2.7.0 welcome")

    def _challenge(self, text: str) -> str:
        self._say(f"334 {base64.b64encode(text.encode()).decode()}")
        return self.rfile.readline(LINE_OCTETS).decode("ascii", "replace").strip()

    def _decoded(self, text: str) -> str:
        return base64.b64decode(text).decode("utf-8", "replace")

    def _mail(self, rest: str) -> bool:
        path = re.match(r"(?i)FROM:<([^>]*)>", rest)
        if path is None or self.has_sender:
            return self._say("501 5.5.4 syntax or sequence")
        if refusal := self.mx.scripted("MAIL", path[1]):
            return self._say(refusal)
        self.reverse_path, self.has_sender = path[1] or None, True
        return self._say("250 2.1.0 ok")

    def _rcpt(self, rest: str) -> bool:
        path = re.match(r"(?i)TO:<([^>]+)>", rest)
        if path is None or not self.has_sender:
            return self._say("503 5.5.1 syntax or sequence")
        if refusal := self.mx.scripted("RCPT", path[1]):
            return self._say(refusal)
        self.recipients.append(path[1])
        return self._say("250 2.1.5 ok")

    def _data(self, _: str) -> bool:
        if not self.recipients:
            return self._say("503 5.5.1 no valid recipients")
        if refusal := self.mx.scripted("DATA"):
            return self._say(refusal)
        self._say("354 go ahead")
        lines = []
        while (line := self.rfile.readline(LINE_OCTETS)) != b".\r\n":
            if not line:
                return False
            lines.append(line.removeprefix(b"."))
        return self._settle(b"".join(lines))

    def _settle(self, content: bytes) -> bool:
        response = self.mx.scripted("CONTENT") or "250 2.0.0 taken"
        if not self.mx.record(self, content, accepted=response.startswith("2")):
            return False
        self._reset()
        return self._say(response)

    def _rset(self, _: str) -> bool:
        self._reset()
        return self._say("250 2.0.0 ok")

    def _noop(self, _: str) -> bool:
        return self._say("250 2.0.0 ok")

    def _quit(self, _: str) -> bool:
        self._say("221 2.0.0 bye")
        return False
