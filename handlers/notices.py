# SPDX-License-Identifier: Apache-2.0
"""Mails that we write ourselves: acknowledgement and confirmation to a customer, notices to an agent about a reply.

Enters: plans. Leaves: whole contents in CRLF, to be sent with the null reverse-path (RFC 3834 §3.3, RFC 3464 §2). An
acknowledgement never repeats a word of the mail it answers, neither subject nor body: whoever writes in a victim's
name must not choose what we send them (helpdesk-anchors, idea 16). Never fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from handlers.edits.reply_header import bracketed, mailbox_octets, references_octets
from handlers.headers import encode_unstructured, fold
from handlers.identity import Mailbox
from handlers.loops import loop_mark
from handlers.reports import Action, Fate, Report, said, text_part, written
from storage.address import Address


@dataclass(frozen=True, slots=True)
class AcknowledgementPlan:
    """The automatic answer to a first mail; `text` is the address's configured text."""

    sender: Mailbox
    recipient: Address
    reply_to: Address
    message_id: str
    in_reply_to: str | None
    references: tuple[str, ...]
    case_label: str
    thread_id: str
    text: str
    date: datetime


@dataclass(frozen=True, slots=True)
class NoticePlan:
    """What became of recipients of a reply; `content` is the copy that was sent, or its header section."""

    sender: Mailbox
    recipient: Address
    message_id: str
    server_name: str
    case_label: str
    thread_id: str
    fates: Sequence[Fate]
    arrived_at: datetime
    envid: str
    content: bytes
    date: datetime
    in_full: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmationPlan:
    """A customer's mail that became part of a case; ids have no angle brackets."""

    sender: Mailbox
    recipient: Address
    message_id: str
    server_name: str
    thread_id: str
    fates: Sequence[Fate]
    arrived_at: datetime
    envid: str
    confirmed_id: str
    date: datetime
    subject_tag: bool = False


def acknowledgement(plan: AcknowledgementPlan) -> bytes:
    """Write the automatic answer to a customer (RFC 3834)."""
    section = [
        fold(b"From", mailbox_octets(plan.sender)),
        fold(b"Reply-To", str(plan.reply_to).encode()),
        fold(b"To", str(plan.recipient).encode()),
        fold(b"Subject", f"Case {plan.case_label}".encode()),
        fold(b"Date", format_datetime(plan.date).encode()),
        fold(b"Message-ID", bracketed(plan.message_id)),
        loop_mark(plan.message_id),
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
    words = f"{plan.text.strip()}\n\nCase {plan.case_label}, thread {plan.thread_id}\n".lstrip()
    return b"".join(section) + text_part(words)


def agent_notice(plan: NoticePlan) -> bytes:
    """Tell an agent what became of a reply: failed, delayed, or what they asked to be told (RFC 3461, RFC 3464)."""
    headline, words = _STORIES[plan.fates[0].action]
    who = "\n".join(f"  {fate.recipient}: {said(fate.response)}" for fate in plan.fates)
    until = plan.fates[0].retry_until
    told = {"case": plan.case_label, "thread": plan.thread_id, "who": who, "until": until and format_datetime(until)}
    quoted = "The reply" if plan.in_full else "The header section of the reply"
    story = f"{words.format(**told)}\n{quoted} is attached.\n"
    report = Report(
        key=plan.message_id,
        server_name=plan.server_name,
        story=story,
        fates=plan.fates,
        arrived_at=plan.arrived_at,
        envid=plan.envid,
        content=plan.content,
        in_full=plan.in_full,
    )
    return _section(plan, f"{headline}: your reply in case {plan.case_label}") + written(report)


def confirmation(plan: ConfirmationPlan) -> bytes:
    """Tell a customer who asked for it that their mail has arrived (RFC 3461 §4.1), repeating only its Message-ID."""
    who = "\n".join(f"  {fate.recipient}" for fate in plan.fates)
    report = Report(
        key=plan.message_id,
        server_name=plan.server_name,
        story=f"Your mail has arrived at:\n\n{who}\n\nThread {plan.thread_id}\n",
        fates=plan.fates,
        arrived_at=plan.arrived_at,
        envid=plan.envid,
        content=fold(b"Message-ID", bracketed(plan.confirmed_id)) + b"\r\n" if plan.confirmed_id else b"\r\n",
    )
    subject = f"Delivered: your mail{f' [{plan.thread_id}]' if plan.subject_tag else ''}"
    return _section(plan, subject) + written(report)


def _section(plan: NoticePlan | ConfirmationPlan, subject: str) -> bytes:
    """The header section of a report up to its Content-Type."""
    return b"".join(
        (
            fold(b"From", mailbox_octets(plan.sender)),
            fold(b"To", str(plan.recipient).encode()),
            fold(b"Subject", encode_unstructured(subject)),
            fold(b"Date", format_datetime(plan.date).encode()),
            fold(b"Message-ID", bracketed(plan.message_id)),
            loop_mark(plan.message_id),
            fold(b"Auto-Submitted", b"auto-replied"),  # RFC 3464 §2: as other automatic answers
            fold(b"X-Casegate-Thread", plan.thread_id.encode()),
            b"MIME-Version: 1.0\r\n",
        )
    )


_STORIES = {
    Action.FAILED: (
        "Not delivered",
        "Your reply in case {case} (thread {thread}) could not be delivered to:\n\n{who}\n\n"
        "The server will not try again.",
    ),
    Action.DELAYED: (
        "Delayed",
        "Your reply in case {case} (thread {thread}) could not yet be delivered to:\n\n{who}\n\n"
        "The server goes on trying until {until}. You need not send it again.",
    ),
    Action.RELAYED: (
        "Relayed",
        "Your reply in case {case} (thread {thread}) was taken by the mail host of:\n\n{who}\n\n"
        "That host reports no deliveries: you will hear nothing further unless it fails there.",
    ),
    Action.DELIVERED: (
        "Delivered",
        "Your reply in case {case} (thread {thread}) was delivered to:\n\n{who}\n",
    ),
}
