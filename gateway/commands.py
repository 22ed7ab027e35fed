# SPDX-License-Identifier: Apache-2.0
"""The SMTP commands: one table row per verb, its checks in order, then how it proceeds (RFC 5321 §4.1).

Enters: a Conversation and the argument of a command. Leaves: its responses, or None where the wire has answered.
A check is read-only and names what is missing; only `proceed` changes the conversation. LMTP (RFC 2033) has a table of
its own. What may be followed by input that waits is said here too (RFC 2920 §3.1).
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from gateway import sasl
from gateway.conversation import Conversation
from gateway.line_law import Fault, announces_chunk
from gateway.transaction import Answer, bdat, data, mail, rcpt
from storage.address import is_literal
from storage.response import (
    R214_HELP,
    R220_READY_FOR_TLS,
    R221_BYE,
    R250_OK,
    R252_NOT_VERIFIED,
    R451_TRY_LATER,
    R454_NO_TLS,
    R500_BARE_LINE_END,
    R500_LINE_TOO_LONG,
    R500_UNKNOWN_COMMAND,
    R501_CHUNK,
    R501_SYNTAX,
    R502_NOT_HERE,
    R503_BAD_SEQUENCE,
    R503_LHLO,
    R530_LOGIN_FIRST,
    R530_TLS_FIRST,
    R538_ENCRYPTION_NEEDED,
    R554_NOT_SMTP,
    R554_OUT_OF_TURN,
    Response,
)

# Names of PCs are often no host names, and some have letters beyond ASCII: only the form is asked for.
_HELO = re.compile(r"[^\s\x00-\x20\x7f\[][^\s\x00-\x20\x7f]{0,254}")
_TOLERATED_HELO = re.compile(r"[ -~]{1,255}")
_OPENING = frozenset({"MAIL", "RCPT"})

_Check = Callable[[Conversation, str], Response | None]
_Proceed = Callable[[Conversation, str], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Command:
    """A row of the table."""

    proceed: _Proceed
    checks: tuple[_Check, ...] = ()


def _takes_nothing(_c: Conversation, argument: str) -> Response | None:
    return R501_SYNTAX if argument else None


def _takes_something(_c: Conversation, argument: str) -> Response | None:
    return None if argument else R501_SYNTAX


def _names_itself(c: Conversation, argument: str) -> Response | None:
    """RFC 5321 §4.1.1.1: what looks like a name, or an address literal."""
    if c.settings.tolerant and _TOLERATED_HELO.fullmatch(argument):
        return None
    return None if _HELO.fullmatch(argument) or is_literal(argument) else R501_SYNTAX


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
    if c.settings.lmtp:
        return R502_NOT_HERE  # a local socket needs none
    return R454_NO_TLS if c.settings.tls is None else None


def _in_clear_text(c: Conversation, _argument: str) -> Response | None:
    return R503_BAD_SEQUENCE if c.session.tls else None


def _outside_transaction(c: Conversation, _argument: str) -> Response | None:
    return R503_BAD_SEQUENCE if c.transaction else None


def _in_transaction(c: Conversation, _argument: str) -> Response | None:
    return None if c.transaction else c.missing()


def _has_recipients(c: Conversation, _argument: str) -> Response | None:
    return None if c.transaction and c.transaction.recipients else c.missing()


def _ascii(name: str) -> str:
    return name.encode("ascii", "replace").decode()


async def _ehlo(c: Conversation, argument: str) -> None:
    c.session = replace(c.session, helo=_ascii(argument), protocol="LMTP" if c.settings.lmtp else "ESMTP")
    c.end_transaction()
    c.wire.say_lines(250, (c.settings.name, *_extensions(c)))


_EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES")


def _extensions(c: Conversation) -> list[str]:
    lines = [f"SIZE {c.settings.max_size_octets}", *_EXTENSIONS]
    if c.settings.tls and not c.session.tls:
        lines.append("STARTTLS")
    if c.authenticator and c.session.tls:
        lines.append("AUTH PLAIN LOGIN")
    return lines


async def _helo(c: Conversation, argument: str) -> Response:
    c.session = replace(c.session, helo=_ascii(argument), protocol="SMTP")
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
    if c.wire.has_more:  # behind its last line as behind AUTH itself, RFC 4954 §4
        c.lose()
        return R554_OUT_OF_TURN
    if isinstance(claimed, Response):
        return claimed
    response = await c.authenticator.login(c.session, claimed.login, claimed.password)
    if response.is_positive:
        c.session = replace(c.session, login=claimed.login)
    return response


async def _rset(c: Conversation, _argument: str) -> Response:
    c.end_transaction()
    return R250_OK


async def _quit(c: Conversation, _argument: str) -> Response:
    c.over = True
    return R221_BYE


async def _not_smtp(c: Conversation, _argument: str) -> Response:
    c.lose()
    return R554_NOT_SMTP


def _answer(response: Response) -> _Proceed:
    async def proceed(_c: Conversation, _argument: str) -> Response:
        return response

    return proceed


_NOT_SMTP = frozenset({"PROXY", "GET", "POST", "PUT", "CONNECT"})

COMMANDS: dict[str, Command] = {
    "EHLO": Command(_ehlo, (_names_itself,)),
    "HELO": Command(_helo, (_names_itself,)),
    "STARTTLS": Command(_starttls, (_takes_nothing, _tls_is_offered, _in_clear_text)),
    "AUTH": Command(_auth, (_logins_are_taken, _encrypted, _greeted_by_ehlo, _outside_transaction, _not_logged_in)),
    "MAIL": Command(mail, (_logged_in_where_needed, _greeted, _outside_transaction)),
    "RCPT": Command(rcpt, (_in_transaction,)),
    "DATA": Command(data, (_takes_nothing, _in_transaction, _has_recipients)),
    "BDAT": Command(bdat),  # reads its octets before it says what is missing
    "RSET": Command(_rset, (_takes_nothing,)),
    "NOOP": Command(_answer(R250_OK)),
    "QUIT": Command(_quit, (_takes_nothing,)),
    "VRFY": Command(_answer(R252_NOT_VERIFIED), (_takes_something,)),
    "HELP": Command(_answer(R214_HELP)),
    "EXPN": Command(_answer(R502_NOT_HERE)),
    # A proxy that we were not told of, or a browser made to talk to us: nothing after this line is SMTP.
    **dict.fromkeys(_NOT_SMTP, Command(_not_smtp)),
}

LMTP_COMMANDS: dict[str, Command] = {  # RFC 2033 §4.1
    **COMMANDS,
    "LHLO": COMMANDS["EHLO"],
    "EHLO": Command(_answer(R503_LHLO)),
    "HELO": Command(_answer(R503_LHLO)),
}

# RFC 2920 §3.1, RFC 4954 §4, RFC 3207 §4: these end a group of pipelined commands.
_ENDS_GROUP = frozenset({"EHLO", "HELO", "LHLO", "AUTH", "STARTTLS", "DATA", "VRFY", "EXPN", "NOOP"})
# After these it does not matter what waits, or it belongs to the command.
_ENDS_OR_HOLDS = frozenset({"QUIT", "BDAT"}) | _NOT_SMTP


def parse(line: bytes) -> tuple[str, str]:
    """Verb in capitals, and argument; octets that are not UTF-8 survive as surrogates, which no grammar admits."""
    verb, _, argument = line.partition(b" ")
    return verb.decode("ascii", "replace").upper(), argument.strip(b" ").decode("utf-8", "surrogateescape")


def must_be_last(c: Conversation, verb: str) -> bool:
    """Whether a client has to wait for the response before it sends more; without EHLO it always has to."""
    without_extensions = not c.session.helo or c.session.protocol == "SMTP"
    return verb in _ENDS_GROUP or (without_extensions and verb not in _ENDS_OR_HOLDS)


def commands(c: Conversation) -> dict[str, Command]:
    """The table of this listener."""
    return LMTP_COMMANDS if c.settings.lmtp else COMMANDS


_LINE_FAULTS = {
    Fault.TOO_LONG: R500_LINE_TOO_LONG,
    Fault.BARE_LINE_END: R500_BARE_LINE_END,
    Fault.CHUNK: R501_CHUNK,
}


def no_command(c: Conversation, line: bytes | Fault) -> Response:
    """This line cannot be obeyed, nor can what follows it if it was to be a chunk."""
    if isinstance(line, Fault):
        response = _LINE_FAULTS[line]
    else:
        response = R501_CHUNK if announces_chunk(line) else R500_UNKNOWN_COMMAND
    if response is R501_CHUNK:
        c.lose()
    return response


async def obey(c: Conversation, verb: str, argument: str) -> Answer:
    """Check, then proceed; an exception inside is answered by the caller, with `failed`."""
    command = commands(c)[verb]
    for check in command.checks:
        refusal = check(c, argument)
        if refusal is not None:
            return refusal
    response = await command.proceed(c, argument)
    if verb in _OPENING and isinstance(response, Response) and response.is_temporary:
        c.deferred = True
    return response


def failed(c: Conversation, verb: str) -> Response:
    """The answer to a failure of ours: temporary and generic, with the id that the log has.

    A failure at RCPT costs that recipient only, one at MAIL defers what was pipelined behind it, BDAT has seen to its
    chunks; else the mail is gone.
    """
    if verb in _OPENING:
        c.deferred = True
    elif verb != "BDAT":
        c.end_transaction()
    return R451_TRY_LATER
