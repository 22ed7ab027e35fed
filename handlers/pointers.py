# SPDX-License-Identifier: Apache-2.0
"""What in a mail points to a thread, best first: signed addresses, our keyed ids, foreign ids, the public thread ID.

Only the first two are evidence; the thread ID counts in X-Casegate-Thread and in the subject. Foreign ids are looked up
by hash; the mail's own Message-ID is among them, so that a first mail that comes twice by two ways meets itself.
"""

import re

from handlers import tokens
from handlers.arrival import Incoming, Note
from handlers.classification import Class
from handlers.destinations import Destination, Kind
from handlers.headers import Head, decode_text, message_ids
from handlers.office import Office
from storage.threads import Pointer, key_of

MAX_FOREIGN = 20
MAX_SUBJECT_OCTETS = 2000
MAX_SHOWN = 5  # thread IDs in one subject

_SHOWN_ID = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{12}(?![A-Za-z0-9])")


def find_pointers(mail: Incoming, office: Office) -> Incoming:
    """Gather them from envelope and header section; each thread once is enough."""
    own = (tokens.read_message_id(office.keys, text) for text in referred_ids(mail.head))
    own_key = key_of_mail(mail.head)
    shown = [text for text in _shown_ids(mail.head) if tokens.is_thread_id(office.keys, text)]
    kinds = {
        "a signed address of ours": [_of_destination(mail, one) for one in mail.destinations if one.thread_id],
        "a Message-ID of ours in References or In-Reply-To": [
            Pointer(thread_token=one.thread_id, row=one.outbox_name, evidence=True) for one in own if one is not None
        ],
        "the Message-ID of another mail": [Pointer(key=key) for key in foreign_keys(mail.head, office)],
        "": [Pointer(key=own_key, is_own=True)] if own_key is not None else [],  # every mail has one
        "a thread ID that stands in it for all to see": [Pointer(thread_token=text) for text in shown],
    }
    said = "; ".join(kind for kind, pointers in kinds.items() if kind and pointers)
    notes = [Note("pointers", "found", said)] if said else []
    return mail.noting_all(notes, pointers=tuple(dict.fromkeys(one for found in kinds.values() for one in found)))


def _of_destination(mail: Incoming, one: Destination) -> Pointer:
    """A bounce address lets a bounce join the thread of the mail it speaks of; nothing else that comes there."""
    is_bounce = one.kind is Kind.BOUNCE and mail.classification is Class.BOUNCE
    evidence = one.evidence and (one.kind is Kind.REPLY or is_bounce)
    return Pointer(thread_token=one.thread_id, row=one.outbox_name, evidence=evidence, is_bounce=is_bounce)


def _shown_ids(head: Head) -> list[str]:
    """What looks like a thread ID in the two places where we show it."""
    stamped = (head.first(b"x-casegate-thread") or b"").decode("ascii", "replace").strip().upper()
    subject = decode_text((head.first(b"subject") or b"")[:MAX_SUBJECT_OCTETS])
    return [stamped, *_SHOWN_ID.findall(subject)[:MAX_SHOWN]]


def referred_ids(head: Head) -> tuple[str, ...]:
    """In-Reply-To, then References from the nearest ancestor to the root (RFC 5322 §3.6.4)."""
    answered = [text for value in head.all(b"in-reply-to")[:3] for text in message_ids(value)]
    chain = [text for value in head.all(b"references")[:3] for text in reversed(message_ids(value))]
    return tuple(dict.fromkeys(answered + chain))


def foreign_keys(head: Head, office: Office) -> tuple[bytes, ...]:
    """Hashes of the ids it refers to that are not ours: the nearest ones, and the root."""
    foreign = [text for text in referred_ids(head) if tokens.read_message_id(office.keys, text) is None]
    kept = foreign if len(foreign) <= MAX_FOREIGN else [*foreign[: MAX_FOREIGN - 1], foreign[-1]]
    return tuple(key_of(text) for text in kept)


def message_id_of(head: Head) -> str:
    """The mail's own Message-ID without angle brackets, or nothing."""
    return next(iter(message_ids(head.first(b"message-id") or b"")), "")


def key_of_mail(head: Head) -> bytes | None:
    """The hash of the mail's own Message-ID."""
    text = message_id_of(head)
    return key_of(text) if text else None
