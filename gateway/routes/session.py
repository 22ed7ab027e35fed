# SPDX-License-Identifier: Apache-2.0
"""Opening one SMTP session to one host: connect, EHLO, TLS by policy, AUTH only over validated TLS.

Enters: a Peer. Leaves: a session ready for MAIL. Fails: NoSession, which carries the response for the recipients.
Opportunistic TLS takes any certificate, and goes on in clear text only where STARTTLS is refused or the handshake
fails (RFC 7435 §3); required TLS validates chain and name, and never goes on in clear text.
"""

import ssl
from dataclasses import dataclass

from aiosmtplib import SMTP
from aiosmtplib.errors import SMTPException, SMTPHeloError, SMTPResponseException

from gateway.routes.responses import R451_NO_CONNECTION, R451_NO_LOGIN, R451_NO_TLS, as_temporary, from_remote
from storage.response import Response


class NoSession(Exception):
    """The host gave no session; `response` says it for each recipient."""

    def __init__(self, response: Response) -> None:
        super().__init__(str(response))
        self.response = response


class _BrokenTls(Exception):
    """STARTTLS was begun and led nowhere: only a new connection can go on."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Where to connect; `name` is what the certificate must carry."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Login:
    """For the smarthost."""

    username: str
    password: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: to connect and be greeted, for one command, for the response to the content, for all before it.

    `block_s` is for each piece of the content: a slow host may take long for a large mail, but must go on.
    """

    connect_s: float = 30.0
    command_s: float = 300.0  # RFC 5321 §4.5.3.2
    content_s: float = 600.0
    total_s: float = 100.0
    block_s: float = 180.0  # RFC 5321 §4.5.3.2.5


@dataclass(frozen=True, slots=True)
class Dialler:
    """How this host calls others; `validated` None means opportunistic TLS, a context means required TLS."""

    own_name: str
    limits: Limits
    validated: ssl.SSLContext | None = None
    login: Login | None = None

    async def open(self, peer: Peer) -> SMTP:
        """A session ready for MAIL; raises NoSession."""
        try:
            return await self._open(peer, in_clear=False)
        except _BrokenTls:
            if self.validated is not None:
                raise NoSession(R451_NO_TLS) from None
        try:
            return await self._open(peer, in_clear=True)
        except _BrokenTls:
            raise NoSession(R451_NO_CONNECTION) from None

    async def _open(self, peer: Peer, *, in_clear: bool) -> SMTP:
        client = SMTP(
            hostname=peer.address,
            port=peer.port,
            local_hostname=self.own_name,
            timeout=self.limits.command_s,
            start_tls=False,
            tls_context=self.validated or _unvalidated(),  # starttls() forgets the context it is given (5.1.3)
        )
        try:
            await client.connect(timeout=self.limits.connect_s)
            await _greet(client)
            if not in_clear:
                await self._secure(client, peer)
            await self._log_in(client)
        except SMTPResponseException as error:
            client.close()
            raise NoSession(from_remote(error.code, error.message)) from None
        except (SMTPException, OSError, ValueError):
            client.close()
            raise NoSession(R451_NO_CONNECTION) from None
        except BaseException:
            client.close()
            raise
        return client

    async def _secure(self, client: SMTP, peer: Peer) -> None:
        """STARTTLS as the policy wants it."""
        if not client.supports_extension("starttls"):
            if self.validated is not None:
                raise NoSession(R451_NO_TLS)
            return
        try:
            await client.starttls(server_hostname=peer.name)
            await _greet(client)  # RFC 3207 §4.2: what was said before TLS does not count
        except SMTPResponseException:
            if self.validated is not None or not client.is_connected:
                raise _BrokenTls from None
        except (SMTPException, OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise _BrokenTls from error

    async def _log_in(self, client: SMTP) -> None:
        """AUTH (RFC 4954); what the smarthost says against the login is about us, so it is temporary."""
        if self.login is None:
            return
        context = client.get_transport_info("sslcontext")
        if context is None or context.verify_mode != ssl.CERT_REQUIRED:
            raise NoSession(R451_NO_TLS)
        attempt = {"plain": client.auth_plain, "login": client.auth_login}
        mechanism = next((name for name in attempt if name in client.server_auth_methods), None)
        if mechanism is None:
            raise NoSession(R451_NO_LOGIN)
        try:
            await attempt[mechanism](self.login.username, self.login.password)
        except SMTPResponseException as error:
            raise NoSession(as_temporary(from_remote(error.code, error.message))) from None


async def _greet(client: SMTP) -> None:
    """EHLO, and HELO for a host that does not know it (RFC 5321 §3.2)."""
    try:
        await client.ehlo()
    except SMTPHeloError as error:
        if not client.is_connected or error.code < 500:
            raise
        await client.helo()


def _unvalidated() -> ssl.SSLContext:
    """Encryption against those who only listen; any certificate will do (RFC 7435 §3)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
