# SPDX-License-Identifier: Apache-2.0
"""The arguments of MAIL and RCPT: path and parameters (RFC 5321 §4.1.2, RFC 1870, 3461, 4954 §5, 6152, 6531).

Enters: the argument as text. Leaves: a Path, or the Response that refuses it. The null reverse-path is None from here
on, source routes are dropped (RFC 5321 §4.1.1.3), letter case is kept. Parameters that change nothing for us are
checked in form and dropped: Exchange sends AUTH=<> to whoever offers AUTH, and a refusal there bounces its mail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from storage.address import Address, BadAddress, parse
from storage.response import (
    R501_BAD_RECIPIENT,
    R501_BAD_SENDER,
    R501_SYNTAX,
    R552_TOO_BIG,
    R553_NEEDS_SMTPUTF8,
    R555_PARAMETER,
    Response,
)

MAX_PARAMETERS = 20

_PATH = re.compile(r'<(?:@[^:<>"]*:)?((?:"(?:[^"\\]|\\.)*"@)?[^<>"]*)>(?: +(.*))?')
_MAIL = re.compile("FROM: *", re.IGNORECASE)
_RCPT = re.compile("TO: *", re.IGNORECASE)

_Form = Callable[[str], "re.Match[str] | None"]
_ANY: _Form = re.compile(r"[^\s=][^\s]{0,499}").fullmatch
_NONE: _Form = re.compile(r"").fullmatch
_MAIL_PARAMETERS: dict[str, _Form] = {
    "SIZE": re.compile(r"[0-9]{1,20}").fullmatch,  # RFC 1870 §3
    "BODY": re.compile(r"7BIT|8BITMIME", re.IGNORECASE).fullmatch,  # RFC 6152 §2
    "SMTPUTF8": _NONE,  # RFC 6531 §3.4
    "AUTH": _ANY,  # RFC 4954 §5
    "RET": re.compile(r"FULL|HDRS", re.IGNORECASE).fullmatch,  # RFC 3461 §4.3
    "ENVID": _ANY,  # RFC 3461 §4.4
}
_RCPT_PARAMETERS: dict[str, _Form] = {
    "NOTIFY": re.compile(
        r"NEVER|(?:SUCCESS|FAILURE|DELAY)(?:,(?:SUCCESS|FAILURE|DELAY)){0,2}", re.IGNORECASE
    ).fullmatch,
    "ORCPT": _ANY,  # RFC 3461 §4.2
}


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed MAIL or RCPT argument; `smtputf8` says that the transaction may hold UTF-8 (RFC 6531)."""

    address: Address | None
    smtputf8: bool = False


def sender(argument: str, max_size_octets: int) -> Path | Response:
    """Read the argument of MAIL."""
    split = _split(argument, _MAIL)
    if split is None:
        return R501_BAD_SENDER
    given = _parameters(split[1], _MAIL_PARAMETERS)
    if isinstance(given, Response):
        return given
    if int(given.get("SIZE", "0")) > max_size_octets:
        return R552_TOO_BIG
    if not split[0]:
        return Path(None, "SMTPUTF8" in given)
    return _address(split[0], R501_BAD_SENDER, utf8="SMTPUTF8" in given)


def recipient(argument: str, name: str, *, smtputf8: bool) -> Path | Response:
    """Read the argument of RCPT; `name` is the host of a bare <postmaster> (RFC 5321 §4.5.1)."""
    split = _split(argument, _RCPT)
    if split is None or not split[0]:
        return R501_BAD_RECIPIENT
    given = _parameters(split[1], _RCPT_PARAMETERS)
    if isinstance(given, Response):
        return given
    mailbox = f"{split[0]}@{name}" if split[0].lower() == "postmaster" else split[0]
    return _address(mailbox, R501_BAD_RECIPIENT, utf8=smtputf8)


def _split(argument: str, keyword: re.Pattern[str]) -> tuple[str, str] | None:
    """Mailbox and parameters of `FROM:<mailbox> parameters`."""
    start = keyword.match(argument)
    match = _PATH.fullmatch(argument, start.end()) if start else None
    return (match[1], match[2] or "") if match else None


def _address(mailbox: str, refusal: Response, *, utf8: bool) -> Path | Response:
    try:
        address = parse(mailbox)
    except BadAddress:
        return refusal
    if not utf8 and not mailbox.isascii():
        return R553_NEEDS_SMTPUTF8  # RFC 6531 §3.5
    return Path(address, utf8)


def _parameters(text: str, known: dict[str, _Form]) -> dict[str, str] | Response:
    """Parameters by their name in capitals; each once, each in its form."""
    given: dict[str, str] = {}
    for word in text.split(maxsplit=MAX_PARAMETERS):
        name, _, value = word.partition("=")
        name = name.upper()
        if name not in known:
            return R555_PARAMETER
        if name in given or not known[name](value):
            return R501_SYNTAX
        given[name] = value
    return given
