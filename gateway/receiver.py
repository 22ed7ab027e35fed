# SPDX-License-Identifier: Apache-2.0
"""What a listener needs of those who decide: a Receiver for mail and, on submission, an Authenticator for logins.

The listener keeps the protocol and calls these; they answer with a Response that goes to the client as it stands. An
exception from any of them becomes 451 4.3.0 with the session's id, and a traceback in the log only.
"""

import ssl
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

from gateway.lines import Deadlines
from storage.address import Address
from storage.envelope import Envelope, Session
from storage.response import Response

Network = IPv4Network | IPv6Network


class Intake(Protocol):
    """One content on its way in: `write` pieces, then either `finish` or `abandon`."""

    @property
    def held_octets(self) -> int:
        """How much of the content is in memory now; the edge reserves it, and the piece to come, before `write`."""
        ...

    async def write(self, octets: bytes) -> None:
        """Take the next piece; waiting here holds back the client."""
        ...

    async def finish(self) -> tuple[Response, ...]:
        """The content is complete: one answer for each recipient, over SMTP all the same. Runs to its end."""
        ...

    async def abandon(self) -> None:
        """The content will not be completed, or must not be kept."""
        ...


class Receiver(Protocol):
    """Decides about one transaction, step by step; a positive response admits the step."""

    async def sender(self, session: Session, reverse_path: Address | None) -> Response:
        """MAIL: may this sender begin?"""
        ...

    async def recipient(self, session: Session, envelope: Envelope, recipient: Address) -> Response:
        """RCPT: may this recipient join the envelope gathered so far?"""
        ...

    async def begin(self, session: Session, envelope: Envelope) -> Intake | Response:
        """Before the first octet of the content: who takes it, or why nobody can now."""
        ...


class Authenticator(Protocol):
    """Checks a login; how long a wrong one has to wait is its own business."""

    async def login(self, session: Session, login: str, password: str) -> Response:
        """R235_LOGGED_IN, or a refusal."""
        ...


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """What one kind of listener is told; `tls` None means that no TLS is offered."""

    name: str
    lmtp: bool = False  # RFC 2033: LHLO, and one response for each recipient after the content
    max_size_octets: int = 26_214_400
    max_line_octets: int = 1_000_000
    tolerant: bool = False  # names and senders of no proper form are taken too, for the checks to say so
    normalise: bool = False  # bare CR, LF and NUL in the content are mended instead of refused
    max_recipients: int = 100  # RFC 5321 §4.5.3.1.8
    max_transactions: int = 1000
    max_session_recipients: int = 10_000
    max_session_octets: int = 10_000_000_000
    max_errors: int = 20
    max_unknown_recipients: int = 10
    max_commands: int = 100  # in a row that bring no mail forward
    max_connections: int = 2000
    max_connections_per_address: int = 50
    max_connections_per_subnet: int = 200
    unlimited_from: tuple[Network, ...] = ()
    memory_octets: int = 256_000_000
    memory_per_mail_octets: int = 262_144
    stress_at_percent: int = 80
    stress_timeout_s: float = 10
    deadlines: Deadlines = field(default_factory=Deadlines)
    tls: ssl.SSLContext | None = None
    tls_implicit: bool = False  # RFC 8314 §3.3: TLS from the first octet
    proxy_from: tuple[Network, ...] = ()
    greet_delay_s: float = 0  # who speaks before the greeting is refused; 0 does not wait for it
