# SPDX-License-Identifier: Apache-2.0
"""Mail of ours that comes back, known by a mark that only we can make: the Message-ID, keyed with k_mid.

Some hosts on the way write a Message-ID of their own, so it stands in a second field too. Who has got mail of ours can
put the mark into theirs, and stops only that; nobody can put it into a customer's. References and the subject are none:
people answer with both.
"""

from handlers.headers import Head, fold, message_ids
from handlers.tokens import Keys, read_message_id

_FIELD = b"X-Casegate-Loop"
_MARKS = (b"message-id", _FIELD.lower())


def loop_mark(message_id: str) -> bytes:
    """The second field, for a Message-ID without angle brackets."""
    return fold(_FIELD, f"<{message_id}>".encode())


def mark_of_ours(head: Head, keys: Keys) -> str:
    """The field that says so, or nothing."""
    found = (
        name.decode()
        for name in _MARKS
        if any(read_message_id(keys, text) for text in message_ids(head.first(name) or b""))
    )
    return next(found, "")
