# SPDX-License-Identifier: Apache-2.0
"""A blocking SMTP client that sends exactly the octets a test gives it and reads whole responses.

Every read has a deadline. A connection that the server closes raises Disconnected, a silent one TimeoutError.
"""

import base64
import contextlib
import re
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.support.waiting import PATIENCE_S

LINE_OCTETS = 8192


class Disconnected(ConnectionError):
    """The server closed the connection where a response was due."""


class Answer(NamedTuple):
    """One response: its code, and the text of all its lines without the code, joined by LF."""

    code: int
    text: str


def stuffed(content: bytes) -> bytes:
    """What goes over the wire for this content after 354 (RFC 5321 §4.5.2), with the final dot."""
    ended = content if content.endswith(b"\r\n") or not content else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@contextlib.contextmanager
def beginning(client: "RawClient") -> Iterator["RawClient"]:
    """The first words of a session that stays open; a client for whom they fail is closed."""
    try:
        yield client
    except BaseException:
        client.close()
        raise


class RawClient:
    """`address` is "host:port" or a pair; `tls` is implicit TLS; `proxy` the (address, port) of a PROXY header."""

    def __init__(
        self,
        address: str | tuple[str, int],
        *,
        tls: ssl.SSLContext | None = None,
        server_name: str = "localhost",
        proxy: tuple[str, int] | None = None,
        timeout: float = PATIENCE_S,
    ) -> None:
        host, port = address.rsplit(":", 1) if isinstance(address, str) else address
        self._server_name, self._timeout, self._buffer = server_name, timeout, b""
        self.sock: socket.socket = socket.create_connection((host, int(port)), timeout)
        self.greeting: Answer | None = None
        try:
            if proxy is not None:
                self.send(self._proxy_header(*proxy))
            if tls is not None:
                self.sock = tls.wrap_socket(self.sock, server_hostname=server_name)
            self.greeting = self.read()
        except BaseException:
            self.close()
            raise

    def _proxy_header(self, source: str, port: int) -> bytes:
        # The PROXY protocol's version 1: family, source, destination, ports, on one line.
        family, here = ("TCP6", "::1") if ":" in source else ("TCP4", "127.0.0.1")
        return f"PROXY {family} {source} {here} {port} {self.sock.getpeername()[1]}\r\n".encode()

    def __enter__(self) -> "RawClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up without QUIT."""
        self.sock.close()

    def send(self, octets: bytes) -> None:
        """Send these octets and nothing else."""
        self.sock.settimeout(self._timeout)
        self.sock.sendall(octets)

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._buffer:
            if len(self._buffer) > LINE_OCTETS:
                raise ValueError(f"endless response line: {self._buffer[:80]!r}")
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no response in time")
            self.sock.settimeout(left)
            try:
                octets = self.sock.recv(LINE_OCTETS)
            except ConnectionError as error:
                raise Disconnected(str(error)) from error
            if not octets:
                raise Disconnected(f"closed after {self._buffer!r}")
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line + b"\n"

    def read(self, timeout: float | None = None) -> Answer:
        """Read one whole response; checks that its lines agree in code and end in CR LF."""
        deadline = time.monotonic() + (timeout or self._timeout)
        texts, codes = [], set()
        while True:
            line = self._line(deadline)
            shape = re.fullmatch(rb"([2-5]\d\d)(?:([ -])([^\r\n]*))?\r\n", line)
            if shape is None:
                raise ValueError(f"not an SMTP response line: {line!r}")
            codes.add(int(shape[1]))
            texts.append((shape[3] or b"").decode("utf-8", "backslashreplace"))
            if shape[2] != b"-":
                break
        if len(codes) != 1:
            raise ValueError(f"a response with several codes: {codes} {texts}")
        return Answer(codes.pop(), "\n".join(texts))

    def command(self, line: str | bytes) -> Answer:
        """Send one line, CR LF added, and read the response: a 421, if the server has said that and gone."""
        with contextlib.suppress(ConnectionError):
            self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.read()

    def ehlo(self, name: str = "client.example") -> Answer:
        """Say EHLO; the text holds the extensions, one a line."""
        return self.command(f"EHLO {name}")

    def starttls(self, context: ssl.SSLContext) -> Answer:
        """STARTTLS and, after 220, the handshake; a test says EHLO again."""
        answer = self.command("STARTTLS")
        if answer.code == 220:
            self.handshake(context)
        return answer

    def handshake(self, context: ssl.SSLContext) -> None:
        """The TLS handshake, after STARTTLS was answered 220."""
        self.sock.settimeout(self._timeout)
        self.sock = context.wrap_socket(self.sock, server_hostname=self._server_name)

    def auth_plain(self, login: str, password: str) -> Answer:
        """AUTH PLAIN with an initial response (RFC 4616)."""
        return self.command(f"AUTH PLAIN {_encoded(f'{chr(0)}{login}{chr(0)}{password}')}")

    def auth_login(self, login: str, password: str) -> Answer:
        """AUTH LOGIN, two challenges."""
        for line in ("AUTH LOGIN", _encoded(login)):
            answer = self.command(line)
            if answer.code != 334:
                return answer
        return self.command(_encoded(password))

    def send_mail(self, reverse_path: str | None, recipients: Iterable[str], content: bytes) -> Answer:
        """One whole transaction; returns the last response, or the first that refuses (then RSET was said)."""
        commands = [f"MAIL FROM:<{reverse_path or ''}>", *(f"RCPT TO:<{to}>" for to in recipients), "DATA"]
        for line in commands:
            answer = self.command(line)
            if answer.code >= 400:
                self.command("RSET")
                return answer
        return self.send_content(content)

    def send_content(self, content: bytes) -> Answer:
        """Send content after 354, dots stuffed, with the final dot; read the response."""
        self.send(stuffed(content))
        return self.read()

    def quit(self) -> Answer:
        """QUIT, then hang up."""
        answer = self.command("QUIT")
        self.close()
        return answer

    def is_closed(self, timeout: float | None = None) -> bool:
        """Whether the server hangs up without another word within the deadline."""
        try:
            self._line(time.monotonic() + (timeout or self._timeout))
        except Disconnected:
            return True
        except TimeoutError:
            return False
        return False
