# SPDX-License-Identifier: Apache-2.0
"""Files by the SHA-256 of their octets: those of comments, kept once each, and those of mails, which stay there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, null, select, union_all
from sqlalchemy.exc import IntegrityError

from storage import content as contents
from storage.content import Content
from storage.database import Unit
from storage.schema import message, thread
from storage.schema_cases import comment, comment_file, file, message_file
from storage.upsert import Upsert


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file of a comment; `type` is what its octets say."""

    name: str
    type: str
    content: Content


@dataclass(frozen=True, slots=True)
class FileOfMail:
    """A file of a mail, by what it is."""

    name: str
    type: str
    size_octets: int
    sha256: bytes


_INDEX = Upsert(message_file)
_NO_COMMENT = null().label("comment")
_NO_MESSAGE = null().label("message")


def keep(unit: Unit, new: NewFile, now: datetime) -> None:
    """Keep the octets, unless they are kept already."""
    if _content_id(unit, new.content.sha256) is not None:
        return
    try:
        with unit.begin_nested():
            row = {
                "sha256": new.content.sha256,
                "size_octets": new.content.size_octets,
                "type": new.type,
                "content_id": contents.keep(unit, new.content, now),
                "created_at": now,
            }
            unit.execute(insert(file), row)
    except IntegrityError:  # somebody else kept the same octets at this moment
        if _content_id(unit, new.content.sha256) is None:
            raise


def index(unit: Unit, message_seq: int, found: Sequence[FileOfMail]) -> None:
    """Write down the files of a mail; doing it twice is harmless."""
    rows = [
        {
            "message_seq": message_seq,
            "position": position,
            "name": one.name,
            "type": one.type,
            "size_octets": one.size_octets,
            "sha256": one.sha256,
        }
        for position, one in enumerate(found)
    ]
    if rows:
        _INDEX.write(unit, rows)


def of_cases(unit: Unit, case_ids: Collection[int]) -> Sequence[Row[Any]]:
    """Every place where a file of these cases stands, oldest first: in a mail, or in a comment."""
    in_mail = (
        select(
            message_file.c.sha256,
            message_file.c.name,
            message_file.c.type,
            message_file.c.size_octets,
            message.c.received_at.label("at"),
            message.c.id.label("message"),
            _NO_COMMENT,
        )
        .join(message, message.c.seq == message_file.c.message_seq)
        .join(thread, thread.c.id == message.c.thread_id)
        .where(thread.c.case_id.in_(case_ids))
    )
    in_comment = (
        select(
            comment_file.c.sha256,
            comment_file.c.name,
            file.c.type,
            file.c.size_octets,
            comment.c.at,
            _NO_MESSAGE,
            comment.c.id.label("comment"),
        )
        .join(comment, comment.c.id == comment_file.c.comment_id)
        .join(file, file.c.sha256 == comment_file.c.sha256)
        .where(comment.c.case_id.in_(case_ids))
    )
    both = union_all(in_mail, in_comment).subquery()
    return unit.execute(select(both).order_by(both.c.at, both.c.message, both.c.comment, both.c.name)).all()


def content_of(unit: Unit, sha256: bytes) -> tuple[int, str] | None:
    """The content that is a comment's file, and a name that it goes by."""
    rows = select(file.c.content_id, comment_file.c.name).join(comment_file, comment_file.c.sha256 == file.c.sha256)
    row = unit.execute(rows.where(file.c.sha256 == sha256).limit(1)).first()
    return (row.content_id, row.name) if row is not None else None


def mails_with(unit: Unit, sha256: bytes) -> Iterable[tuple[int, str]]:
    """The contents of mails that hold the file, and its name there."""
    rows = select(message.c.content_id, message_file.c.name).join(message, message.c.seq == message_file.c.message_seq)
    found = unit.execute(rows.where(message_file.c.sha256 == sha256).order_by(message.c.seq).limit(_FEW)).all()
    return [(row.content_id, row.name) for row in found]


_FEW = 3  # one is enough, unless the store is damaged


def _content_id(unit: Unit, sha256: bytes) -> int | None:
    return unit.execute(select(file.c.content_id).where(file.c.sha256 == sha256)).scalar()
