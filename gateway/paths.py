# SPDX-License-Identifier: Apache-2.0
"""The arguments of MAIL and RCPT: path and parameters (RFC 5321 §4.1.2, RFC 1870, 3461, 4954 §5, 6152, 6531).

Enters: the argument as text. Leaves: a Path, or the Response that refuses it. The null reverse-path is None from here
on, source routes are dropped (RFC 5321 §4.1.1.3), letter case is kept. Parameters that change nothing for us are
checked in form and dropped: Exchange sends AUTH=<> to whoever offers AUTH, and a refusal there bounces its mail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from storage.address import Address, BadAddress, parse, tolerated
from storage.envelope import Wish
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
_NO_WISH = Wish()
PATH_OCTETS = 256  # RFC 5321 §4.5.3.1.3, with the angle brackets
ENVID_LENGTH, ORCPT_LENGTH = 100, 500  # RFC 3461 §5.4

_HOST = r"[^\s@<>,:;()\"\\]+"
_PATH = re.compile(rf'<(?:@{_HOST}(?:,@{_HOST})*:)?((?:"(?:[^"\\]|\\.)*"@)?[^<>"]*)>(?: +(.*))?')
_MAIL = re.compile("FROM: *", re.IGNORECASE)
_RCPT = re.compile("TO: *", re.IGNORECASE)

# RFC 3461 §4: an octet that is no printable character would otherwise come out of a report of ours as it went in.
_XTEXT = r"(?:[!-*,-<>-~]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))+"
_UTF8_XTEXT = r"(?:[!-*,-<>-~\x80-\ud7ff\ue000-\U0010ffff]|\+(?:[2-6][0-9A-F]|7[0-9A-E]))+"

_Form = Callable[[str], object]
_Read = Callable[[str], Address]


def _form(pattern: str) -> _Form:
    return re.compile(pattern, re.IGNORECASE).fullmatch


def _xtext(pattern: str, length: int) -> _Form:
    compiled = re.compile(pattern)
    return lambda value: len(value) <= length and compiled.fullmatch(value)


def _notify(value: str) -> bool:
    words = value.upper().split(",")
    return words == ["NEVER"] or (len(set(words)) == len(words) and set(words) <= {"SUCCESS", "FAILURE", "DELAY"})


_MAIL_PARAMETERS: dict[str, _Form | None] = {
    "SIZE": _form(r"[0-9]{1,20}"),  # RFC 1870 §3
    "BODY": _form(r"7BIT|8BITMIME"),  # RFC 6152 §2; BINARYMIME is not offered
    "SMTPUTF8": None,  # RFC 6531 §3.4: it has no value
    "AUTH": _xtext(_XTEXT, ORCPT_LENGTH),  # RFC 4954 §5
    "RET": _form(r"FULL|HDRS"),  # RFC 3461 §4.3
    "ENVID": _xtext(rf"(?:{_XTEXT})?", ENVID_LENGTH),  # RFC 3461 §4.4: it may be empty
}
_RCPT_PARAMETERS: dict[str, _Form | None] = {
    "NOTIFY": _notify,  # RFC 3461 §4.1
    "ORCPT": _xtext(rf"[A-Za-z0-9.-]+;{_XTEXT}", ORCPT_LENGTH),  # RFC 3461 §4.2
}
_RCPT_PARAMETERS_UTF8 = {  # RFC 6533 §3
    **_RCPT_PARAMETERS,
    "ORCPT": _xtext(rf"(?:(?i:utf-8);{_UTF8_XTEXT}|[A-Za-z0-9.-]+;{_XTEXT})", ORCPT_LENGTH),
}


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed MAIL or RCPT argument; `smtputf8` says that the transaction may hold UTF-8 (RFC 6531)."""

    address: Address | None
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    wish: Wish = _NO_WISH
    declared_octets: int = 0


def sender(argument: str, max_size_octets: int, *, tolerant: bool = False) -> Path | Response:
    """Read the argument of MAIL; `tolerant` takes a reverse-path that is almost a mailbox."""
    split = _split(argument, _MAIL)
    if split is None:
        return R501_BAD_SENDER
    given = _parameters(split[1], _MAIL_PARAMETERS)
    if isinstance(given, Response):
        return given
    declared = int(given.get("SIZE", "0"))
    if declared > max_size_octets:
        return R552_TOO_BIG
    read = tolerated if tolerant else parse
    address = _address(split[0], R501_BAD_SENDER, read, utf8="SMTPUTF8" in given) if split[0] else None
    if isinstance(address, Response):
        return address
    ret, envid = given.get("RET", "").upper(), given.get("ENVID", "")
    return Path(address, "SMTPUTF8" in given, ret, envid, declared_octets=declared)


def recipient(argument: str, name: str, *, smtputf8: bool) -> Path | Response:
    """Read the argument of RCPT; `name` is the host of a bare <postmaster> (RFC 5321 §4.5.1)."""
    split = _split(argument, _RCPT)
    if split is None or not split[0]:
        return R501_BAD_RECIPIENT
    given = _parameters(split[1], _RCPT_PARAMETERS_UTF8 if smtputf8 else _RCPT_PARAMETERS)
    if isinstance(given, Response):
        return given
    mailbox = f"{split[0]}@{name}" if split[0].lower() == "postmaster" else split[0]
    address = _address(mailbox, R501_BAD_RECIPIENT, parse, utf8=smtputf8)
    if isinstance(address, Response):
        return address
    notify = given.get("NOTIFY", "").upper()
    wish = Wish(tuple(notify.split(",")) if notify else (), given.get("ORCPT", "")) if given else _NO_WISH
    return Path(address, smtputf8, wish=wish)


def _split(argument: str, keyword: re.Pattern[str]) -> tuple[str, str] | None:
    """Mailbox and parameters of `FROM:<mailbox> parameters`."""
    start = keyword.match(argument)
    match = _PATH.fullmatch(argument, start.end()) if start else None
    return (match[1], match[2] or "") if match else None


def _address(mailbox: str, refusal: Response, read: _Read, *, utf8: bool) -> Address | Response:
    try:
        address = read(mailbox)
    except BadAddress:
        return refusal
    if not mailbox.isascii():
        if not utf8:
            return R553_NEEDS_SMTPUTF8  # RFC 6531 §3.5
    elif len(mailbox) > PATH_OCTETS - 2:
        return refusal
    return address


def _parameters(text: str, known: dict[str, _Form | None]) -> dict[str, str] | Response:
    """Parameters by their name in capitals; each once, each in its form."""
    given: dict[str, str] = {}
    for word in filter(None, text.split(" ", MAX_PARAMETERS)):
        name, equals, value = word.partition("=")
        name = name.upper()
        if name not in known:
            return R555_PARAMETER
        form = known[name]
        if name in given or (bool(equals) if form is None else not form(value)):
            return R501_SYNTAX
        given[name] = value
    return given
