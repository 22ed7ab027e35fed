# SPDX-License-Identifier: Apache-2.0
"""To and Cc as the customer may see them: our signed addresses become people, agents' private addresses go.

Enters: the octets of one field's value. Leaves: the same octets if no mailbox changes, else the kept mailboxes in their
own octets with the new ones between them. Never fails; one pass over the value (RFC 5322 §3.4).
"""

import re
from collections.abc import Callable

from storage.address import key_of

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\\.|[(),;:<>]', re.DOTALL)
_COMMENT = re.compile(rb"\([^()]*+\)")

Decide = Callable[[str], bytes | None]
"""The new octets of the mailbox with this address; None drops it; KEEP leaves it."""

KEEP = b"\x00"


def edit_mailboxes(value: bytes, decide: Decide) -> bytes | None:
    """The value with each mailbox kept, replaced or dropped; None where none is left."""
    kept: list[bytes] = []
    changed = False
    for mailbox in split_mailboxes(value):
        new = decide(address_in(mailbox))
        changed = changed or new != KEEP
        if new is not None and (new == KEEP or new not in kept):
            kept.append(mailbox if new == KEEP else new)
    if not changed:
        return value
    return b",\r\n ".join(kept) if kept else None


def split_mailboxes(value: bytes) -> list[bytes]:
    """Cut an address list at its commas; the names of groups fall away."""
    found: list[bytes] = []
    start = depth = 0
    in_angle = False
    for match in _TOKEN.finditer(value):
        token = match[0]
        if token == b"(":
            depth += 1
        elif token == b")":
            depth = max(depth - 1, 0)
        elif depth == 0 and token in (b"<", b">"):
            in_angle = token == b"<"
        elif depth == 0 and not in_angle and token in (b",", b";", b":"):
            if token != b":":
                found.append(value[start : match.start()])
            start = match.end()
    found.append(value[start:])
    return [mailbox for mailbox in (piece.strip() for piece in found) if mailbox]


def address_in(mailbox: bytes) -> str:
    """The key of the address, from the angle brackets if there are any."""
    _, bracket, inside = _COMMENT.sub(b"", mailbox).rpartition(b"<")
    address = inside.partition(b">")[0] if bracket else _COMMENT.sub(b"", mailbox)
    return key_of(address.strip().decode("utf-8", "replace"))
