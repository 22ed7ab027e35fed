# SPDX-License-Identifier: Apache-2.0
"""What people ask of the store: messages, cases' parts and the outbox as they are shown. Only reads.

The details of a whole list (attempts, members, links) come in one question each, for all rows from the oldest shown on.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Select, select

from storage.database import Unit
from storage.schema import attempt, message, outbox, outbox_recipient, thread
from storage.schema_cases import case

Rows = Sequence[Row[Any]]


def messages(unit: Unit, limit: int, without: str = "") -> Rows:
    """The newest messages with thread ID and case number, but for those of this class."""
    newest = _messages().order_by(message.c.seq.desc()).limit(limit)
    return list(unit.execute(newest.where(message.c.classification != without)))


def message_by_id(unit: Unit, message_id: str) -> Row[Any] | None:
    """One message with thread ID and case number."""
    return unit.execute(_messages().where(message.c.id == message_id)).first()


def attempts_since(unit: Unit, lowest_seq: int) -> Rows:
    """Every settled attempt for mail that carries or speaks of messages from this one on, oldest first."""
    return list(unit.execute(_attempts().where(outbox.c.message_seq >= lowest_seq)))


def attempts_of_message(unit: Unit, seq: int) -> Rows:
    """Every settled attempt for mail that carries or speaks of this message, oldest first."""
    return list(unit.execute(_attempts().where(outbox.c.message_seq == seq)))


def outbox_recipients(unit: Unit, limit: int) -> Rows:
    """The newest recipients with the mail they belong to and its case."""
    return list(
        unit.execute(
            select(outbox_recipient, outbox.c.name, outbox.c.kind, case.c.number.label("case_number"))
            .join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
            .outerjoin(thread, thread.c.id == outbox.c.thread_id)
            .outerjoin(case, case.c.id == thread.c.case_id)
            .order_by(outbox_recipient.c.id.desc())
            .limit(limit)
        )
    )


def _messages() -> Select[Any]:
    return (
        select(message, thread.c.token.label("thread_token"), case.c.number.label("case_number"))
        .outerjoin(thread, thread.c.id == message.c.thread_id)
        .outerjoin(case, case.c.id == thread.c.case_id)
    )


def _attempts() -> Select[Any]:
    return (
        select(attempt, outbox_recipient.c.address, outbox.c.kind, outbox.c.message_seq)
        .join(outbox_recipient, outbox_recipient.c.id == attempt.c.recipient_id)
        .join(outbox, outbox.c.id == outbox_recipient.c.outbox_id)
        .order_by(attempt.c.id)
    )
