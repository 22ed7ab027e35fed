# SPDX-License-Identifier: Apache-2.0
"""The agent's copy of a customer's mail: a new header section in front of the unchanged body.

Enters: the header section as received and a plan. Leaves: the new one, empty line included. Never fails. Fields that
would name the customer as the sender to answer, that cannot hold any more (signatures), or that could be forged by them
go; all others keep their octets. Of a header section that is too large to be sent on only the fields stay that make the
mail readable.
"""

from dataclasses import dataclass

from handlers import shown_ids
from handlers.edits.reply_header import bracketed, mailbox_octets, references_octets
from handlers.edits.splice import whole_line
from handlers.headers import MAX_FIELDS, MAX_HEADER_OCTETS, Field, Head, Span, decode_text, encode_unstructured, fold
from handlers.identity import Mailbox
from handlers.loops import loop_mark
from storage.address import Address

UNVERIFIED = "[unverified]"

_GONE = frozenset(
    b"from sender reply-to message-id references in-reply-to return-path delivered-to bcc dkim-signature "
    b"domainkey-signature arc-seal arc-message-signature arc-authentication-results disposition-notification-to "
    b"disposition-notification-options return-receipt-to x-confirm-reading-to errors-to mail-followup-to "
    b"mail-reply-to apparently-to x-original-to envelope-to".split()
)
ESSENTIAL = frozenset(b"to cc subject date auto-submitted mime-version content-type content-transfer-encoding".split())
_GONE_PREFIXES = (b"x-casegate-", b"resent-")


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """All that the agent's copy gets from us; `stamp` stands in front of everything, ids have no angle brackets.

    `left_out` are the spans of the content that intake found forged.
    """

    stamp: bytes
    left_out: tuple[Span, ...]
    sender: Mailbox
    reply_to: Address
    message_id: str
    in_reply_to: str | None
    references: tuple[str, ...]
    is_unverified: bool
    case_label: str
    author: Address | None
    thread_id: str = ""


def agent_copy(head: Head, plan: CopyPlan) -> bytes:
    """The new header section."""
    fields = _essential(head) if _is_too_large(head) else head.fields
    kept = [_kept_field(head, field, plan) for field in fields if _may_stay(field, plan)]
    if plan.is_unverified and not head.count(b"subject"):
        kept.append(fold(b"Subject", UNVERIFIED.encode()))
    return b"".join((plan.stamp, *_own_fields(plan), *kept, b"\r\n"))


def _is_too_large(head: Head) -> bool:
    return head.truncated or len(head.fields) > MAX_FIELDS or head.body_offset > MAX_HEADER_OCTETS


def _essential(head: Head) -> tuple[Field, ...]:
    """The first of each."""
    first: dict[bytes, Field] = {}
    for field in head.fields:
        if field.name in ESSENTIAL:
            first.setdefault(field.name, field)
    return tuple(first.values())


def _may_stay(field: Field, plan: CopyPlan) -> bool:
    """A line without a name is no field and would end the header section for some readers."""
    if not field.name or field.name in _GONE or field.name.startswith(_GONE_PREFIXES):
        return False
    return not any(start < field.end and field.start < end for start, end in plan.left_out)


def _kept_field(head: Head, field: Field, plan: CopyPlan) -> bytes:
    raw = whole_line(head.raw(field))
    if field.name != b"subject":
        return raw
    words = decode_text(head.value(field))
    shown = _subject(words, plan)
    return raw if shown == words else fold(b"Subject", encode_unstructured(shown))


def _subject(words: str, plan: CopyPlan) -> str:
    """Without the tag that the customer's side needs: it comes back with the agent's reply."""
    if plan.thread_id and f"[{plan.thread_id}]".lower() in words.lower():
        words = shown_ids.without(words, plan.thread_id)
    return words if not plan.is_unverified or words.startswith(UNVERIFIED) else f"{UNVERIFIED} {words}".strip()


def _own_fields(plan: CopyPlan) -> list[bytes]:
    written = [
        fold(b"From", mailbox_octets(_marked(plan))),
        fold(b"Reply-To", str(plan.reply_to).encode()),
        fold(b"Message-ID", bracketed(plan.message_id)),
        loop_mark(plan.message_id),
    ]
    if plan.in_reply_to:
        written.append(fold(b"In-Reply-To", bracketed(plan.in_reply_to)))
    if plan.references:
        written.append(fold(b"References", references_octets(plan.references)))
    written.append(fold(b"X-Casegate-Case", plan.case_label.encode()))
    if plan.author is not None:
        written.append(fold(b"X-Casegate-Author", str(plan.author).encode()))
    return written


def _marked(plan: CopyPlan) -> Mailbox:
    """The display name carries the mark too, for some clients hide the subject of a mail in a thread."""
    if not plan.is_unverified or plan.sender.name.startswith(UNVERIFIED):
        return plan.sender
    return Mailbox(f"{UNVERIFIED} {plan.sender.name}".strip(), plan.sender.address)
