# SPDX-License-Identifier: Apache-2.0
"""One mail over one SMTP session: MAIL, RCPT for each recipient, DATA; one response for each recipient.

The content leaves octet for octet, only dots are stuffed (RFC 5321 §4.5.2), a piece at a time and no faster than the
remote takes it. Never raises for what the remote does. A content that cannot be read to its end gets no final dot.
The one instant that matters: from the final dot on, a lost connection means that the remote may have taken the mail;
its recipients get R451_UNKNOWN, and the next attempt may make a duplicate.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from aiosmtplib import SMTP, SMTPResponse
from aiosmtplib.errors import SMTPException, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from gateway.routes.responses import (
    R451_LOST,
    R451_UNREADABLE,
    R552_TOO_BIG,
    R553_BAD_ADDRESS,
    R553_NO_UTF8,
    from_remote,
)
from gateway.routes.session import Limits
from gateway.routes.stuffing import stuffed
from handlers.contents import Unreadable
from handlers.ports import R451_UNKNOWN, Departure
from handlers.xtext import original_recipient
from storage.address import Address, BadAddress, parse
from storage.response import Response

SLOWEST = 10_000  # octets a second, for a content on the whole: no host keeps a place in the outbox for ever

_log = logging.getLogger(__name__)


class Transaction:
    """`run` once, then read `responses`: every recipient is in it, whatever happened."""

    def __init__(self, client: SMTP, departure: Departure, recipients: Sequence[str], limits: Limits) -> None:
        self._client = client
        self._departure = departure
        self._limits = limits
        self._accepted: list[str] = []
        self._content_sent = False
        self._given: dict[str, Response] = {}
        self._recipients = tuple(recipients)

    async def run(self, deadline: float) -> None:
        """Say it all and hang up; the deadline, of the loop's clock, is for everything before the content.

        From the final dot on only `content_s` counts: whoever hangs up on a remote that still works on it sends twice.
        """
        try:
            async with asyncio.timeout_at(deadline):
                is_ready = await self._mail() and await self._rcpt() and await self._data()
            if is_ready:
                await self._content()
            if self._content_sent or not is_ready:  # what is said in the middle of a content would be part of it
                self._quit()
        except (SMTPException, OSError):
            pass  # who has no response yet gets one from `responses`
        except Unreadable as error:
            _log.error("outbox row %s: %s", self._departure.name, error)
            self._settle(R451_UNREADABLE)
        finally:
            self._client.close()

    @property
    def responses(self) -> dict[str, Response]:
        """One for each recipient."""
        missing = R451_UNKNOWN if self._content_sent else R451_LOST
        return {recipient: self._given.get(recipient, missing) for recipient in self._recipients}

    @property
    def may_have_arrived(self) -> bool:
        """Whether the content left and its response did not come."""
        return R451_UNKNOWN in self.responses.values()

    async def _mail(self) -> bool:
        """MAIL with what the host understands and this mail needs; False when nobody is left to send to."""
        path = self._path(self._departure.reverse_path)
        size = self._client.esmtp_extensions.get("size", "")
        if size.isdecimal() and 0 < int(size[:18]) < self._departure.content.octets:
            return self._settle(R552_TOO_BIG)  # RFC 1870 §6.1
        if isinstance(path, Response):
            return self._settle(path)
        response = await self._say(b"MAIL", b"FROM:<" + path + b">", *self._parameters(path))
        return response.is_positive or self._settle(response)

    def _parameters(self, path: bytes) -> list[bytes]:
        """SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461)."""
        has = self._client.supports_extension
        paths = [path, *(found for found in map(self._path, self._recipients) if isinstance(found, bytes))]
        wanted = {
            b"SIZE=%d" % self._departure.content.octets: has("size"),
            b"BODY=8BITMIME": has("8bitmime") and not self._departure.content.is_ascii,
            b"SMTPUTF8": not all(found.isascii() for found in paths),
            b"RET=%b" % self._departure.ret.encode(): has("dsn") and bool(self._departure.ret),
            b"ENVID=%b" % self._departure.envid.encode(): has("dsn") and bool(self._departure.envid),
        }
        return [parameter for parameter, needed in wanted.items() if needed]

    async def _rcpt(self) -> bool:
        for recipient in self._recipients:
            path = self._path(recipient)
            response = path if isinstance(path, Response) else await self._say(*self._rcpt_words(recipient, path))
            if response.is_positive:
                self._accepted.append(recipient)
            else:
                self._given[recipient] = response
        return bool(self._accepted)

    def _rcpt_words(self, recipient: str, path: bytes) -> list[bytes]:
        """NOTIFY as its writer wished (RFC 3461 §5.2.1), ORCPT of the address that we send to and no other."""
        words = [b"RCPT", b"TO:<" + path + b">"]
        wish = self._departure.wishes.get(recipient)
        if wish is None or not self._client.supports_extension("dsn"):
            return words
        if wish.notify:
            words.append(b"NOTIFY=" + ",".join(wish.notify).encode())
        return [*words, b"ORCPT=" + original_recipient(path.decode()).encode()]

    async def _data(self) -> bool:
        """What DATA and the final dot are answered with holds for all accepted recipients (RFC 5321 §3.3)."""
        start = await self._client.execute_command(b"DATA", timeout=self._limits.command_s)
        if start.code != 354:
            return self._settle(from_remote(start.code if start.code >= 400 else 0, start.message))
        return True

    async def _content(self) -> None:
        """The content, its final dot, and the wait for the response (RFC 5321 §4.5.3.2.6)."""
        protocol = self._client.protocol
        if protocol is None:
            raise SMTPServerDisconnected("the host closed the session")
        answering = asyncio.ensure_future(protocol.read_response())
        try:
            async with asyncio.timeout(self._limits.content_s + self._departure.content.octets / SLOWEST):
                await self._pour(protocol, answering)
            await asyncio.wait((answering,), timeout=self._limits.content_s)
            self._take(answering)
        finally:
            if not self._content_sent and protocol.transport is not None:
                cast(asyncio.WriteTransport, protocol.transport).abort()  # what lies in buffers is half a mail
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)

    async def _pour(self, protocol: SMTPProtocol, answering: "asyncio.Future[SMTPResponse]") -> None:
        """All pieces and the final dot, unless the host answers before; the store is read one piece ahead."""
        pieces = stuffed(self._departure.content.pieces())
        piece = await asyncio.to_thread(next, pieces, None)
        while piece is not None and not answering.done():
            following = await asyncio.to_thread(next, pieces, None)
            try:
                protocol.write(piece if following is not None else piece + b".\r\n")
                self._content_sent = following is None
                if following is not None:
                    async with asyncio.timeout(self._limits.block_s):
                        await protocol._drain_helper()  # what a stream calls in drain()
            except (ConnectionError, SMTPServerDisconnected):
                return  # what the host said before it hung up may be an answer
            piece = following

    def _take(self, answering: "asyncio.Future[SMTPResponse]") -> None:
        """What the host said; before the final dot only a refusal makes sense."""
        if not answering.done():
            return
        try:
            response = answering.result()
        except SMTPResponseException as error:  # not SMTP at all
            self._settle(from_remote(error.code, error.message))
            return
        action = "" if self._client.supports_extension("dsn") else "relayed"  # RFC 3461 §5.2.2: else it reports itself
        answer = replace(from_remote(response.code, response.message), action=action)
        if self._content_sent or not answer.is_positive:
            self._settle(answer)

    async def _say(self, *words: bytes) -> Response:
        """One command; after a 421 the host is gone (RFC 5321 §3.8), so the rest is lost."""
        response = await self._client.execute_command(*words, timeout=self._limits.command_s)
        answer = from_remote(response.code, response.message)
        if answer.code == 421:
            self._settle(answer)
            raise SMTPServerDisconnected("the host closed the session")
        return answer

    def _settle(self, response: Response) -> bool:
        """The response for everyone who has none yet; always False: there is nothing more to say."""
        for recipient in self._recipients:
            self._given.setdefault(recipient, response)
        return False

    def _path(self, text: str | None) -> bytes | Response:
        """What stands between < and >; an ASCII local part makes do with the A-labels of its domain (RFC 5890)."""
        if text is None:
            return b""
        try:
            address = parse(text)
        except BadAddress:
            return R553_BAD_ADDRESS
        if text.isascii():
            return str(address).encode()
        return _a_labels(address) or (text.encode() if self._client.supports_extension("smtputf8") else R553_NO_UTF8)

    def _quit(self) -> None:
        """Say QUIT and do not wait for the response: the mail is settled."""
        if self._client.protocol is not None and self._client.is_connected:
            self._client.protocol.write(b"QUIT\r\n")


def _a_labels(address: Address) -> bytes | None:
    return f"{address.local}@{address.host}".encode() if address.local.isascii() else None
