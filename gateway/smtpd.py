# SPDX-License-Identifier: Apache-2.0
"""One SMTP connection: its dialogue.

Enters: octets. Leaves: responses, and calls of a Receiver. Each refusal carries an id and stands in the log under it,
with its reason; both happen in `say`. Fails: an exception of ours is 451 4.3.0 and a traceback in the log; a client
that goes away ends its session, never what the Receiver has begun.
"""

import asyncio
import logging
import re
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.proxy_protocol import get_proxy

from gateway.commands import commands, failed, must_be_last, no_command, obey, parse
from gateway.conversation import Conversation
from gateway.edge import Edge
from gateway.line_law import AUTH_OCTETS, Content, Fault
from gateway.lines import Gone, Lines, Reading, TooLate, TooMuch, Write
from gateway.peers import is_listed, peer_of, proxied_peer
from gateway.refusals import Refusals
from gateway.session_log import Outcome, Tally
from gateway.transaction import Answer
from gateway.transport import Closed, Transported
from gateway.waiting import Rank
from handlers import tokens
from storage.envelope import Session
from storage.response import (
    R421_SHUTTING_DOWN,
    R421_TIMEOUT,
    R421_TOO_MUCH,
    R421_TOO_SLOW,
    R500_BARE_LINE_END,
    R500_LINE_TOO_LONG,
    R501_SYNTAX,
    R552_TOO_BIG,
    R554_OUT_OF_TURN,
    R554_TOO_EARLY,
    Response,
)

log = logging.getLogger(__name__)

RESPONSE_OCTETS = 510  # RFC 5321 §4.5.3.1.5, less CR LF
LISTENS_ON_S = 2.0  # to a client that is still sending what we will not take, so that it reads why
AT_A_STRETCH = 50  # commands of one client, before others have their turn

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_UNSAYABLE = re.compile(rb"[^\x20-\x7e]")


class Smtpd(Transported):
    """One connection. It is in `edge.open` until its task has ended."""

    def __init__(self, edge: Edge) -> None:
        super().__init__(edge)
        self._waiting = False
        self._in_handshake = edge.settings.tls_implicit
        self._about = ""  # the id of what is being answered
        self._verb = ""
        self._refusals = Refusals()
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
        peer = peer_of(transport)
        if peer is None:
            self.transport.abort()
            return
        session = Session(tokens.new_name(datetime.now(UTC)), peer)
        self._about = session.id
        refusal = self.edge.enter(self, session)
        if refusal is not None:
            self._queue(refusal)  # the edge writes the log: these may come in floods
            self._close()
            self.edge.ended(session, self._tally)
            return
        self._lines = Lines(self._reader, lambda: self.edge.deadlines, self._flush, self._progress)
        self._conversation = Conversation(
            self.edge.settings,
            self.edge.receiver(self),
            self.edge.authenticator,
            self,
            session,
        )
        self.task: asyncio.Task[None] = self.loop.create_task(self._run())
        self.task.add_done_callback(lambda _task: self.edge.leave(self))

    # -- called by the edge

    @property
    def client(self) -> Session:
        return self._conversation.session

    @property
    def may_go(self) -> bool:
        """Whether it waits for its client, of whom nothing has come that is not read yet."""
        return self._at_its_mercy or self._lines.is_awaited

    def leave_if_idle(self) -> None:
        """Say 421 and close, unless a mail is on its way; amid a TLS handshake nothing can be said."""
        if self._conversation.transaction is not None or self._has_said_all:
            return
        if self._in_handshake:
            self.abort()
        elif self._waiting or self.may_go:
            self.say(R421_SHUTTING_DOWN)
            self._close()

    def send_away(self, response: Response) -> None:
        """Say this, close and do nothing more; amid a TLS handshake nothing can be said."""
        if self._in_handshake:
            self.abort()
            return
        self._queue(response)  # here too
        self._close()
        if self._original_transport is not None:
            self._original_transport.close()  # a client that does not end TLS would keep the file open
        self.task.cancel()  # although its next octets may be coming just now

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
        conversation = self._conversation
        try:
            await self._session()
            if conversation.adrift:
                await self._listen_on()
        except TooLate:
            self.say(self.edge.too_late(R421_TIMEOUT))
        except TooMuch:
            await self._refuse_the_rest()
        except (Gone, ConnectionError, Closed) as error:
            if isinstance(error, Gone) and error.args:
                log.info("%s: the connection broke: %s", conversation.session.id, error)
        except asyncio.CancelledError:
            self._tally.end = self._tally.end or (Outcome.SHUTDOWN if self.edge.stopping else None)
            raise
        except Exception:
            log.exception("%s: the session failed", conversation.session.id)
            self.say(failed(conversation, ""))
        finally:
            conversation.end_transaction()
            self._close()
            self._tally.octets = conversation.usage.octets
            self.edge.ended(conversation.session, self._tally)

    async def _session(self) -> None:
        refusal = await self._read_proxy_header()
        if refusal is not None:
            self.say(refusal)
            return
        settings = self.edge.settings
        if settings.tls_implicit:
            await self._secure(self._lines.take_all())
        if await self._talks_early():
            self.say(R554_TOO_EARLY)
            self._conversation.lose()
            return
        self._at_its_mercy = False
        if self._has_to_go():
            return
        self.say(Response(220, "", f"{settings.name} {'LMTP' if settings.lmtp else 'ESMTP'}"))
        stretch = 0
        while not self._conversation.over:
            stretch = stretch + 1 if self._lines.are_waiting else 0
            if stretch == AT_A_STRETCH:
                stretch = 0
                await asyncio.sleep(0)
            if self._has_to_go():
                return
            self._waiting = True
            reading = self._conversation.reading
            if reading is None:
                self.edge.waits(self, Rank.MAIL if self._conversation.transaction else Rank.COMMAND)
            line = await self._lines.command(between=reading, amid_mail=self._conversation.transaction is not None)
            self._waiting = False
            if reading is None:  # else it keeps its place, which only content makes better
                self.edge.works(self)
            await self._answer(line)

    def _has_to_go(self) -> bool:
        """Say 421 where the listener stops and no mail is on its way: it may have stopped amid an answer."""
        if not self.edge.stopping or self._conversation.transaction is not None:
            return False
        self.say(R421_SHUTTING_DOWN)
        return True

    async def _answer(self, line: bytes | Fault) -> None:
        """One command and its responses; a bound that is reached ends the session."""
        conversation = self._conversation
        self._verb, argument = ("", "") if isinstance(line, Fault) else parse(line)
        self._refusals.hear(self._verb, argument, is_known=self._verb in commands(conversation))
        self._about, conversation.owed = conversation.id, 1
        conversation.usage.idle_commands += 1
        if self._lines.are_waiting and must_be_last(conversation, self._verb):
            self.say(R554_OUT_OF_TURN)
            conversation.lose()
            return
        transaction = conversation.transaction if conversation.settings.lmtp else None
        answer = await self._answer_to(line, argument)
        responses = (answer,) if isinstance(answer, Response) else answer or ()
        for response, recipient in zip(responses, self._refusals.whom(transaction, responses), strict=True):
            self.say(response, recipient)
        if responses:
            conversation.usage.count(responses[0])
        if conversation.over:
            return
        ending = conversation.usage.ending(self.edge.settings, self.edge.max_errors)
        if ending is not None:
            self.say(ending)
            conversation.over = True

    async def _answer_to(self, line: bytes | Fault, argument: str) -> Answer:
        conversation = self._conversation
        if isinstance(line, Fault) or self._verb not in commands(conversation):
            return no_command(conversation, line)
        if _CONTROL.search(line) and self._verb != "BDAT":  # which reads its octets, or ends the session
            return R501_SYNTAX
        try:
            return await obey(conversation, self._verb, argument)
        except (Gone, TooLate, TooMuch, ConnectionError, Closed):
            raise
        except Exception:
            log.exception("%s: %s failed", self._about, self._verb)
            return (failed(conversation, self._verb),) * conversation.owed

    async def _refuse_the_rest(self) -> None:
        """The client is in the midst of a content that it must not send again."""
        for _ in range(self._conversation.owed):
            self.say(R552_TOO_BIG)
        self.say(R421_TOO_MUCH)
        await self._listen_on()

    async def _listen_on(self) -> None:
        """To a client in the midst of its content: were it cut now it would not read what we said."""
        try:
            await self._flush()
            self._end_output()
            await self._lines.discard(LISTENS_ON_S)
        except (ConnectionError, Closed):
            log.debug("%s: the client has gone", self._about)

    async def _talks_early(self) -> bool:
        """RFC 5321 §3.1: a client waits for the greeting; who does not is no mail server."""
        settings = self.edge.settings
        return await self._lines.speaks_within(0 if settings.tls_implicit else settings.greet_delay_s)

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
        if self.edge.stopping:
            raise Gone  # it has heard 421
        if peer is None:
            log.warning("%s: no PROXY header from %s", session.id, session.peer)
            self._tally.end = Outcome.NO_PROXY_HEADER
            raise Closed
        self._conversation.session = replace(session, peer=peer or session.peer)
        return self.edge.name(self, self._conversation.session)

    async def start_tls(self) -> str:
        """STARTTLS: octets that came before the handshake were sent in clear text, perhaps by someone else."""
        await self._flush()
        if self._lines.take_all():
            log.warning("%s: clear text after STARTTLS", self._conversation.session.id)
            raise Closed
        await self._secure(b"")
        return self._conversation.session.tls or ""

    async def _secure(self, early: bytes) -> None:
        conversation = self._conversation
        self._in_handshake = self._at_its_mercy = True
        self.edge.waits(self, Rank.COMMAND)
        try:
            tls = await self.put_tls_below(early)
        except (OSError, asyncio.CancelledError) as error:  # ssl.SSLError is an OSError
            is_stop = isinstance(error, asyncio.CancelledError) and self.edge.stopping
            self._tally.end = Outcome.SHUTDOWN if is_stop else Outcome.TLS_FAILED
            if isinstance(error, asyncio.CancelledError):
                raise
            log.info("%s: the TLS handshake failed: %s", conversation.session.id, type(error).__name__)
            raise Closed from None
        self._in_handshake = self._at_its_mercy = False
        self.edge.works(self)
        conversation.session = replace(conversation.session, tls=tls)

    # -- the wire, as commands see it

    def say(self, response: Response, recipient: str = "") -> None:
        """Queue one response, a refusal with its id; and write it to the log, unless it is the last one again."""
        if response.code >= 400:
            peer = self._conversation.session.peer
            self._tally.refused.append(self._refusals.note(self._about, peer, response, recipient))
        self._queue(response)

    def _queue(self, response: Response) -> None:
        """It leaves with the others when we next wait for the client (RFC 2920 §3.2)."""
        self._tally.heard(response)
        line = _UNSAYABLE.sub(b" ", str(response).encode("ascii", "replace"))
        name = f" (id {self._about})".encode() if response.code >= 400 else b""
        self._unsent += line[: RESPONSE_OCTETS - len(name)] + name + b"\r\n"

    def say_lines(self, code: int, lines: tuple[str, ...]) -> None:
        """Queue a response of several lines (RFC 5321 §4.2.1)."""
        *first, last = lines
        self._unsent += "".join([*(f"{code}-{line}\r\n" for line in first), f"{code} {last}\r\n"]).encode()

    @property
    def has_more(self) -> bool:
        """Whether the client has sent more than what was read."""
        return self._lines.are_waiting

    async def ask(self, challenge: bytes) -> bytes | Response:
        """One step of AUTH (RFC 4954 §4); the line may be long and is not a command."""
        self._unsent += b"334 " + challenge + b"\r\n"
        self.edge.waits(self, Rank.COMMAND)
        line = await self._lines.command(AUTH_OCTETS)
        self.edge.works(self)
        if isinstance(line, Fault):
            return R500_LINE_TOO_LONG if line is Fault.TOO_LONG else R500_BARE_LINE_END
        return line

    async def read_content(self, content: Content, reading: Reading, write: Write) -> None:
        """The content after 354; who is too slow hears why."""
        await self._hearing_why(self._lines.content(content, reading, write))
        self.edge.works(self)

    async def read_chunk(self, size: int, reading: Reading, write: Write) -> None:
        """The octets after BDAT; who is too slow hears why."""
        await self._hearing_why(self._lines.chunk(size, reading, write))

    def _progress(self) -> None:
        self.edge.waits(self, Rank.CONTENT)

    async def _hearing_why(self, reading: Coroutine[Any, Any, None]) -> None:
        try:
            await reading
        except TooLate:
            self.say(self.edge.too_late(R421_TOO_SLOW))
            if self.edge.stopping:
                await self._listen_on()
            raise Closed from None

    async def finish(self, answer: Coroutine[Any, Any, tuple[Response, ...]]) -> tuple[Response, ...]:
        """Shield what the Receiver has begun from the end of this connection (A3)."""
        responses = await self.edge.finish(self._conversation.session, answer)
        if self.transport is None:
            heard = ", ".join(map(str, dict.fromkeys(responses)))
            log.warning("%s: the client left before it heard: %s", self._about, heard)
        return responses

    def leave_to_itself(self, work: Coroutine[Any, Any, None]) -> None:
        """Let this come to its end without waiting for it."""
        self.edge.keep(self._conversation.session, work)
