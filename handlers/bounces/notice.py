# SPDX-License-Identifier: Apache-2.0
"""The words that a mail system wrote for people, without the mail that it gives back.

Enters: content. Leaves: the notice as lines of bounded number and length, the parts for programs, and the header
section of the mail given back. Never fails; what lies behind the first 2 MB is not read.
"""

import re
from dataclasses import dataclass

from handlers.headers import Head, HeaderLimits, message_ids, scan
from handlers.mime_parts import Part, decode, parts, text
from handlers.reading import text_of_html

MAX_OCTETS = 2_000_000
MAX_LINES = 3000
MAX_LINE = 1000
MAX_BEHIND = 200_000
_HTML_OCTETS = 200_000
_WIDE = str.maketrans(
    dict(zip("：（）＜＞；，。、【】「」", [": ", " (", ") ", *"<>;,", ". ", ", ", *"[][]"], strict=True))
)

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status", "message/xdelivery-status")
_RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/global-headers",
    "text/rfc822",
    "message/partial",
)

# How mail systems announce the mail that they give back below.
_BELOW = re.compile(
    r"^[\W_]*(?:(?:the )?(?:header|body|text|beginning|copy|contents?|start|first \d+ lines|message|"
    r"unsent message|undelivered message|returned mail|original|forwarded|included)[\w ,/'()-]{0,50}(?:below|"
    r"follow)|below (?:this line )?is (?:a |the )?(?:copy|original|header)|(?:this is|included is|here is|"
    r"attached is) (?:a )?copy of|(?:begin(?:ning)? of )?(?:the )?(?:original|returned|undelivered|forwarded|"
    r"unsent|old) (?:message|mail|e-mail)(?: (?:header|text|body|follows|reads|attached|"
    r"begins)[\w ]{0,20}(?:\(in part\))?)?(?!\.$)[\W_]*$|your (?:message|mail|e-mail) (?:header|text|body|"
    r"follows|reads|begins)[\w ]{0,20}(?:\(in part\))?[\W_]*$|(?:the )?header and top \d+ lines|"
    r"message (?:header|text|body|contents?|headers)[\W_]*$|"
    r"(?:original|returned) message (?:header|text|follows)|-+ ?(?:original|returned|"
    r"forwarded) message|enclosed is|the message (?:returned|that was sent) (?:below|follows)|"
    r"message from yahoo.*original|received: (?:from|by|\()|received:from|return-path: ?<|return-path: ?$|"
    r"dkim-signature: |x-received: )",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Notice:
    """`told` are the lines; `statuses` and `feedbacks` the decoded parts for programs.

    `returned` is the header section of the mail given back, `behind` the beginning of that mail.
    """

    head: Head
    told: tuple[str, ...]
    statuses: tuple[str, ...]
    feedbacks: tuple[str, ...]
    returned: Head | None
    behind: str
    types: frozenset[str]
    top: str

    @property
    def returned_message_id(self) -> str:
        """The Message-ID of the mail given back."""
        value = self.returned.first(b"message-id") if self.returned is not None else None
        return next(iter(message_ids(value or b"")), "")[:500]


def read_notice(content: bytes) -> Notice:
    """Take a mail apart."""
    content = content[:MAX_OCTETS]
    found = parts(content)
    leaves = [part for part in found if part.is_leaf]
    told, rest = _lines(content, leaves)
    given_back = _given_back(content, leaves) or rest
    return Notice(
        head=scan(content, HeaderLimits()),
        told=tuple(told),
        statuses=tuple(_of_types(content, leaves, STATUS_TYPES)),
        feedbacks=tuple(_of_types(content, leaves, ("message/feedback-report",))),
        returned=scan(given_back, HeaderLimits()) if given_back else None,
        behind=(given_back or rest)[:MAX_BEHIND].decode("utf-8", "replace").replace("\r\n", "\n"),
        types=frozenset(part.about.type for part in found[:50]),
        top=found[0].about.type,
    )


def _of_types(content: bytes, leaves: list[Part], types: tuple[str, ...]) -> list[str]:
    return [_as_text(content, part) for part in leaves if part.about.type in types][:20]


def _as_text(content: bytes, part: Part) -> str:
    """Fields are read as UTF-8, whatever the part declares."""
    octets = decode(content, part)
    return octets.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")


def _lines(content: bytes, leaves: list[Part]) -> tuple[list[str], bytes]:
    """The lines up to the mail given back, and what lies behind them in the same part."""
    lines: list[str] = []
    for part in leaves:
        if part.about.type in (*STATUS_TYPES, *_RETURNED) and part.number:
            break
        if not (part.about.type.startswith(("text/", "multipart/", "message/"))):
            continue
        words = text(content, part)
        if part.about.type == "text/html":
            if lines and "".join(lines).strip():
                continue
            words = text_of_html(words[:_HTML_OCTETS])
        own = words.split("\n", MAX_LINES)[:MAX_LINES]
        cut = _cut(own)
        lines += [_narrow(line[:MAX_LINE].rstrip()) for line in own[:cut]]
        if cut < len(own):
            return lines[:MAX_LINES], _behind(own[cut:])
    return lines[:MAX_LINES], b""


def _narrow(line: str) -> str:
    """Signs as wide as Chinese letters would be taken for parts of addresses."""
    return line if line.isascii() else line.translate(_WIDE)


def _cut(lines: list[str]) -> int:
    """Where the mail given back begins; never before the first words."""
    seen = False
    for number, line in enumerate(lines):
        if seen and len(line) < 200 and _BELOW.match(line.strip()):
            return number
        seen = seen or bool(line.strip())
    return len(lines)


def _behind(lines: list[str]) -> bytes:
    """The header section of the mail given back: it begins at the first line that is a field."""
    for number, line in enumerate(lines[:40]):
        if re.match(r"[A-Za-z][A-Za-z-]{1,40}:", line.strip()):
            return "\r\n".join(_outdented(lines[number : number + 2000])).encode("utf-8", "replace")
    return b""


def _outdented(lines: list[str]) -> list[str]:
    """Some give it back indented."""
    indent = len(lines[0]) - len(lines[0].lstrip())
    return [line[indent:] if not line[:indent].strip() else line for line in lines]


def _given_back(content: bytes, leaves: list[Part]) -> bytes:
    for part in leaves:
        if part.number and part.about.type in _RETURNED:
            octets = decode(content, part)[:300_000]
            return octets.lstrip(b"\r\n")
    return b""
