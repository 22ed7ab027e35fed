# SPDX-License-Identifier: Apache-2.0
"""Whether an old mail is here already, as a message that was imported, came live or was sent by our side.

Mail is the same if Message-ID, author and date are: the fields that its way gave it differ from copy to copy, and some
programs write one Message-ID again and again. A mail without Message-ID goes by its octets. Only reads.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from storage import content
from storage.database import Unit
from storage.schema import message, message_key, outbox
from storage.states import MessageState
from storage.threads import key_of

ARCHIVE = "imported"  # whose key says that these octets are here
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
