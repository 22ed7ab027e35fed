# SPDX-License-Identifier: Apache-2.0
"""What became of one message, as rows tell it: the lines of its case's timeline, what was sent for it. Only reads.

Also the stored mail of a span of time, in the order of acceptance and in portions, for whoever judges it again.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select

from storage import case_changes
from storage.content import Look
from storage.database import Unit
from storage.schema import author_domain, message, outbox, outbox_recipient, thread
from storage.schema_cases import case_event

Rows = Sequence[Row[Any]]

PORTION = 100
MOST_EVENTS = 2000  # of a case since the message came
_BEFORE = ("created", "linked")  # what the job writes ahead of the line that names the message
_NAMING = ("message", "reply", "routing_failed")


def events_of(unit: Unit, row: Any) -> list[Row[Any]]:
    """The lines of the timeline that were written for this message, oldest first."""
    case_id = unit.execute(_CASE, {"t": row.thread_id}).scalar()
    for one in case_changes.whereabouts(unit, case_id) if case_id is not None else ():
        lines = list(unit.execute(_EVENTS, {"c": one, "since": row.received_at}))
        named = [at for at, line in enumerate(lines) if _names(line, row.id)]
        if named:
            return _around(lines, named[0])
    return []


def deliveries_of(unit: Unit, seq: int) -> Rows:
    """How it stands with each recipient of what was sent for this message."""
    return list(unit.execute(_DELIVERIES, {"s": seq}))


def domain_had_passed(unit: Unit, domain: str, at: datetime) -> bool:
    """Whether an author of this domain had passed aligned before then."""
    return unit.execute(_PASSED, {"d": domain, "at": at}).first() is not None


def inbound_since(look: Look, since: datetime) -> Iterator[Row[Any]]:
    """Inbound messages received since then, each portion read in a look of its own."""
    last = 0
    while True:
        with look() as unit:
            rows = unit.execute(_SINCE, {"seq": last, "since": since}).all()
        yield from rows
        if len(rows) < PORTION:
            return
        last = rows[-1].seq


def _names(line: Row[Any], message_id: str) -> bool:
    return line.kind in _NAMING and json.loads(line.detail).get("message") == message_id


def _around(lines: list[Row[Any]], at: int) -> list[Row[Any]]:
    """One unit of work bears one instant; another message's line in it begins what is no longer ours."""
    first, end = at, at + 1
    while first and lines[first - 1].at == lines[at].at and lines[first - 1].kind in _BEFORE:
        first -= 1
    while end < len(lines) and lines[end].at == lines[at].at and lines[end].kind not in _NAMING:
        end += 1
    return lines[first:end]


_CASE = select(thread.c.case_id).where(thread.c.id == bindparam("t"))
_EVENTS = (
    select(case_event)
    .where(case_event.c.case_id == bindparam("c"), case_event.c.at >= bindparam("since"))
    .order_by(case_event.c.id)
    .limit(MOST_EVENTS)
)
_DELIVERIES = (
    select(outbox_recipient, outbox.c.kind, outbox.c.name)
    .join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
    .where(outbox.c.message_seq == bindparam("s"))
    .order_by(outbox_recipient.c.id)
)
_PASSED = select(author_domain.c.domain).where(
    author_domain.c.domain == bindparam("d"), author_domain.c.first_aligned_at < bindparam("at")
)
_SINCE = (
    select(message)
    .where(
        message.c.seq > bindparam("seq"),
        message.c.direction == "inbound",
        message.c.received_at >= bindparam("since"),
    )
    .order_by(message.c.seq)
    .limit(PORTION)
)
