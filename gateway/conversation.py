# SPDX-License-Identifier: Apache-2.0
"""What one connection has said so far: its session, and the mail that is on its way.

The session lasts as long as the connection and its greeting, the transaction from MAIL to the end of the content: two
lifetimes, two types, two resets. A content that was begun and will not be finished is abandoned where the transaction
ends, whatever ended it.
"""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.bounds import Usage
from gateway.line_law import Content, ContentLimits, LineLaw
from gateway.lines import Reading, Write
from gateway.receiver import Authenticator, EdgeSettings, Intake, Receiver
from storage.address import Address
from storage.envelope import Envelope, Session, Wish
from storage.response import R451_TRY_LATER, R503_BAD_SEQUENCE, Response


class Wire(Protocol):
    """What a command needs of the connection."""

    def say(self, response: Response) -> None: ...

    def say_lines(self, code: int, lines: tuple[str, ...]) -> None: ...

    @property
    def has_more(self) -> bool:
        """Whether the client has sent more than what was read."""
        ...

    async def ask(self, challenge: bytes) -> bytes | Response: ...

    async def read_content(self, content: Content, reading: Reading, write: Write) -> None: ...

    async def read_chunk(self, size: int, reading: Reading, write: Write) -> None: ...

    async def finish(self, answer: Coroutine[Any, Any, tuple[Response, ...]]) -> tuple[Response, ...]:
        """Await to the end whatever becomes of the connection."""
        ...

    def leave_to_itself(self, work: Coroutine[Any, Any, None]) -> None:
        """Let this come to its end without waiting for it."""
        ...

    async def start_tls(self) -> str:
        """The protocol and cipher; a failure ends the connection."""
        ...


@dataclass(slots=True)
class Chunks:
    """A content that comes by BDAT (RFC 3030 §2), between two chunks; once refused it stays so."""

    law: LineLaw
    reading: Reading
    refused: bool = False


@dataclass(slots=True)
class Transaction:
    """One mail from MAIL to the end of its content."""

    id: str
    reverse_path: Address | None
    smtputf8: bool
    ret: str = ""
    envid: str = ""
    declared_octets: int = 0
    recipients: dict[Address, int] = field(default_factory=dict)  # and their place in the envelope
    wishes: list[Wish] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)  # the place of each RCPT; over LMTP each is answered
    intake: Intake | None = None  # what was begun and neither finished nor abandoned
    chunks: Chunks | None = None

    def answered(self) -> tuple[str, ...]:
        """Whom the responses to the content are for, over LMTP (RFC 2033 §4.2)."""
        recipients = tuple(map(str, self.recipients))
        return tuple(recipients[place] for place in self.accepted)

    def envelope(self) -> Envelope:
        return Envelope(
            self.reverse_path,
            tuple(self.recipients),
            self.id,
            self.ret,
            self.envid,
            tuple(self.wishes),
            smtputf8=self.smtputf8,
            declared_octets=self.declared_octets,
        )


@dataclass(slots=True)
class Conversation:
    """One connection, as its commands see it."""

    settings: EdgeSettings
    receiver: Receiver
    authenticator: Authenticator | None
    wire: Wire
    session: Session
    transaction: Transaction | None = None
    usage: Usage = field(default_factory=Usage)
    deferred: bool = (
        False  # MAIL, RCPT or BDAT of this mail was answered 4xx: what is missing for the next is temporary
    )
    owed: int = 1  # responses to the command in hand: over LMTP one for each recipient after the content
    over: bool = False
    adrift: bool = False  # over, and what the client still sends is not read as commands

    @property
    def id(self) -> str:
        """Under which an operator finds what is being answered."""
        return self.session.id if self.transaction is None else self.transaction.id

    @property
    def reading(self) -> Reading | None:
        """Of the content that is on its way."""
        chunks = self.transaction.chunks if self.transaction is not None else None
        return None if chunks is None else chunks.reading

    def content_limits(self) -> ContentLimits:
        settings = self.settings
        return ContentLimits(settings.max_size_octets, settings.max_line_octets, settings.normalise)

    def owes(self) -> None:
        """From here on the content itself is answered."""
        if self.settings.lmtp and self.transaction is not None and self.transaction.accepted:
            self.owed = len(self.transaction.accepted)

    def lose(self) -> None:
        """End it here: the client sends on, and what of it is a command cannot be told."""
        self.over = self.adrift = True

    def missing(self) -> Response:
        """A client that pipelines (RFC 2920 §3.1) has not read our 4xx: a 503 now would cost it the mail for good."""
        return R451_TRY_LATER if self.deferred else R503_BAD_SEQUENCE

    def abandon(self) -> None:
        """Let go of a content that will not be finished."""
        transaction = self.transaction
        if transaction is not None and transaction.intake is not None:
            self.wire.leave_to_itself(transaction.intake.abandon())
            transaction.intake = None

    def end_transaction(self) -> None:
        """Forget the mail that was begun, and that it was deferred."""
        self.abandon()
        self.transaction, self.deferred = None, False
