# SPDX-License-Identifier: Apache-2.0
"""What the verbs need of the outer world, as small typed protocols; gateway holds the real things, tests the fakes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol

from handlers.contents import Content
from storage.envelope import Wish
from storage.response import Response


class Clock(Protocol):
    """The one source of time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...


class Found(Enum):
    """How a DNS question ended; every verdict maps each of them (dependencies G25)."""

    YES = "yes"
    NO_NAME = "nxdomain"
    NO_DATA = "nodata"
    TEMPORARY = "temperror"  # SERVFAIL or no answer in time: ask again later
    MALFORMED = "permerror"  # the name cannot be asked for at all


@dataclass(frozen=True, slots=True)
class Question:
    """One question to DNS: "TXT", "MX", "A", "AAAA" or "PTR", and a name (handlers/book.py `question` makes them)."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One DNS answer: TXT records with their strings joined, as bytes; other types in presentation form."""

    found: Found
    records: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class MailHost:
    """One MX record, or the domain itself where it has none (RFC 5321 §5.1)."""

    preference: int
    name: str


class Resolver(Protocol):
    """DNS, bounded in time; never raises for what the network says."""

    def known(self, question: Question) -> Answer | None:
        """The answer, where it need not be asked for."""
        ...

    async def ask(self, question: Question) -> Answer:
        """One answer. MX records are as of `mx`, addresses and names in presentation form without the final dot."""
        ...

    async def mx(self, domain: str) -> Answer:
        """Records are b"10 mail.host.example" in presentation form, without the final dot; null MX is b"0 "."""
        ...

    async def addresses(self, host: str) -> Answer:
        """IPv6 and IPv4 addresses in presentation form, those of one family together."""
        ...


@dataclass(frozen=True, slots=True)
class Departure:
    """One mail on its way out: `name` identifies the outbox row, content is final, surveyed and ends in CR LF.

    `ret`, `envid` and `wishes`, by recipient, are for hosts that offer DSN (RFC 3461).
    """

    name: str
    reverse_path: str | None
    recipients: tuple[str, ...]
    content: Content
    ret: str = ""
    envid: str = ""
    wishes: Mapping[str, Wish] = field(default_factory=dict)


# A route's word for the one instant that nobody knows the end of: settling counts the attempt as unsettled.
R451_UNKNOWN = Response(451, "4.4.2", "The connection was lost after the content was sent, it may arrive twice")


class Route(Protocol):
    """A way out: the smarthost, MX delivery or a maildir."""

    def groups(self, recipients: Sequence[str]) -> list[tuple[str, ...]]:
        """Who is sent to together; each group is a Departure of its own, so that none waits for another's host."""
        ...

    async def send(self, departure: Departure) -> Mapping[str, Response]:
        """One response for each recipient; never raises for what remote or store do, both are a 4xx."""
        ...
