# SPDX-License-Identifier: Apache-2.0
"""What the checks look at, and what the operator wants looked at."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import TYPE_CHECKING

from handlers.dkim_policy import DkimPolicy

if TYPE_CHECKING:  # who only reads a configuration loads no parser of mail
    from handlers.dkim import Signatures
    from handlers.headers import Head
    from handlers.identity import Mailbox
    from storage.envelope import Envelope, Session

MIN_SIGNED_DOTS = 4  # r.THREAD.PERSON.DAY.KEY (handlers/tokens.py)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A filter in front of us whose results count: its authserv-id, and where its mail comes from; None: this host."""

    authserv_id: str
    network: IPv4Network | IPv6Network | None

    def __str__(self) -> str:
        return f"{self.authserv_id} from {self.network or 'local'}"


@dataclass(frozen=True, slots=True)
class Dnsbl:
    """One list: its zone, what becomes of listed clients' mail, and the answers that mean a listing, none: all."""

    zone: str
    action: str = "reject"
    codes: tuple[tuple[IPv4Address, IPv4Address], ...] = ()

    def __str__(self) -> str:
        ranges = (str(low) if low == high else f"{low}-{high}" for low, high in self.codes)
        return " ".join((self.zone, self.action, *ranges))


@dataclass(frozen=True, slots=True)
class AuthenticationPolicy:
    """What the operator wants looked at, and who is believed."""

    dkim: DkimPolicy = field(default_factory=DkimPolicy)
    upstreams: tuple[Upstream, ...] = ()
    dnsbl: tuple[Dnsbl, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What is checked; `signatures` have been fed the whole body."""

    session: "Session"
    envelope: "Envelope"
    head: "Head"
    author: "Mailbox | None"
    signatures: "Signatures"
    policy: AuthenticationPolicy = field(default_factory=AuthenticationPolicy)


def answers_something(subject: Subject) -> bool:
    """Whether it may carry evidence of a thread: an id in References or In-Reply-To, or an address that we gave out."""
    named = any(one.local.count(".") >= MIN_SIGNED_DOTS for one in subject.envelope.recipients)
    return named or bool(subject.head.count(b"references") or subject.head.count(b"in-reply-to"))
