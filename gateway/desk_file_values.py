# SPDX-License-Identifier: Apache-2.0
"""What a value of the desk file may be: each type reads the file's form and says what it expects."""

import re
from collections.abc import Callable
from typing import Annotated, Any

from gateway.config_errors import Reads
from gateway.config_values import choice, size
from storage import address, blocks, lists
from storage.address import Address
from storage.desk_values import NO_MAX_SIZE

NAME_LENGTH = 100
TEXT_LENGTH = 10_000
_WORD = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,99}")
_RATE = re.compile(r"[1-9][0-9]{0,5}/[smhd]", re.ASCII)
_EXTENSION = re.compile(r"(?:\.[\w+-]{1,20}){1,3}")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/(?:[\w!#$&^.+-]{1,127}|\*)", re.ASCII)


def _one_line(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > NAME_LENGTH or not value.isprintable():
        raise ValueError("not a name")
    return value


def _lines(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH:
        raise ValueError("not text")
    if any(not c.isprintable() and c not in "\n\t" for c in value):
        raise ValueError("control characters")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError("no match")
        return value

    return parse


Word = Annotated[str, Reads(_matching(_WORD), 'a short name in lower case such as "support"')]
Login = Annotated[str, Reads(_matching(_LOGIN), 'a login in lower case such as "ann"')]
Name = Annotated[str, Reads(_one_line, f"a name of 1 to {NAME_LENGTH} characters on one line")]
Text = Annotated[str, Reads(_lines, f"text of at most {TEXT_LENGTH} characters without control characters")]
Mailbox = Annotated[Address, Reads(lambda value: address.parse(value), 'an address such as "name@host.example"')]


def _rate(value: object) -> str:
    """ "60/h" or "off"; the number is never so large that a window holds more than admission counts."""
    if not isinstance(value, str) or not (value == "off" or _RATE.fullmatch(value)):
        raise ValueError("not a rate")
    return value


_SIZE = size("1KB", "1GB")


def _size(value: object) -> object:
    """A size, or "off" for that of the listener, whatever the desk says."""
    return NO_MAX_SIZE if value == "off" else _SIZE.parse(value)


def _attachment(value: object) -> str:
    if not isinstance(value, str) or not (_EXTENSION.fullmatch(value) or _MEDIA_TYPE.fullmatch(value)):
        raise ValueError("neither an extension nor a type")
    return value.lower()


AcceptFrom = Annotated[str, choice("anyone", "known_contacts", "listed", "authenticated")]
Others = Annotated[str, choice("reject", "quarantine", "discard")]
OnFailure = Annotated[str, choice("accept", "quarantine", "reject", "discard")]
OverRate = Annotated[str, choice("defer", "reject")]
Rate = Annotated[str, Reads(_rate, 'a rate such as "60/h" (s, m, h or d), or "off"')]
Size = Annotated[int, Reads(_size, f'{_SIZE.expected}, or "off"')]
Attachment = Annotated[
    str, Reads(_attachment, 'an extension such as ".exe", or a type such as "application/x-msdownload" or "audio/*"')
]
ListEntry = Annotated[
    str,
    Reads(lambda value: lists.normal(_text(value)), 'an address such as "name@host.example", or "@host.example"'),
]
Blocked = Annotated[
    str,
    Reads(
        lambda value: blocks.normal(_text(value)),
        f'an address, a domain such as "@host.example", or a network of /{blocks.SHORTEST_PREFIX}'
        f" (IPv6: /{blocks.SHORTEST_IPV6_PREFIX}) or smaller",
    ),
]
