# SPDX-License-Identifier: Apache-2.0
"""One inbound mail while it is judged: each step of handlers/policy.py gives it back with one thing more."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from handlers.attachments import Files
from handlers.authentication import Checks
from handlers.classification import Class
from handlers.destinations import Destination
from handlers.headers import Head, Span
from handlers.identity import Mailbox, mailboxes
from handlers.results import Authentication
from storage.envelope import Envelope, Session
from storage.messages import Verdict
from storage.response import R550_NOT_ALLOWED, Response
from storage.threads import Pointer


@dataclass(frozen=True, slots=True)
class Refused:
    """A recipient that does not get the mail, and why: for the operator, never for the client."""

    recipient: str
    reason: str
    response: Response = R550_NOT_ALLOWED  # over LMTP, where each recipient has its own


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a mail's trace: which step decided what, and by which rule, default or finding, in words.

    `step` is one word: author, classification, way, admission, attachments, loop, pointers, stamp ... `decided` is a
    word or two; `because` is one clause without a full stop that names the rule by where it stands (`others = "reject"`
    of the address, limits.max_received, a default), and begins with "for ADDRESS: " where it holds for one recipient
    only. No note says again what the results or another note say.
    """

    step: str
    decided: str
    because: str


@dataclass(frozen=True)  # without slots, for `but`
class Incoming:
    """The mail's header section, and what the steps so far found out; `refusal` ends the judging.

    `beyond` is the refusal of a mail that passes a limit; `destinations` are those that still take it, `refused` those
    that do not. `aligned`: somebody vouches for the author (handlers/results.py). `vouched`: it came the way that its
    forwarded address has learnt, by a forwarder that serves nobody else. `is_to_us`: not shown to be sent on by others.
    """

    id: str
    received_at: datetime
    session: Session
    envelope: Envelope
    head: Head
    author: Mailbox | None
    checks: Checks
    destinations: tuple[Destination, ...]
    beyond: Response | None = None
    size_octets: int = 0
    files: Files | None = None  # where no address forbids any, nobody has looked
    opening: bytes = b""  # the first octets of the body
    authentication: Authentication = field(default_factory=Authentication)
    aligned: bool = False
    vouched: bool = False
    classification: Class = Class.PERSON
    verdicts: tuple[Verdict, ...] = ()
    disposition: str = "accept"
    reason: str = ""
    refusal: Response | None = None
    refused: tuple[Refused, ...] = ()
    pointers: tuple[Pointer, ...] = ()
    written: Head | None = None  # the fields that are the author's, where not all of them are (handlers/coverage.py)
    is_to_us: bool = True
    stamp: bytes = b""
    left_out: tuple[Span, ...] = ()
    notes: tuple[Note, ...] = ()

    @cached_property
    def claimed(self) -> tuple[Mailbox, ...]:
        """The author, or all whom From names where that is no one; asked for at each recipient, and read once."""
        return (self.author,) if self.author is not None else mailboxes(self.head, b"from")

    def noting(self, step: str, decided: str, because: str, **changes: Any) -> "Incoming":
        """The mail with one line more in its trace, and what else the step found."""
        return self.but(notes=(*self.notes, Note(step, decided, because)), **changes)

    def noting_all(self, notes: Iterable[Note], **changes: Any) -> "Incoming":
        """The same with any number of lines."""
        return self.but(notes=(*self.notes, *notes), **changes)

    def but(self, **changes: Any) -> "Incoming":
        """As dataclasses.replace, in a fifth of its time: every step makes a mail anew."""
        other = object.__new__(Incoming)
        other.__dict__.update(self.__dict__, **changes)
        return other
