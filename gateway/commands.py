# SPDX-License-Identifier: Apache-2.0
"""The SMTP commands: one table row per verb, its checks in order, then how it proceeds (RFC 5321 §4.1).

Enters: a Conversation and the argument of a command. Leaves: one Response, or None where the wire has answered.
A check is read-only and names what is missing; only `proceed` changes the conversation. The session lasts as long as
the connection and its greeting, the transaction from MAIL to the final dot: two lifetimes, two types, two resets.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway import paths, sasl
from gateway.lines import Fault, Write
from gateway.receiver import Authenticator, EdgeSettings, Receiver
from storage.address import Address
from storage.envelope import Envelope, Session
from storage.response import (
    R214_HELP,
    R220_READY_FOR_TLS,
    R221_BYE,
    R250_OK,
    R250_RECIPIENT_OK,
    R252_NOT_VERIFIED,
    R354_GO_AHEAD,
    R451_TRY_LATER,
    R452_TOO_MANY_RECIPIENTS,
    R454_NO_TLS,
    R501_SYNTAX,
    R502_NOT_HERE,
    R503_BAD_SEQUENCE,
    R530_LOGIN_FIRST,
    R530_TLS_FIRST,
    R538_ENCRYPTION_NEEDED,
    R552_TOO_BIG,
    R554_BARE_LINE_END,
    R554_NOT_SMTP,
    Response,
)

_HELO = re.compile(r"[^\s\x00-\x20\x7f]{1,255}")  # names of PCs are often no host names: only the form is asked for
_OPENING = frozenset({"MAIL", "RCPT"})


class Wire(Protocol):
    """What a command needs of the connection."""

    def say(self, response: Response) -> None: ...

    def say_lines(self, code: int, lines: tuple[str, ...]) -> None: ...

    async def ask(self, challenge: bytes) -> bytes | Response: ...

    async def read_content(self, limit_octets: int, write: Write) -> Fault | None: ...

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
class Transaction:
    """One mail from MAIL to the final dot."""

    id: str
    reverse_path: Address | None
    smtputf8: bool
    recipients: list[Address] = field(default_factory=list)

    def envelope(self) -> Envelope:
        return Envelope(self.reverse_path, tuple(self.recipients), self.id)


@dataclass(slots=True)
class Conversation:
    """What one connection has said so far."""

    settings: EdgeSettings
    receiver: Receiver
    authenticator: Authenticator | None
    wire: Wire
    session: Session
    transaction: Transaction | None = None
    transactions: int = 0  # so far
    deferred: bool = False  # MAIL or RCPT of this mail was answered 4xx: what is missing for the next is temporary too
    over: bool = False

    def end_transaction(self) -> None:
        """Forget the mail that was begun, and that it was deferred."""
        self.transaction, self.deferred = None, False


_Check = Callable[[Conversation, str], Response | None]
_Proceed = Callable[[Conversation, str], Awaitable[Response | None]]


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table."""

    proceed: _Proceed
    checks: tuple[_Check, ...] = ()


def _takes_nothing(_c: Conversation, argument: str) -> Response | None:
    return R501_SYNTAX if argument else None


def _names_itself(_c: Conversation, argument: str) -> Response | None:
    return None if _HELO.fullmatch(argument) else R501_SYNTAX


def _greeted(c: Conversation, _argument: str) -> Response | None:
    return None if c.session.helo else R503_BAD_SEQUENCE


def _greeted_by_ehlo(c: Conversation, _argument: str) -> Response | None:
    return None if c.session.helo and c.session.protocol != "SMTP" else R503_BAD_SEQUENCE


def _logins_are_taken(c: Conversation, _argument: str) -> Response | None:
    return R502_NOT_HERE if c.authenticator is None else None


def _encrypted(c: Conversation, _argument: str) -> Response | None:
    return None if c.session.tls else R538_ENCRYPTION_NEEDED


def _not_logged_in(c: Conversation, _argument: str) -> Response | None:
    return R503_BAD_SEQUENCE if c.session.login else None


def _logged_in_where_needed(c: Conversation, _argument: str) -> Response | None:
    if c.authenticator is None or c.session.login:
        return None
    return R530_LOGIN_FIRST if c.session.tls else R530_TLS_FIRST


def _tls_is_offered(c: Conversation, _argument: str) -> Response | None:
    return R454_NO_TLS if c.settings.tls is None else None


def _in_clear_text(c: Conversation, _argument: str) -> Response | None:
    return R503_BAD_SEQUENCE if c.session.tls else None


def _outside_transaction(c: Conversation, _argument: str) -> Response | None:
    return R503_BAD_SEQUENCE if c.transaction else None


def _in_transaction(c: Conversation, _argument: str) -> Response | None:
    return None if c.transaction else _missing(c)


def _has_recipients(c: Conversation, _argument: str) -> Response | None:
    return None if c.transaction and c.transaction.recipients else _missing(c)


def _missing(c: Conversation) -> Response:
    """A client that pipelines (RFC 2920 §3.1) has not read our 4xx: a 503 now would cost it the mail for good."""
    return R451_TRY_LATER.about(c.session.id) if c.deferred else R503_BAD_SEQUENCE


async def _ehlo(c: Conversation, argument: str) -> None:
    c.session = replace(c.session, helo=argument, protocol="ESMTP")
    c.end_transaction()
    c.wire.say_lines(250, (c.settings.name, *_extensions(c)))


def _extensions(c: Conversation) -> list[str]:
    lines = [f"SIZE {c.settings.max_size_octets}", "PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"]
    if c.settings.tls and not c.session.tls:
        lines.append("STARTTLS")
    if c.authenticator and c.session.tls:
        lines.append("AUTH PLAIN LOGIN")
    return lines


async def _helo(c: Conversation, argument: str) -> Response:
    c.session = replace(c.session, helo=argument, protocol="SMTP")
    c.end_transaction()
    return Response(250, "", c.settings.name)


async def _starttls(c: Conversation, _argument: str) -> None:
    c.wire.say(R220_READY_FOR_TLS)
    tls = await c.wire.start_tls()
    # RFC 3207 §4.2: nothing that was said in clear text is known any more.
    c.session = replace(c.session, tls=tls, helo="", protocol="ESMTP")
    c.end_transaction()


async def _auth(c: Conversation, argument: str) -> Response:
    if c.authenticator is None:
        return R502_NOT_HERE
    claimed = await sasl.exchange(argument, c.wire.ask)
    if isinstance(claimed, Response):
        return claimed
    response = await c.authenticator.login(c.session, claimed.login, claimed.password)
    if response.is_positive:
        c.session = replace(c.session, login=claimed.login)
    return response


async def _mail(c: Conversation, argument: str) -> Response:
    c.end_transaction()
    path = paths.sender(argument, c.settings.max_size_octets)
    if isinstance(path, Response):
        return path
    response = await c.receiver.sender(c.session, path.address)
    if response.is_positive:
        c.transactions += 1
        c.transaction = Transaction(f"{c.session.id}-{c.transactions}", path.address, path.smtputf8)
    return response


async def _rcpt(c: Conversation, argument: str) -> Response:
    transaction = c.transaction
    if transaction is None:
        return R503_BAD_SEQUENCE
    path = paths.recipient(argument, c.settings.name, smtputf8=transaction.smtputf8)
    if isinstance(path, Response):
        return path
    if path.address in transaction.recipients:
        return R250_RECIPIENT_OK
    if len(transaction.recipients) >= c.settings.max_recipients:
        return R452_TOO_MANY_RECIPIENTS
    assert path.address is not None  # noqa: S101  # only MAIL may name the null path
    response = await c.receiver.recipient(c.session, transaction.envelope(), path.address)
    if response.is_positive:
        transaction.recipients.append(path.address)
    return response


async def _data(c: Conversation, _argument: str) -> Response:
    transaction = c.transaction
    c.end_transaction()
    if transaction is None:
        return R503_BAD_SEQUENCE
    intake = await c.receiver.begin(c.session, transaction.envelope())
    if isinstance(intake, Response):
        return intake
    c.wire.say(R354_GO_AHEAD)
    try:
        fault = await c.wire.read_content(c.settings.max_size_octets, intake.write)
    except BaseException:
        c.wire.leave_to_itself(intake.abandon())
        raise
    if fault is not None:
        c.wire.leave_to_itself(intake.abandon())
        return R552_TOO_BIG if fault is Fault.TOO_LONG else R554_BARE_LINE_END
    return (await c.wire.finish(intake.finish()))[0]


async def _rset(c: Conversation, _argument: str) -> Response:
    c.end_transaction()
    return R250_OK


async def _quit(c: Conversation, _argument: str) -> Response:
    c.over = True
    return R221_BYE


async def _not_smtp(c: Conversation, _argument: str) -> Response:
    c.over = True
    return R554_NOT_SMTP


def _answer(response: Response) -> _Proceed:
    async def proceed(_c: Conversation, _argument: str) -> Response:
        return response

    return proceed


COMMANDS: dict[str, Command] = {
    "EHLO": Command(_ehlo, (_names_itself,)),
    "HELO": Command(_helo, (_names_itself,)),
    "STARTTLS": Command(_starttls, (_takes_nothing, _tls_is_offered, _in_clear_text)),
    "AUTH": Command(_auth, (_logins_are_taken, _encrypted, _greeted_by_ehlo, _outside_transaction, _not_logged_in)),
    "MAIL": Command(_mail, (_logged_in_where_needed, _greeted, _outside_transaction)),
    "RCPT": Command(_rcpt, (_in_transaction,)),
    "DATA": Command(_data, (_takes_nothing, _in_transaction, _has_recipients)),
    "RSET": Command(_rset, (_takes_nothing,)),
    "NOOP": Command(_answer(R250_OK)),
    "QUIT": Command(_quit, (_takes_nothing,)),
    "VRFY": Command(_answer(R252_NOT_VERIFIED)),
    "HELP": Command(_answer(R214_HELP)),
    "EXPN": Command(_answer(R502_NOT_HERE)),
    "BDAT": Command(_answer(R502_NOT_HERE)),
    # A proxy that we were not told of, or a browser made to talk to us: nothing after this line is SMTP.
    "PROXY": Command(_not_smtp),
    "GET": Command(_not_smtp),
    "POST": Command(_not_smtp),
    "PUT": Command(_not_smtp),
    "CONNECT": Command(_not_smtp),
}


async def obey(c: Conversation, verb: str, argument: str) -> Response | None:
    """Check, then proceed; an exception inside is answered by the caller, with `failed`."""
    command = COMMANDS[verb]
    for check in command.checks:
        refusal = check(c, argument)
        if refusal is not None:
            return refusal
    response = await command.proceed(c, argument)
    if verb in _OPENING and response is not None and response.is_temporary:
        c.deferred = True
    return response


def failed(c: Conversation, verb: str) -> Response:
    """The answer to a failure of ours: temporary, generic, with the id that the log has.

    A failure at RCPT costs that recipient only, one at MAIL defers what was pipelined behind it; else the mail is gone.
    """
    if verb in _OPENING:
        c.deferred = True
    else:
        c.end_transaction()
    return R451_TRY_LATER.about(c.session.id)
