# SPDX-License-Identifier: Apache-2.0
"""One SMTP connection on aiosmtpd's skeleton.

aiosmtpd gives the protocol class, its half of STARTTLS and the PROXY header; the rest of its SMTP class is replaced
(docs/decisions/0010). Enters: octets. Leaves: responses, and calls of a Receiver. Fails: an exception of ours is 451
4.3.0 and a traceback in the log; a client that goes away ends its session, never what the Receiver has begun.
"""

import asyncio
import logging
import re
from asyncio import sslproto
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.proxy_protocol import get_proxy
from aiosmtpd.smtp import SMTP

from gateway.commands import COMMANDS, Conversation, failed, obey
from gateway.edge import Edge
from gateway.lines import AUTH_OCTETS, CHUNK_OCTETS, Fault, Gone, Lines, TooLate, TooMuch, Write
from gateway.peers import is_listed, peer_of, proxied_peer
from gateway.session_log import Outcome, Tally
from handlers import tokens
from storage.envelope import Session
from storage.response import (
    R421_SHUTTING_DOWN,
    R421_TOO_MANY_ERRORS,
    R421_TOO_SLOW,
    R500_BARE_LINE_END,
    R500_LINE_TOO_LONG,
    R500_UNKNOWN_COMMAND,
    R501_SYNTAX,
    R554_TOO_EARLY,
    Response,
)

log = logging.getLogger(__name__)

LINGER_S = 10.0  # for the last response to leave before the connection is cut
RESPONSE_OCTETS = 510  # RFC 5321 §4.5.3.1.5, less CR LF

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_UNSAYABLE = re.compile(rb"[^\x20-\x7e]")


class _Closed(Exception):
    """The connection is to be closed without a further word."""


class Smtpd(SMTP):
    """One connection. It is in `edge.open` until its task has ended."""

    def __init__(self, edge: Edge) -> None:
        # aiosmtpd's own constructor searches the whole class for each connection (190 µs) for what we replace (A22).
        loop = asyncio.get_running_loop()
        stream = asyncio.StreamReader(limit=CHUNK_OCTETS, loop=loop)
        asyncio.StreamReaderProtocol.__init__(self, stream, self._cb_client_connected, loop)
        self.loop = loop
        self.edge = edge
        self.transport: Any = None
        self._handle_hooks: dict[str, Any] = {}  # aiosmtpd looks for its STARTTLS hook here
        self._tls_protocol: sslproto.SSLProtocol | None = None
        self._original_transport: Any = None
        self._unsent = bytearray()
        self._waiting = False
        self._errors = 0
        self._tally = Tally()

    # -- called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A new connection, or the same one again after the TLS handshake."""
        if self._original_transport is not None:
            super().connection_made(transport)
            self._over_ssl = True
            return
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        self.transport = transport
        session = Session(tokens.new_name(datetime.now(UTC)), peer_of(transport))
        refusal = self.edge.enter(self, session)
        if refusal is not None:
            self.say(refusal)
            self._close()
            self.edge.ended(session, self._tally)
            return
        self._lines = Lines(self._reader, lambda: self.edge.deadlines, self._flush)
        self._conversation = Conversation(
            self.edge.settings,
            self.edge.receiver(self),
            self.edge.authenticator,
            self,
            session,
        )
        self.task: asyncio.Task[None] = self.loop.create_task(self._run())
        self.task.add_done_callback(lambda _task: self.edge.leave(self))

    def connection_lost(self, error: Exception | None) -> None:
        """Unlike aiosmtpd, cancel nothing: the reader's end is enough for the session to notice (A3)."""
        if self._original_transport is not None:
            self._original_transport.close()
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def eof_received(self) -> bool | None:
        """A half-closed client may still read our answers (A3)."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """aiosmtpd's one timer is replaced by the deadlines of `lines` (A4)."""

    # -- called by the edge

    @property
    def client(self) -> Session:
        return self._conversation.session

    def leave_if_idle(self) -> None:
        """Say 421 and close, unless a mail is on its way."""
        if self._waiting and self._conversation.transaction is None:
            self.say(R421_SHUTTING_DOWN)
            self._close()

    def send_away(self, response: Response) -> None:
        """Say this and close; a client that we have not greeted may be in its TLS handshake and hears nothing."""
        if not self._waiting:
            self.abort()
            return
        self.say(response.about(self._conversation.session.id))
        self._close()

    def tighten(self) -> None:
        """The deadlines have become shorter, also for what is awaited now."""
        self._lines.tighten()

    def abort(self) -> None:
        """Cut the connection now."""
        if self.transport is not None:
            self.transport.abort()
        self.task.cancel()

    # -- the session

    async def _run(self) -> None:
        try:
            await self._session()
        except TooLate:
            self.say(self.edge.too_late(self._conversation.session))
        except (Gone, TooMuch, ConnectionError, _Closed):
            log.debug("%s: the client has gone", self._conversation.session.id)
        except Exception:
            log.exception("%s: the session failed", self._conversation.session.id)
            self.say(failed(self._conversation, ""))
        finally:
            self._close()
            self.edge.ended(self._conversation.session, self._tally)

    async def _session(self) -> None:
        refusal = await self._read_proxy_header()
        if refusal is not None:
            self.say(refusal)
            return
        settings = self.edge.settings
        if settings.tls_implicit:
            self._conversation.session = replace(
                self._conversation.session, tls=await self._handshake(self._lines.take_all())
            )
        elif await self._talks_early():
            self.say(R554_TOO_EARLY)
            return
        self.say(Response(220, "", f"{settings.name} ESMTP"))
        while not self._conversation.over:
            self._waiting = True
            self.edge.waits(self, amid_mail=self._conversation.transaction is not None)
            line = await self._lines.command()
            self._waiting = False
            self.edge.works(self)
            await self._answer(line)

    async def _answer(self, line: bytes | Fault) -> None:
        """One command and its response; too many refusals end the session."""
        verb, argument = ("", "") if isinstance(line, Fault) else _parse(line)
        if isinstance(line, Fault):
            response: Response | None = R500_LINE_TOO_LONG if line is Fault.TOO_LONG else R500_BARE_LINE_END
        elif verb not in COMMANDS:
            response = R500_UNKNOWN_COMMAND
        elif _CONTROL.search(line):
            response = R501_SYNTAX
        else:
            response = await self._obey(verb, argument)
        if response is not None:
            self._count(verb, response)
            self.say(response)
        if self._errors >= self.edge.max_errors:
            self.say(R421_TOO_MANY_ERRORS)
            self._conversation.over = True
        elif self.edge.stopping and self._conversation.transaction is None and not self._conversation.over:
            self.say(R421_SHUTTING_DOWN)
            self._conversation.over = True

    async def _obey(self, verb: str, argument: str) -> Response | None:
        try:
            return await obey(self._conversation, verb, argument)
        except (Gone, TooLate, TooMuch, ConnectionError, _Closed):
            raise
        except Exception:
            log.exception("%s: %s failed", self._conversation.session.id, verb)
            return failed(self._conversation, verb)

    def _count(self, verb: str, response: Response) -> None:
        if response.code >= 400:
            session = self._conversation.session
            log.info("%s %s: %s answered %s", session.id, session.peer, verb or "a bad line", response)
        if response.is_permanent:
            self._errors += 1

    async def _talks_early(self) -> bool:
        """RFC 5321 §3.1: a client waits for the greeting; who does not is no mail server."""
        delay_s = self.edge.settings.greet_delay_s
        if not delay_s:
            return False
        try:
            async with asyncio.timeout(delay_s):
                await self._reader.read(1)
        except TimeoutError:
            return False
        return True

    # -- PROXY and TLS

    async def _read_proxy_header(self) -> Response | None:
        """From listed peers the header is required and names the client; from others it is no command (A20)."""
        session = self._conversation.session
        if not is_listed(session.peer, self.edge.settings):
            return None
        try:
            async with asyncio.timeout(self.edge.deadlines.proxy_s):
                peer = proxied_peer(await get_proxy(self._reader))
        except (TimeoutError, asyncio.IncompleteReadError):
            peer = None
        if peer is None:
            log.warning("%s: no PROXY header from %s", session.id, session.peer)
            self._tally.end = Outcome.NO_PROXY_HEADER
            raise _Closed
        self._conversation.session = replace(session, peer=peer or session.peer)
        return self.edge.name(self, self._conversation.session)

    async def start_tls(self) -> str:
        """STARTTLS: octets that came before the handshake were sent in clear text, perhaps by someone else."""
        await self._flush()
        if self._lines.take_all():
            log.warning("%s: clear text after STARTTLS", self._conversation.session.id)
            raise _Closed
        return await self._handshake(b"")

    async def _handshake(self, early: bytes) -> str:
        """Put TLS below us; `early` is what of the handshake came already."""
        waiter = self.loop.create_future()
        deadline_s = self.edge.deadlines.handshake_s
        tls = sslproto.SSLProtocol(
            self.loop,
            self,
            self.edge.settings.tls,  # type: ignore[arg-type, unused-ignore]
            waiter,
            server_side=True,
            ssl_handshake_timeout=deadline_s,  # type: ignore[arg-type]  # typeshed says int
            ssl_shutdown_timeout=LINGER_S,
        )
        self._tls_protocol, self._original_transport = tls, self.transport
        self._original_transport.set_protocol(tls)
        self.transport = tls._app_transport
        tls.connection_made(self._original_transport)
        if early:
            tls.get_buffer(len(early))[: len(early)] = early
            tls.buffer_updated(len(early))
        try:
            await waiter
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
            self._original_transport.abort()
            self._tally.end = Outcome.TLS_FAILED
            if isinstance(error, asyncio.CancelledError):
                raise
            log.info("%s: the TLS handshake failed: %s", self._conversation.session.id, type(error).__name__)
            raise _Closed from None
        cipher = self.transport.get_extra_info("cipher")
        return f"{cipher[1]} {cipher[0]}"

    # -- the wire, as commands see it

    def say(self, response: Response) -> None:
        """Queue one response; it leaves with the others when we next wait for the client (RFC 2920 §3.2)."""
        self._tally.heard(response)
        self._unsent += _UNSAYABLE.sub(b" ", str(response).encode("ascii", "replace"))[:RESPONSE_OCTETS] + b"\r\n"

    def say_lines(self, code: int, lines: tuple[str, ...]) -> None:
        """Queue a response of several lines (RFC 5321 §4.2.1)."""
        *first, last = lines
        self._unsent += "".join([*(f"{code}-{line}\r\n" for line in first), f"{code} {last}\r\n"]).encode()

    async def ask(self, challenge: bytes) -> bytes | Response:
        """One step of AUTH (RFC 4954 §4); the line may be long and is not a command."""
        self._unsent += b"334 " + challenge + b"\r\n"
        line = await self._lines.command(AUTH_OCTETS)
        if isinstance(line, Fault):
            return R500_LINE_TOO_LONG if line is Fault.TOO_LONG else R500_BARE_LINE_END
        return line

    async def read_content(self, limit_octets: int, write: Write) -> Fault | None:
        """The content after 354; who is too slow hears why."""
        try:
            return await self._lines.content(limit_octets, write)
        except TooLate:
            self.say(R421_TOO_SLOW)
            raise _Closed from None

    async def finish(self, answer: Coroutine[Any, Any, tuple[Response, ...]]) -> tuple[Response, ...]:
        """Shield what the Receiver has begun from the end of this connection (A3)."""
        responses = await self.edge.finish(self._conversation.session, answer)
        if self.transport is None:
            heard = ", ".join(map(str, dict.fromkeys(responses)))
            log.warning("%s: the client left before it heard: %s", self._conversation.session.id, heard)
        return responses

    def leave_to_itself(self, work: Coroutine[Any, Any, None]) -> None:
        """Let this come to its end without waiting for it."""
        self.edge.keep(self._conversation.session, work)

    async def _flush(self) -> None:
        if self._unsent and self.transport is not None:
            self._writer.write(bytes(self._unsent))
            self._unsent.clear()
        if self._paused:  # type: ignore[attr-defined]  # asyncio's FlowControlMixin
            try:
                async with asyncio.timeout(self.edge.deadlines.command_s):
                    await self._writer.drain()
            except TimeoutError:
                raise _Closed from None

    def _close(self) -> None:
        """Send what is said, then close; who does not read it is cut off after a while."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if self._unsent:
            transport.write(bytes(self._unsent))
            self._unsent.clear()
        lingers = transport.get_write_buffer_size() > 0
        transport.close()
        if lingers:
            self.loop.call_later(LINGER_S, (self._original_transport or transport).abort)


def _parse(line: bytes) -> tuple[str, str]:
    """Verb in capitals, and argument; octets that are not UTF-8 survive as surrogates, which no grammar admits."""
    verb, _, argument = line.partition(b" ")
    return verb.strip().decode("ascii", "replace").upper(), argument.strip(b" ").decode("utf-8", "surrogateescape")
