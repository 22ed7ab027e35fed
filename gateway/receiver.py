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


class Receiver(Protocol):
    """Decides about one transaction, step by step; a positive response admits the step."""

    async def sender(self, session: Session, reverse_path: Address | None) -> Response:
        """MAIL: may this sender begin?"""
        ...

    async def recipient(self, session: Session, envelope: Envelope, recipient: Address) -> Response:
        """RCPT: may this recipient join the envelope gathered so far?"""
        ...

    async def content(self, session: Session, envelope: Envelope, content: bytes) -> Response:
        """The final dot: one answer for all recipients. Runs to its end even when the client has gone."""
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
    max_size_octets: int = 26_214_400
    max_recipients: int = 100  # RFC 5321 §4.5.3.1.8
    max_errors: int = 20
    max_connections: int = 1000
    deadlines: Deadlines = field(default_factory=Deadlines)
    tls: ssl.SSLContext | None = None
    tls_implicit: bool = False  # RFC 8314 §3.3: TLS from the first octet
    proxy_from: tuple[IPv4Network | IPv6Network, ...] = ()
    greet_delay_s: float = 0  # who speaks before the greeting is refused; 0 does not wait for it
