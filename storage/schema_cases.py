# SPDX-License-Identifier: Apache-2.0
"""The tables of cases: the case and its timeline, what hangs on it, and the changes that may be undone."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, false

from storage import schema_desk as schema_desk  # the tables that these refer to
from storage.columns import Id, Instant, Text, id_column, metadata, ref

case = Table(
    "case_",
    metadata,
    id_column(),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("thread_token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_kind", Text, nullable=False, server_default="open"),  # storage/case_values.py: what a status is
    Column("status_at", Instant),  # since when it has this status
    Column("ended_at", Instant),  # since when it is solved or closed; null: it is neither
    Column("priority", Text, nullable=False),
    ref("team_id", "team"),
    ref("owner_id", "agent", nullable=True),
    Column("queue", Text),  # the work queue it waits in; null once it has an owner
    ref("contact_id", "contact", nullable=True),
    Column("contact_name", Text, nullable=False),
    Column("contact_address", Text, nullable=False),
    Column("routing_address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("source", Text, nullable=False, server_default="mail"),  # mail, hand, import, split
    Column("outcome", Text, nullable=False, server_default=""),
    Column("outcome_note", Text, nullable=False, server_default=""),
    Column("tags", Text, nullable=False, server_default="[]"),  # JSON; the table case_tag answers questions
    Column("fields", Text, nullable=False, server_default="{}"),  # JSON: custom fields by name
    Column("target", Text, nullable=False, server_default=""),  # the name of the target that holds for it
    Column("response_due_at", Instant),
    Column("responded_at", Instant),  # the team's first reply
    Column("resolution_due_at", Instant),
    Column("paused_at", Instant),  # since when the targets do not count
    Column("pauses", Text, nullable=False, server_default="[]"),  # JSON: when they did not before, [from, to] each
    Column("alarm_at", Instant),  # when the next target is missed; null: none will be, or it is told
    Column("missed", Text, nullable=False, server_default=""),  # first_response, resolution: the last that was missed
    Column("due_at", Instant),  # the next target that is not yet met; null: none, or they are paused
    Column("copies_due_at", Instant),  # when its new owner gets copies of all mail so far; null: none are due
    Column("merged_into_id", Id, ForeignKey("case_.id")),
    Column("created_at", Instant, nullable=False),
    Index("ix_case_owner_id", "owner_id", "status_kind", "number"),
    Index("ix_case_owner_number", "owner_id", "number"),
    Index("ix_case_queue", "queue", "team_id"),
    Index("ix_case_team_id", "team_id", "number"),
    Index("ix_case_contact_id", "contact_id", "number"),
    Index(
        "ix_case_due_at",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    Index(
        "ix_case_copies_due_at",
        "copies_due_at",
        sqlite_where=Column("copies_due_at").is_not(None),
        postgresql_where=Column("copies_due_at").is_not(None),
    ),
    Index(
        "ix_case_alarm_at",
        "alarm_at",
        sqlite_where=Column("alarm_at").is_not(None),
        postgresql_where=Column("alarm_at").is_not(None),
    ),
    Index(
        "ix_case_merged_into_id",
        "merged_into_id",
        sqlite_where=Column("merged_into_id").is_not(None),
        postgresql_where=Column("merged_into_id").is_not(None),
    ),
    Index("ix_case_status", "status_kind", "status_at"),
    Index("ix_case_status_number", "status_kind", "number"),
)

case_link = Table(
    "case_link",
    metadata,
    Column("case_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("other_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # what the other is to this one
)

case_event = Table(
    "case_event",
    metadata,
    id_column(),
    ref("case_id", "case_"),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "case_id"),
)

case_tag = Table(
    "case_tag",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("case_id", Id, ForeignKey("case_.id"), primary_key=True),
    Index(None, "case_id"),
)

# Teams that watch a case which is another team's, for the mail came to their address too.
case_watcher = Table(
    "case_watcher",
    metadata,
    Column("case_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("team_id", Id, ForeignKey("team.id"), primary_key=True),
    Index("ix_case_watcher_team_id", "team_id", "case_id"),
)

# The case team: agents with a role that the desk names.
case_member = Table(
    "case_member",
    metadata,
    Column("case_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("agent_id", Id, ForeignKey("agent.id"), primary_key=True),
    Column("role", Text, nullable=False),
    Index(None, "agent_id"),
)

# What members are told; a row goes in the transaction that puts the mail into the outbox.
case_notice = Table(
    "case_notice",
    metadata,
    id_column(),
    ref("case_id", "case_"),
    ref("agent_id", "agent"),
    Column("detail", Text, nullable=False),  # JSON: rule, actor, field, before, after
    Column("created_at", Instant, nullable=False),
)

comment = Table(
    "comment",
    metadata,
    id_column(),
    ref("case_id", "case_"),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("text", Text, nullable=False),
    Index(None, "case_id"),
)

# A file of a comment, by the hash of its octets; kept once.
file = Table(
    "file",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("size_octets", BigInteger, nullable=False),
    Column("type", Text, nullable=False),  # as its octets say
    ref("content_id", "content"),
    Column("created_at", Instant, nullable=False),
)

comment_file = Table(
    "comment_file",
    metadata,
    Column("comment_id", Id, ForeignKey("comment.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", LargeBinary, ForeignKey("file.sha256"), nullable=False),
)

# The files of a mail, found by their hash; their octets stay in the mail's content.
message_file = Table(
    "message_file",
    metadata,
    Column("message_seq", Id, ForeignKey("message.seq"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("size_octets", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Index(None, "sha256"),
)

# Merge, split and move, with all that it takes to undo them.
case_change = Table(
    "case_change",
    metadata,
    id_column(),
    Column("kind", Text, nullable=False),  # merge, split, move
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    ref("case_id", "case_"),  # what it was taken from
    ref("other_id", "case_"),  # where it went
    Column("detail", Text, nullable=False),  # JSON
    Column("undone", Boolean, nullable=False, server_default=false()),
    Index(None, "case_id"),
    Index(None, "other_id"),
)

acknowledgement = Table(
    "acknowledgement",
    metadata,
    Column("case_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("author", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Index(None, "author", "sent_at"),
)

confirmation = Table(  # a customer's NOTIFY=SUCCESS honoured
    "confirmation",
    metadata,
    Column("message_seq", Id, ForeignKey("message.seq"), primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Index(None, "author", "sent_at"),
)
