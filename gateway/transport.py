# SPDX-License-Identifier: Apache-2.0
"""The lower half of a connection, on aiosmtpd's skeleton: octets out, TLS underneath, the end.

aiosmtpd gives the protocol class and its half of STARTTLS; the rest of its SMTP class is replaced, see
docs/decisions/0010. Enter: responses that wait to leave. Leave: octets. Fails: Closed, when there is nothing more to
say to the client.
"""

import asyncio
from asyncio import sslproto
from typing import Any

from aiosmtpd.smtp import SMTP

from gateway.edge import Edge
from gateway.lines import CHUNK_OCTETS

LINGER_S = 10.0  # for the last response to leave before the connection is cut


class Closed(Exception):
    """The connection is to be closed without a further word."""


class Tls(sslproto.SSLProtocol):
    """TLS below a connection; asyncio would have it hold a quarter of a megabyte for what is read at once."""

    max_size = 32_768  # two TLS records


class Transported(SMTP):
    """One connection without a dialogue: what is queued in `_unsent` leaves with the next flush."""

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
        self._has_said_all = False
        self._at_its_mercy = True  # we wait for the client elsewhere than for a line: for the greeting to be due, TLS

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

    async def put_tls_below(self, early: bytes) -> str:
        """The handshake, `early` being what of it came already; its protocol and cipher. Raises OSError."""
        waiter = self.loop.create_future()
        deadline_s = self.edge.deadlines.handshake_s
        tls = Tls(
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
        for start in range(0, len(early), Tls.max_size):
            piece = early[start : start + Tls.max_size]
            tls.get_buffer(len(piece))[: len(piece)] = piece
            tls.buffer_updated(len(piece))
        try:
            await waiter
        except BaseException:
            self._original_transport.abort()
            raise
        cipher = self.transport.get_extra_info("cipher")
        return f"{cipher[1]} {cipher[0]}"

    async def _flush(self) -> None:
        if self._unsent and self.transport is not None:
            self._writer.write(bytes(self._unsent))
            self._unsent.clear()
        if self._paused:  # type: ignore[attr-defined]  # asyncio's FlowControlMixin
            self._at_its_mercy = True
            try:
                async with asyncio.timeout(self.edge.deadlines.command_s):
                    await self._writer.drain()
            except OSError:  # TimeoutError is one, and so is ssl.SSLError
                raise Closed from None
            finally:
                self._at_its_mercy = False

    def _end_output(self) -> None:
        """Say no more, so that a client which only writes notices; under TLS there is no such half."""
        self._has_said_all = True
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()

    def _close(self) -> None:
        """Send what is said, then close; who does not read it is cut off after a while."""
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if self._unsent and not self._has_said_all:
            transport.write(bytes(self._unsent))
        self._unsent.clear()
        lingers = transport.get_write_buffer_size() > 0
        transport.close()
        if lingers:
            self.loop.call_later(LINGER_S, (self._original_transport or transport).abort)
