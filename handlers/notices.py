# SPDX-License-Identifier: Apache-2.0
"""Mails that we write ourselves: the acknowledgement to a customer, and the notice to an agent of a failed reply.

Enters: plans. Leaves: whole contents in CRLF, to be sent with the null reverse-path (RFC 3834 §3.3, RFC 3464 §2). An
acknowledgement never repeats a word of the mail it answers, neither subject nor body: whoever writes in a victim's
name must not choose what we send them (helpdesk-anchors, idea 16). Never fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import sha256

from handlers.edits.reply_header import bracketed, mailbox_octets, references_octets
from handlers.edits.splice import has_long_line, quoted_printable
from handlers.headers import encode_unstructured, fold, scan
from handlers.identity import Mailbox
from storage.address import Address
from storage.response import Response

MAX_DIAGNOSTIC_CHARACTERS = 500  # of what a remote server said


@dataclass(frozen=True, slots=True)
class AcknowledgementPlan:
    """The automatic answer to a first mail; `text` is the address's configured text."""

    sender: Mailbox
    recipient: Address
    reply_to: Address
    message_id: str
    in_reply_to: str | None
    references: tuple[str, ...]
    case_number: int
    thread_id: str
    text: str
    date: datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """One recipient that was not reached, and the last response."""

    recipient: Address
    response: Response
    attempted_at: datetime


@dataclass(frozen=True, slots=True)
class NoticePlan:
    """A reply that could not be delivered; `content` is the copy that was sent, of which the header section is told."""

    sender: Mailbox
    recipient: Address
    message_id: str
    server_name: str
    case_number: int
    thread_id: str
    failures: Sequence[Failure]
    content: bytes
    date: datetime


def acknowledgement(plan: AcknowledgementPlan) -> bytes:
    """Write the automatic answer to a customer (RFC 3834)."""
    section = [
        fold(b"From", mailbox_octets(plan.sender)),
        fold(b"Reply-To", str(plan.reply_to).encode()),
        fold(b"To", str(plan.recipient).encode()),
        fold(b"Subject", f"Case {plan.case_number} [{plan.thread_id}]".encode()),
        fold(b"Date", format_datetime(plan.date).encode()),
        fold(b"Message-ID", bracketed(plan.message_id)),
    ]
    if plan.in_reply_to:
        section.append(fold(b"In-Reply-To", bracketed(plan.in_reply_to)))
    if plan.references:
        section.append(fold(b"References", references_octets(plan.references)))
    section += [
        fold(b"Auto-Submitted", b"auto-replied"),  # RFC 3834 §5
        fold(b"X-Auto-Response-Suppress", b"All"),  # what Exchange obeys instead
        fold(b"X-Casegate-Thread", plan.thread_id.encode()),
        b"MIME-Version: 1.0\r\n",
    ]
    words = f"{plan.text.strip()}\n\nCase {plan.case_number}, thread {plan.thread_id}\n".lstrip()
    return b"".join(section) + _text_part(words)


def agent_notice(plan: NoticePlan) -> bytes:
    """Tell an agent that a reply failed (RFC 3464 in RFC 6522's multipart/report)."""
    boundary = b"=_" + sha256(plan.message_id.encode()).hexdigest()[:40].encode()
    section = (
        fold(b"From", mailbox_octets(plan.sender)),
        fold(b"To", str(plan.recipient).encode()),
        fold(b"Subject", encode_unstructured(f"Not delivered: your reply in case {plan.case_number}")),
        fold(b"Date", format_datetime(plan.date).encode()),
        fold(b"Message-ID", bracketed(plan.message_id)),
        fold(b"Auto-Submitted", b"auto-replied"),  # RFC 3464 §2: as other automatic answers
        fold(b"X-Casegate-Thread", plan.thread_id.encode()),
        b"MIME-Version: 1.0\r\n",
        fold(b"Content-Type", b'multipart/report; report-type=delivery-status; boundary="' + boundary + b'"'),
        b"\r\n",
    )
    bodies = (_text_part(_story(plan)), _status_part(plan), _header_part(plan.content))
    divided = (b"--" + boundary + b"\r\n" + body.removesuffix(b"\r\n") + b"\r\n" for body in bodies)
    return b"".join((*section, *divided, b"--" + boundary + b"--\r\n"))


def _text_part(words: str) -> bytes:
    """Content fields, empty line and body of one text."""
    octets = "\r\n".join(words.splitlines()).encode("utf-8", "replace") + b"\r\n"
    if octets.isascii() and not has_long_line(octets):
        return b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n" + octets
    fields = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return fields + quoted_printable(octets)


def _story(plan: NoticePlan) -> str:
    reached = "\n".join(f"  {failure.recipient}: {_said(failure.response)}" for failure in plan.failures)
    return (
        f"Your reply in case {plan.case_number} (thread {plan.thread_id}) could not be delivered to:\n\n{reached}\n\n"
        "The server will not try again. The header section of the reply is attached.\n"
    )


def _said(response: Response) -> str:
    return " ".join(str(response).split())[:MAX_DIAGNOSTIC_CHARACTERS]


def _status_part(plan: NoticePlan) -> bytes:
    """RFC 3464 §2.1: the fields of the message, then a group of fields for each recipient."""
    groups = [fold(b"Reporting-MTA", b"dns; " + plan.server_name.encode())]
    groups += [_recipient_group(failure) for failure in plan.failures]
    return b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n".join(groups)


def _recipient_group(failure: Failure) -> bytes:
    address = str(failure.recipient)
    kind = b"rfc822; " if address.isascii() else b"utf-8; "  # RFC 6533 §3
    diagnostic = _said(failure.response).encode("ascii", "replace")
    status = failure.response.enhanced or f"{failure.response.code // 100}.0.0"
    return b"".join(
        (
            fold(b"Final-Recipient", kind + address.encode()),
            fold(b"Action", b"failed"),
            fold(b"Status", status.encode("ascii", "replace")),
            fold(b"Diagnostic-Code", b"smtp; " + diagnostic),
            fold(b"Last-Attempt-Date", format_datetime(failure.attempted_at).encode()),
        )
    )


def _header_part(content: bytes) -> bytes:
    """The header section alone (RFC 6522 §3): the agent has the text in their own Sent folder."""
    head = scan(content)
    section = b"".join(head.raw(field) for field in head.fields)
    return b"Content-Type: text/rfc822-headers\r\n\r\n" + section
