# SPDX-License-Identifier: Apache-2.0
"""How sessions ended: a bounded log for operators, the newest so many of all processes together.

Enter: records of ended sessions, many in one transaction. Leave: rows, newest first. Nothing of a mail depends on it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Row, Table, bindparam, delete, func, insert, select

from storage.columns import Id, Instant, Text, metadata
from storage.database import Unit
from storage.envelope import Session
from storage.messages import to_json

TRIM_AT_ONCE = 2000  # more than one process ever writes at once, so that a smaller bound is reached step by step

session_log = Table(
    "session_log",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=True),  # the order of writing
    Column("id", Text, nullable=False),
    Column("listener", Text, nullable=False),  # mx, submission, lmtp
    Column("peer", Text, nullable=False),
    Column("helo", Text, nullable=False),
    Column("protocol", Text, nullable=False),
    Column("tls", Text),
    Column("login", Text),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("accepted", Integer, nullable=False),  # mails
    Column("messages", Text, nullable=False),  # the ids of the first of them
    Column("recipients", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("response", Text, nullable=False),  # the last 4xx or 5xx, or nothing
    Column("refused", Text, nullable=False),  # the last of them, with what was refused
    Column("octets", BigInteger, nullable=False),  # of content
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One 4xx or 5xx: the id it was said with, the command as the log has it, the response, and why, where known."""

    id: str
    command: str
    response: str
    because: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """One session that has ended."""

    session: Session
    listener: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    accepted: int = 0
    messages: tuple[str, ...] = ()
    recipients: int = 0
    refusals: int = 0
    response: str = ""
    refused: tuple[Refusal, ...] = ()
    octets: int = 0


def log(unit: Unit, records: Sequence[SessionRecord], keep: int) -> int:
    """Write these, then forget the oldest beyond `keep`, so many at a time; returns how many were forgotten."""
    if records:
        unit.execute(_INSERT, [_row(record) for record in records])
    newest = unit.execute(_NEWEST).scalar_one()
    return 0 if newest is None else unit.execute(_FORGET, {"oldest": newest - keep, "most": TRIM_AT_ONCE}).rowcount


def newest(unit: Unit, limit: int) -> list[Row[Any]]:
    """The sessions that ended last, newest first."""
    return list(unit.execute(select(session_log).order_by(session_log.c.seq.desc()).limit(limit)))


def by_id(unit: Unit, session_id: str) -> Row[Any] | None:
    """One session."""
    return unit.execute(select(session_log).where(session_log.c.id == session_id)).first()


def _row(record: SessionRecord) -> dict[str, object]:
    session = record.session
    return {
        "id": session.id,
        "listener": record.listener,
        "peer": session.peer,
        "helo": session.helo,
        "protocol": session.protocol,
        "tls": session.tls,
        "login": session.login,
        "began_at": record.began_at,
        "ended_at": record.ended_at,
        "outcome": record.outcome,
        "accepted": record.accepted,
        "messages": to_json(record.messages),
        "recipients": record.recipients,
        "refusals": record.refusals,
        "response": record.response,
        "refused": to_json([asdict(one) for one in record.refused]),
        "octets": record.octets,
    }


_INSERT = insert(session_log)
_NEWEST = select(func.max(session_log.c.seq))
_FORGET = delete(session_log).where(
    session_log.c.seq.in_(
        select(session_log.c.seq)
        .where(session_log.c.seq <= bindparam("oldest"))
        .order_by(session_log.c.seq)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)  # what another process is forgetting at this moment needs no second hand
    )
)
