# SPDX-License-Identifier: Apache-2.0
"""The header section of the customer's copy: a short list of fields may stay, all others go, ours are written.

Enters: content and the plan. Leaves: content with the new header section; kept fields keep their octets unless they
name one of our addresses. A list of what may stay is safe against the field that nobody has heard of yet; Comments,
Keywords, Organization and every X- field but X-Priority go, for clients put names and hosts there.
"""

from email.utils import format_datetime
from typing import TYPE_CHECKING

from handlers import shown_ids
from handlers.edits.private_text import hiding
from handlers.edits.recipients import KEEP, edit_mailboxes
from handlers.edits.structure import clean_field
from handlers.headers import Field, Head, decode_text, encode_phrase, encode_unstructured, fold, scan
from handlers.identity import Mailbox
from handlers.loops import loop_mark
from storage.address import key_of

if TYPE_CHECKING:
    from handlers.rewrite import ReplyPlan

FIRST_REFERENCES, LAST_REFERENCES = 1, 20  # RFC 5322 §3.6.4: the root and the nearest ancestors thread a mail

_KEPT = {
    b"date": b"Date",
    b"subject": b"Subject",
    b"to": b"To",
    b"cc": b"Cc",
    b"mime-version": b"MIME-Version",
    b"content-type": b"Content-Type",
    b"content-transfer-encoding": b"Content-Transfer-Encoding",
    b"content-disposition": b"Content-Disposition",
    b"content-language": b"Content-Language",
    b"content-id": b"Content-ID",
    b"content-description": b"Content-Description",
    b"importance": b"Importance",
    b"priority": b"Priority",
    b"x-priority": b"X-Priority",
    b"auto-submitted": b"Auto-Submitted",  # it says `no` (RFC 3834 §5): what a program wrote is refused
}


def write_reply_header(content: bytes, plan: "ReplyPlan") -> bytes:
    """Our fields first, then what may stay in its old order, each name once."""
    head = scan(content)
    seen: set[bytes] = set()
    kept: list[bytes] = []
    for field in head.fields:
        if field.name in _KEPT and field.name not in seen:
            seen.add(field.name)
            kept.append(_kept_field(head, field, plan))
    if plan.subject_tag and b"subject" not in seen:
        kept.append(fold(b"Subject", shown_ids.tagged("", plan.thread_id).encode()))
    if b"date" not in seen:
        kept.append(fold(b"Date", format_datetime(plan.date).encode()))
    return b"".join((*_own_fields(plan), *kept, b"\r\n", content[head.body_offset :]))


def _own_fields(plan: "ReplyPlan") -> list[bytes]:
    written = [fold(b"From", mailbox_octets(plan.sender))]
    if plan.reply_to is not None:
        written.append(fold(b"Reply-To", str(plan.reply_to).encode()))
    written.append(fold(b"Message-ID", bracketed(plan.message_id)))
    written.append(loop_mark(plan.message_id))
    if plan.in_reply_to:
        written.append(fold(b"In-Reply-To", bracketed(plan.in_reply_to)))
    if plan.references:
        written.append(fold(b"References", references_octets(plan.references)))
    written.append(fold(b"X-Casegate-Thread", plan.thread_id.encode()))
    return written


def _kept_field(head: Head, field: Field, plan: "ReplyPlan") -> bytes:
    if field.name in (b"to", b"cc"):
        return _recipients(head, field, plan)
    if field.name == b"subject":
        return _subject(head, field, plan)
    if field.name == b"mime-version":
        return b"MIME-Version: 1.0\r\n"  # mail clients put their name and build behind it, as a comment
    return clean_field(head, field, plan)


def _recipients(head: Head, field: Field, plan: "ReplyPlan") -> bytes:
    raw = clean_field(head, field, plan)
    value = raw.partition(b":")[2].strip()
    edited = edit_mailboxes(value, lambda address: _decide(address, plan))
    if edited is None:
        return b""
    return raw if edited == value else _KEPT[field.name] + b": " + edited + b"\r\n"


def _decide(address: str, plan: "ReplyPlan") -> bytes | None:
    """Our address becomes the person it stands for; a private one is dropped."""
    person = plan.addresses.get(address)
    if person is not None:
        return mailbox_octets(person)
    return None if address in plan.drop or address in map(key_of, plan.private) else KEEP


def _subject(head: Head, field: Field, plan: "ReplyPlan") -> bytes:
    words = decode_text(head.value(field))
    changed = hiding(plan).applied(words)
    if plan.subject_tag:
        changed = shown_ids.tagged(changed, plan.thread_id)
    return clean_field(head, field, plan) if changed == words else fold(b"Subject", encode_unstructured(changed))


def mailbox_octets(mailbox: Mailbox) -> bytes:
    """A display name and an address as they stand in a header field."""
    address = str(mailbox.address).encode()
    return encode_phrase(mailbox.name) + b" <" + address + b">" if mailbox.name else address


def bracketed(message_id: str) -> bytes:
    """A message id in angle brackets."""
    return b"<" + message_id.strip("<> ").encode() + b">"


def references_octets(ids: tuple[str, ...]) -> bytes:
    """The root and the last ids, where there are too many."""
    if len(ids) > FIRST_REFERENCES + LAST_REFERENCES:
        ids = ids[:FIRST_REFERENCES] + ids[-LAST_REFERENCES:]
    return b" ".join(bracketed(message_id) for message_id in ids)
