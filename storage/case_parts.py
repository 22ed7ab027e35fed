# SPDX-License-Identifier: Apache-2.0
"""What hangs on one case, as it is shown: case team, comments and files. Only reads."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from storage.database import Unit
from storage.schema import message, outbox, outbox_recipient, thread
from storage.schema_cases import case_member, comment, comment_file, file, message_file
from storage.schema_desk import agent

Rows = Sequence[Any]


def members(unit: Unit, case_id: int) -> Rows:
    """(login, role) of its case team."""
    rows = select(agent.c.login, case_member.c.role).join(agent, agent.c.id == case_member.c.agent_id)
    return unit.execute(rows.where(case_member.c.case_id == case_id).order_by(agent.c.login)).all()


def comments(unit: Unit, case_id: int) -> Rows:
    """Its comments, oldest first."""
    return unit.execute(select(comment).where(comment.c.case_id == case_id).order_by(comment.c.id)).all()


def files_of_comments(unit: Unit, case_id: int) -> Rows:
    """(comment_id, name, type, size_octets, sha256), in order."""
    return unit.execute(
        select(comment_file.c.comment_id, comment_file.c.name, file.c.type, file.c.size_octets, file.c.sha256)
        .join(comment, comment.c.id == comment_file.c.comment_id)
        .join(file, file.c.sha256 == comment_file.c.sha256)
        .where(comment.c.case_id == case_id)
        .order_by(comment_file.c.comment_id, comment_file.c.position)
    ).all()


def files_of_mail(unit: Unit, case_id: int) -> Rows:
    """(message id, name, type, size_octets, sha256) of the files of its mail, in order."""
    return unit.execute(
        select(message.c.id, message_file)
        .join(message, message.c.seq == message_file.c.message_seq)
        .join(thread, thread.c.id == message.c.thread_id)
        .where(thread.c.case_id == case_id)
        .order_by(message_file.c.message_seq, message_file.c.position)
    ).all()


def recipients_of_replies(unit: Unit, case_id: int) -> Rows:
    """(message id, address) of all to whom the team's replies went, in order."""
    return unit.execute(
        select(message.c.id, outbox_recipient.c.address)
        .join(thread, thread.c.id == message.c.thread_id)
        .join(outbox, outbox.c.message_seq == message.c.seq)
        .join(outbox_recipient, outbox_recipient.c.outbox_id == outbox.c.id)
        .where(thread.c.case_id == case_id, outbox.c.kind == "reply")
        .order_by(outbox_recipient.c.id)
    ).all()
