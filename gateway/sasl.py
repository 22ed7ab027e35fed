# SPDX-License-Identifier: Apache-2.0
"""The AUTH exchange: PLAIN (RFC 4616) and LOGIN, which Outlook for macOS needs; RFC 4954 §4.

Enters: the argument of AUTH and a way to ask the client. Leaves: Credentials, or the Response that ends the exchange.
Nothing here is ever logged.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from storage.response import R501_AUTH_CANCELLED, R501_BAD_AUTH, R504_MECHANISM, Response

Ask = Callable[[bytes], Awaitable[bytes | Response]]  # the challenge, before base64; the client's line or a refusal


@dataclass(frozen=True, slots=True)
class Credentials:
    """A claimed login and its password."""

    login: str
    password: str = field(repr=False)


async def exchange(argument: str, ask: Ask) -> Credentials | Response:
    """Run one exchange to its end."""
    mechanism, _, initial = argument.partition(" ")
    known = {"PLAIN": _plain, "LOGIN": _login}.get(mechanism.upper())
    return R504_MECHANISM if known is None else await known(initial.strip(), ask)


async def _plain(initial: str, ask: Ask) -> Credentials | Response:
    blob = _decode(_octets(initial)) if initial else await _asked(ask, b"")
    if isinstance(blob, Response):
        return blob
    authorization, _, rest = blob.partition("\0")
    login, separator, password = rest.partition("\0")
    # RFC 4616 §2: to act as someone else is not offered; naming oneself is allowed.
    if not separator or not login or "\0" in password or authorization not in ("", login):
        return R501_BAD_AUTH
    return Credentials(login, password)


async def _login(initial: str, ask: Ask) -> Credentials | Response:
    login = _decode(_octets(initial)) if initial else await _asked(ask, b"Username:")
    if isinstance(login, Response):
        return login
    password = await _asked(ask, b"Password:")
    if isinstance(password, Response):
        return password
    # RFC 4616 §2 admits no NUL, and no store of logins takes one.
    return Credentials(login, password) if login and "\0" not in login + password else R501_BAD_AUTH


async def _asked(ask: Ask, challenge: bytes) -> str | Response:
    line = await ask(base64.b64encode(challenge))
    return line if isinstance(line, Response) else _decode(line)


def _octets(argument: str) -> bytes:
    """As they came: octets that are no UTF-8 are surrogates in an argument."""
    return argument.encode("utf-8", "surrogateescape")


def _decode(line: bytes) -> str | Response:
    """UTF-8 text of one base64 line; `=` is the empty text (RFC 4954 §4), `*` gives up."""
    if line == b"*":
        return R501_AUTH_CANCELLED
    try:
        return "" if line == b"=" else base64.b64decode(line, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return R501_BAD_AUTH
