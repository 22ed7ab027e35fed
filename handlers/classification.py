# SPDX-License-Identifier: Apache-2.0
"""Who or what wrote a mail, as its header section tells: a person, or a machine that must get no automatic answer.

RFC 3834 §5: any Auto-Submitted but `no` is automatic. Precedence alone only says that it went to many. Reads, never
decides what becomes of the mail: no class makes mail vanish.
"""

from enum import Enum

from handlers.headers import Head, message_ids
from handlers.tokens import Keys, read_message_id
from storage.envelope import Envelope

MAX_RECEIVED = 50  # RFC 5321 §6.3: a mail that has been through so many hosts goes in circles


class Class(Enum):
    """The classes of design.md, of which calendar and complaint wait for their readers."""

    PERSON = "person"
    AUTO_REPLY = "auto-reply"
    BOUNCE = "bounce"
    LIST = "list"
    LOOP = "loop"


def classify(head: Head, envelope: Envelope, keys: Keys) -> Class:
    """The most telling class of a mail."""
    if head.count(b"received") > MAX_RECEIVED or _is_our_own(head, keys):
        return Class.LOOP
    if _is_report(head) or (envelope.reverse_path is None and not head.count(b"auto-submitted")):
        return Class.BOUNCE
    if _is_automatic(head) or envelope.reverse_path is None:
        return Class.AUTO_REPLY
    if any(head.count(name) for name in (b"list-id", b"list-post", b"list-unsubscribe")):
        return Class.LIST
    if _first_word(head, b"precedence") in ("bulk", "junk", "list"):
        return Class.LIST
    return Class.PERSON


def _is_our_own(head: Head, keys: Keys) -> bool:
    """Whether it bears a Message-ID that only we can have made: a mail of ours came back."""
    return any(read_message_id(keys, text) for text in message_ids(head.first(b"message-id") or b""))


def _is_report(head: Head) -> bool:
    """RFC 6522: a report about a delivery or a disposition."""
    value = (head.first(b"content-type") or b"").lower()
    return value.startswith(b"multipart/report")


def _is_automatic(head: Head) -> bool:
    """RFC 3834 §5, and what Exchange and older responders write instead."""
    if _first_word(head, b"auto-submitted") not in ("", "no"):
        return True
    if any(head.count(name) for name in (b"x-autoreply", b"x-autorespond", b"x-auto-response-suppress")):
        return True
    return _first_word(head, b"precedence") == "auto_reply"


def _first_word(head: Head, name: bytes) -> str:
    """The value up to a parameter or comment, in lower case."""
    value = (head.first(name) or b"").decode("ascii", "replace").lower()
    return value.split(";")[0].split("(")[0].strip()
