# SPDX-License-Identifier: Apache-2.0
"""Mail that stands in its thread already: the question by which a job knows it, and the mark that it leaves in it."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, or_, select, update

from storage.database import Unit
from storage.messages import to_json
from storage.schema import message

MAX_ROWS = 50  # the newest

_REPEATED = "repeated"  # what the trace says of it
_FACTS = select(
    message.c.id,
    message.c.recipients,
    message.c.authentication,
    message.c.classification,
    message.c.content_id,
)


def earlier(unit: Unit, row: Any, signatures: Sequence[str]) -> list[Row[Any]]:
    """The mails before it in its thread by the same author with one of these signatures (RFC 6008).

    A share that an operator let out of the quarantine is no mail of its own: it has the content of the first.
    """
    if not signatures:
        return []
    same = or_(*(message.c.authentication.contains(f'"header_b":"{one}"', autoescape=True) for one in signatures))
    mine = (message.c.thread_id == row.thread_id, message.c.seq < row.seq, message.c.direction == "inbound")
    others = (message.c.author_address == row.author_address, message.c.content_id != row.content_id)
    return list(unit.execute(_FACTS.where(*mine, *others, same).order_by(message.c.seq.desc()).limit(MAX_ROWS)))


def mark(unit: Unit, row: Any, because: str) -> None:
    """Write down that the mail says nothing new."""
    trace = {"notes": [], "dns": []} | (json.loads(row.trace) if row.trace else {})
    trace["notes"] = [*trace["notes"], ["case", _REPEATED, because]]
    unit.execute(update(message).where(message.c.seq == row.seq).values(trace=to_json(trace)))


def is_marked(row: Any) -> bool:
    """Whether a job has found that the mail stood in its thread already."""
    return f'"{_REPEATED}"' in row.trace and any(
        note[:2] == ["case", _REPEATED] for note in json.loads(row.trace)["notes"]
    )
