# SPDX-License-Identifier: Apache-2.0
"""The two-sided map of Message-IDs: each side sees one thread, made of ids that it has seen.

The customers' side knows their own mails by their own ids and our replies by ours; an agent's side knows the customers'
mails by the ids of their copies and their own replies by the ids their client gave. No id crosses over. An id that is
not ASCII is left out: few servers take such a header section (RFC 6532). So is that of a mail whose author takes no
part or is nobody: a third party who was let in, or a mail system under whatever name, is none of the customers.
"""

from collections.abc import Collection, Iterable
from typing import Protocol

from handlers import persons
from storage.address import key_of

MAX_REFERENCES = 20  # the root and the nearest ones (RFC 5322 §3.6.4)


class Carried(Protocol):
    """One message of a thread with one mail that carried it, as storage/outbox.py tells it."""

    seq: int
    direction: str
    own_id: str
    author_address: str
    proof: str
    linked_thread_id: int | None
    kind: str | None
    agent_id: int | None
    sent_id: str | None


def customers_side(rows: Iterable[Carried], people: Collection[str]) -> dict[int, str]:
    """Message number -> the id under which the customers know it; `people` are their keys."""
    side: dict[int, str] = {}
    for row in rows:
        if row.direction == "inbound":
            known = row.own_id if key_of(row.author_address) in people and not persons.is_guests(row) else None
        else:
            known = row.sent_id if row.kind == "reply" else None
        if known and known.isascii():
            side.setdefault(row.seq, known)
    return side


def agents_side(rows: Iterable[Carried], agent_id: int) -> dict[int, str]:
    """Message number -> the id under which this agent knows it."""
    side: dict[int, str] = {}
    for row in rows:
        if row.agent_id == agent_id and row.kind in ("copy", "reply"):
            known = row.sent_id if row.kind == "copy" else row.own_id
            if known and known.isascii():
                side.setdefault(row.seq, known)
    return side


def chain(side: dict[int, str], before: int) -> tuple[str, ...]:
    """References for the message with this number: what its reader already has, the root and the nearest.

    A mail that came twice stands where it came first.
    """
    ids = list(dict.fromkeys(text for seq, text in sorted(side.items()) if seq < before))
    return tuple(ids if len(ids) <= MAX_REFERENCES else [ids[0], *ids[1 - MAX_REFERENCES :]])
