# SPDX-License-Identifier: Apache-2.0
"""Whether an old mail is here already, as a message that was imported, came live or was sent by our side; and whether
a mail that is held was imported.

Mail is the same if Message-ID, author and date are: the fields that its way gave it differ from copy to copy, and some
programs write one Message-ID again and again. A mail without Message-ID goes by its octets. Of a held mail, which is
lost if this errs, subject and words must be the same, too. Only reads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, func, or_, select

from storage import content
from storage.address import key_of as key_of_address
from storage.database import Unit
from storage.schema import message, message_key, outbox, thread
from storage.schema_cases import case
from storage.states import MessageState
from storage.threads import key_of

ARCHIVE = "imported"  # whose key says that these octets are here
REASON = "imported by an operator"  # of every message that was imported
MOST = 20  # mails with one Message-ID that are looked at

_KEPT = [
    one.value for one in (MessageState.ACCEPTED, MessageState.ROUTED, MessageState.SHUNTED, MessageState.SUBMITTED)
]


@dataclass(frozen=True, slots=True)
class Marks:
    """What one mail is known by; `own_row` is our outbox row, `answered_rows` those that it answers, by their names.

    `is_dated_alike` says of another mail's octets whether they bear the same date.
    """

    octets_key: bytes
    message_id: str
    author_key: str
    own_row: str | None
    answered_rows: tuple[str, ...]
    is_dated_alike: Callable[[bytes], bool]


def is_here(unit: Unit, mail: Marks) -> bool:
    """Whether this mail need not come once more."""
    same_octets = (message_key.c.hash == mail.octets_key, message_key.c.author == ARCHIVE)
    if unit.execute(select(message_key.c.hash).where(*same_octets)).first() is not None:
        return True
    if mail.own_row is not None and unit.execute(select(outbox.c.id).where(outbox.c.name == mail.own_row)).first():
        return True
    return any(mail.is_dated_alike(content.load(unit, one)) for one in _alike(unit, mail))


def imported(unit: Unit, row: Any, are_dated_alike: Callable[[bytes, bytes], bool]) -> Any:
    """The (id, case number) of an imported message that a held one is, or None: by ids, author, date, subject, words.

    A stranger may choose the ids; who loses the held mail by this loses no word of it. `are_dated_alike` says of the
    octets of two mails whether they bear the same date.
    """
    octets = content.load(unit, row.content_id)
    author, words = key_of_address(row.author_address), _words(octets)
    keys = [(key_of(row.message_id), author)] if row.message_id else []
    keys.append((octets_key(content.facts(unit, row.content_id).sha256), ARCHIVE))
    led = or_(*(and_(message_key.c.hash == one, message_key.c.author == owner) for one, owner in keys))
    found = (
        select(message.c.id, message.c.content_id, case.c.number)
        .join(thread, thread.c.id == message.c.thread_id)
        .join(case, case.c.id == thread.c.case_id)
        .where(thread.c.id.in_(select(message_key.c.thread_id).where(led)), message.c.reason == REASON)
        .where(func.lower(message.c.message_id) == row.message_id.lower())
        .where(func.lower(message.c.author_address) == author, message.c.subject == row.subject)
        .order_by(message.c.seq)
        .limit(MOST)
    )
    for one in unit.execute(found):
        other = content.load(unit, one.content_id)
        if _words(other) == words and are_dated_alike(octets, other):
            return one
    return None


def octets_key(sha256: bytes) -> bytes:
    """The key of a mail that was imported, by the hash of its octets."""
    return key_of(f"imported {sha256.hex()}")


def _words(octets: bytes) -> bytes:
    """What stands below the header section, whatever its way did to line ends."""
    return b"".join(octets.partition(b"\r\n\r\n")[2].split())


def _alike(unit: Unit, mail: Marks) -> list[int]:
    """The contents of messages with this Message-ID of this author, by the keys under which mail finds its thread.

    What an agent sent has no key: it lies in the thread of what it answers.
    """
    if not mail.message_id:
        return []
    threads, ids = _keys(unit, mail)
    if mail.answered_rows:
        threads += unit.execute(select(outbox.c.thread_id).where(outbox.c.name.in_(mail.answered_rows))).scalars()
    found = (
        select(message.c.content_id)
        .where(or_(message.c.thread_id.in_(threads), message.c.id.in_(ids)))
        .where(func.lower(message.c.message_id) == mail.message_id.lower())
        .where(func.lower(message.c.author_address) == mail.author_key, message.c.state.in_(_KEPT))
        .limit(MOST)
    )
    return list(unit.execute(found).scalars()) if threads or ids else []


def _keys(unit: Unit, mail: Marks) -> tuple[list[int], list[str]]:
    """(threads in which its author has this Message-ID, ids of mail of authors for whom nobody vouched)."""
    own = message_key.c.author == mail.author_key
    named = select(message_key.c.author, message_key.c.thread_id).where(
        message_key.c.hash == key_of(mail.message_id),
        message_key.c.names_message.is_(True),
        or_(own, message_key.c.author.like("?%")),
    )
    rows = unit.execute(named.order_by(own.desc()).limit(MOST)).all()
    threads = [int(row.thread_id) for row in rows if row.author == mail.author_key]
    return threads, [str(row.author)[1:] for row in rows if row.author.startswith("?")]
