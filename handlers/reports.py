# SPDX-License-Identifier: Apache-2.0
"""A delivery report: words for people, fields for programs, and what it is about (RFC 3464 in RFC 6522's form).

Enters: what became of each recipient. Leaves: the Content-Type field and the body, to stand below a header section. The
fields are ASCII whatever the addresses are (RFC 6533 §3); what is told again keeps its octets. Never fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from enum import Enum
from hashlib import sha256

from handlers import xtext
from handlers.edits.splice import has_long_line, quoted_printable
from handlers.headers import HeaderLimits, fold, scan
from storage.response import Response

MAX_DIAGNOSTIC_CHARACTERS = 500  # of what a remote server said
FULL_OCTETS = 1_000_000  # of a bigger mail RET=FULL gets the header section alone: each recipient has a report


class Action(Enum):
    """What became of a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Fate:
    """One recipient and the last response; `orcpt` as it came (RFC 3461 §4.2), `retry_until` for a delay."""

    recipient: str
    action: Action
    response: Response
    at: datetime
    orcpt: str = ""
    retry_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`key` makes the boundary and is used once; `content` is told whole if `in_full`, else its header section."""

    key: str
    server_name: str
    story: str
    fates: Sequence[Fate]
    arrived_at: datetime
    envid: str
    content: bytes
    in_full: bool = False


def written(report: Report) -> bytes:
    """The fields that declare it, an empty line, and the parts."""
    boundary = b"=_" + sha256(report.key.encode()).hexdigest()[:40].encode()
    parts = (text_part(report.story), _status_part(report), _told_part(report))
    declared = fold(b"Content-Type", b'multipart/report; report-type=delivery-status; boundary="' + boundary + b'"')
    if not all(part.isascii() for part in parts):
        declared += b"Content-Transfer-Encoding: 8bit\r\n"
    divided = (b"--" + boundary + b"\r\n" + part.removesuffix(b"\r\n") + b"\r\n" for part in parts)
    return b"".join((declared, b"\r\n", *divided, b"--" + boundary + b"--\r\n"))


def text_part(words: str) -> bytes:
    """Content fields, empty line and body of one text."""
    octets = "\r\n".join(words.splitlines()).encode("utf-8", "replace") + b"\r\n"
    if octets.isascii() and not has_long_line(octets):
        return b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + octets
    fields = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return fields + quoted_printable(octets)


def said(response: Response) -> str:
    """A response on one line of bounded length."""
    return " ".join(str(response).split())[:MAX_DIAGNOSTIC_CHARACTERS]


def _status_part(report: Report) -> bytes:
    """RFC 3464 §2.1: the fields of the message, then a group of fields for each recipient."""
    about = [fold(b"Reporting-MTA", b"dns; " + report.server_name.encode())]
    envid = xtext.decode(report.envid)
    if envid:
        about.insert(0, fold(b"Original-Envelope-Id", envid.encode()))
    about.append(fold(b"Arrival-Date", _date(report.arrived_at)))
    groups = (b"".join(about), *(_recipient_group(fate) for fate in report.fates))
    return b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n".join(groups)


def _recipient_group(fate: Fate) -> bytes:
    values = {
        "Original-Recipient": xtext.decode(fate.orcpt).replace(";", "; ", 1),
        "Final-Recipient": xtext.typed(fate.recipient),
        "Action": fate.action.value,
        "Status": _status(fate),
    }
    if fate.action in (Action.FAILED, Action.DELAYED):
        values["Diagnostic-Code"] = f"smtp; {said(fate.response)}"
    values["Last-Attempt-Date"] = format_datetime(fate.at)
    if fate.retry_until is not None:
        values["Will-Retry-Until"] = format_datetime(fate.retry_until)
    return b"".join(fold(name.encode(), value.encode("ascii", "replace")) for name, value in values.items() if value)


def _status(fate: Fate) -> str:
    return fate.response.enhanced or f"{fate.response.code // 100}.0.0"


def _told_part(report: Report) -> bytes:
    """RFC 6522 §3, §4; with header fields beyond ASCII the types of RFC 6533 §4."""
    head = scan(report.content, HeaderLimits())
    section = b"".join(head.raw(field) for field in head.fields)
    if report.in_full:  # the line end of the last line is the content's own
        kind, told = (b"message/rfc822" if section.isascii() else b"message/global"), report.content + b"\r\n"
    else:
        kind, told = (b"text/rfc822-headers" if section.isascii() else b"message/global-headers"), section
    encoding = b"" if told.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return b"Content-Type: " + kind + b"\r\n" + encoding + b"\r\n" + told


def _date(instant: datetime) -> bytes:
    return format_datetime(instant).encode()
