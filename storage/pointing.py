# SPDX-License-Identifier: Apache-2.0
"""Which threads the pointers of a mail name, asked inside the accepting transaction.

Enters: pointers found in a mail, and its author. Leaves: candidates for the decision of handlers/proof.py. An id leads
its author to their own mail first, then to mail that really came; an id that a stranger used lowers nobody's proof.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from storage import threads
from storage.database import Unit
from storage.prepared import Prepared
from storage.schema import message, message_key
from storage.threads import Author, Candidate, Pointer, Proof

_UNPROVEN = "?"  # before the id of an unproven mail that owns a key


@dataclass(slots=True)
class _Seen:
    """What the pointers to one thread come to."""

    evidence: bool = False
    is_bounce: bool = False
    is_shown: bool = False
    is_unproven: bool = True
    is_usurped: bool = True
    is_hint: bool = True

    def add(self, pointer: Pointer, owner: str) -> None:
        usurped = bool(owner) and _is_usurped(pointer.side, owner)
        self.evidence |= pointer.evidence
        self.is_bounce |= pointer.is_bounce
        self.is_shown |= pointer.is_shown
        self.is_unproven &= usurped or owner.startswith(_UNPROVEN)
        self.is_usurped &= usurped
        self.is_hint &= pointer.is_hint


def _is_usurped(side: str, owner: str) -> bool:
    """Whether who used an id first has nothing to do with the domain in which it was made."""
    domain = owner.rpartition("@")[2]
    if not side or owner.startswith(_UNPROVEN) or domain == side:
        return False
    return not domain.endswith("." + side) and not side.endswith("." + domain)


def candidates(unit: Unit, pointers: Sequence[Pointer], author: Author) -> list[Candidate]:
    """The threads that the pointers name, best pointer first, each once."""
    found: dict[int, _Seen] = {}
    moved = _where_mails_are(unit, pointers)
    for pointer in pointers:
        for thread_id, owner in _resolve(unit, pointer, author, moved):
            found.setdefault(thread_id, _Seen()).add(pointer, owner)
    if not found:
        return []
    inside = threads.with_any(unit, found, [author.person.key] if author.person is not None else [])
    strange = _without_proof(unit, [thread_id for thread_id, seen in found.items() if seen.is_unproven])
    return [
        Candidate(
            thread_id,
            seen.evidence,
            thread_id in inside,
            seen.is_bounce,
            is_shown=seen.is_shown,
            is_strangers=seen.is_usurped or thread_id in strange,
            is_hint=seen.is_hint,
        )
        for thread_id, seen in found.items()
    ]


def _without_proof(unit: Unit, found: Sequence[int]) -> frozenset[int]:
    """Those of the threads in which no proven author has written."""
    if not found:
        return frozenset()
    of_proven = (message.c.direction == "inbound") & (message.c.proof == Proof.PROVEN.value)
    rows = unit.execute(select(message.c.thread_id).where(message.c.thread_id.in_(found), of_proven))
    return frozenset(found) - frozenset(rows.scalars())


def _where_mails_are(unit: Unit, pointers: Iterable[Pointer]) -> dict[str, int]:
    """Each outbox row's name, and each thread ID that stands beside one, with the thread where that mail is now.

    A signed address of the same thread goes where the nearest of its mails went: split and move take mails along.
    """
    named = {pointer.row: pointer.thread_token for pointer in pointers if pointer.row is not None}
    if not named:
        return {}
    rows = threads.by_rows(unit, list(named))
    nearest = {token: rows[name] for name, token in reversed(named.items()) if name in rows and token is not None}
    return {**nearest, **rows}


def _resolve(unit: Unit, pointer: Pointer, author: Author, moved: Mapping[str, int]) -> list[tuple[int, str]]:
    """Each thread, with the owner of the key that leads there."""
    if pointer.thread_token is not None:
        thread_id = moved.get(pointer.row or pointer.thread_token)
        if thread_id is None:
            thread_id = threads.by_token(unit, pointer.thread_token)
        return [] if thread_id is None else [(thread_id, "")]
    question = _BY_OWN_KEY if pointer.is_own else _BY_KEY
    asked = {"k": pointer.key, "a": author.person.key if author.person else ""}
    rows = question.run(unit, **(asked if pointer.is_own else asked | {"s": f"%@{pointer.side}"}))
    return [(int(thread_id), str(author)) for thread_id, author in rows]


def _own_or_named() -> ColumnElement[bool]:
    """A key counts for its own author at once; for others only once it names a mail that really came."""
    return or_(message_key.c.author == bindparam("a"), message_key.c.names_message.is_(True))


_BY_OWN_KEY = Prepared(
    select(message_key.c.thread_id, message_key.c.author).where(
        message_key.c.hash == bindparam("k"), message_key.c.author == bindparam("a")
    )
)
_BY_KEY = Prepared(
    select(message_key.c.thread_id, message_key.c.author)
    .where(and_(message_key.c.hash == bindparam("k"), _own_or_named()))
    .order_by(
        (message_key.c.author == bindparam("a")).desc(),
        message_key.c.author.like(bindparam("s")).desc(),  # no stranger who uses an id puts its owner out of sight
        message_key.c.author.like(f"{_UNPROVEN}%"),
        message_key.c.thread_id,
    )
    .limit(5)
)
