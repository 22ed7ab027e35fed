# SPDX-License-Identifier: Apache-2.0
"""The tables of mail and outbox. Lists of small values are JSON text: they are shown, never searched."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
    false,
)

from storage import schema_cases as schema_cases  # the tables that these refer to
from storage import schema_desk as schema_desk
from storage import schema_ways as schema_ways
from storage.columns import Id, Instant, Text, id_column, metadata, ref

# --- content and messages -----------------------------------------------------------------------------------------

content = Table(
    "content",
    metadata,
    id_column(),
    Column("state", Text, nullable=False),  # arriving, kept, dropped (its chunks are gone)
    Column("sha256", LargeBinary, nullable=False),
    Column("size_octets", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(
        "ix_content_arriving",
        "created_at",
        sqlite_where=Column("state") == "arriving",
        postgresql_where=Column("state") == "arriving",
    ),
)

content_chunk = Table(
    "content_chunk",
    metadata,
    Column("content_id", Id, ForeignKey("content.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("octets", LargeBinary, nullable=False),  # zlib
)

thread = Table(
    "thread",
    metadata,
    id_column(),
    Column("token", Text, nullable=False, unique=True),
    ref("case_id", "case_", nullable=True),
    ref("followed_by_id", "thread", nullable=True),  # where its people go on once its case has ended for good
    Column("created_at", Instant, nullable=False),
    Index(None, "case_id"),
)

thread_alias = Table(
    "thread_alias",
    metadata,
    Column("token", Text, primary_key=True),
    ref("thread_id", "thread"),
)

message = Table(
    "message",
    metadata,
    Column("seq", Id, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("direction", Text, nullable=False),  # inbound, outbound
    Column("state", Text, nullable=False),
    Column("due_at", Instant),  # when a job may take it; null in a final state
    Column("attempts", Integer, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("held_at", Instant),  # since when an address holds it in quarantine; null: none does, or none does any more
    ref("content_id", "content"),
    ref("thread_id", "thread", nullable=True),
    ref("linked_thread_id", "thread", nullable=True),
    Column("link_kind", Text),
    Column("session", Text, nullable=False),  # JSON
    Column("reverse_path", Text, nullable=False),  # empty: the null reverse-path
    Column("ret", Text, nullable=False, server_default=""),  # RFC 3461: FULL, HDRS or empty
    Column("envid", Text, nullable=False, server_default=""),  # xtext, as it came
    Column("recipients", Text, nullable=False),  # JSON: address, routing address, disposition, notify, orcpt
    Column("author_name", Text, nullable=False),
    Column("author_address", Text, nullable=False),
    Column("to_", Text, nullable=False),  # JSON
    Column("cc", Text, nullable=False),  # JSON
    Column("subject", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("in_reply_to", Text),  # the id of our message that it answers, where one is proven
    Column("authentication", Text, nullable=False),  # JSON
    Column("classification", Text, nullable=False),
    Column("disposition", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("proof", Text, nullable=False),
    Column("trace", Text, nullable=False, server_default=""),  # JSON: what decided, and the DNS answers it rests on
    Column("report", Text, nullable=False, server_default=""),  # JSON: what a bounce or complaint says, else empty
    Column("stamp", LargeBinary, nullable=False),
    Column("left_out", Text, nullable=False),  # JSON: [[start, end], ...]
    Index(
        "ix_message_due_at",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
    Index(
        "ix_message_held_at",
        "held_at",
        sqlite_where=Column("held_at").is_not(None),
        postgresql_where=Column("held_at").is_not(None),
    ),
    Index(None, "thread_id", "seq"),
    Index(None, "content_id"),
)

digest = Table(
    "digest",
    metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("message_id", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "created_at"),
)

message_key = Table(
    "message_key",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("author", Text, primary_key=True),  # a proven author's key; "?" and our id for an unproven one
    ref("thread_id", "thread"),
    Column("names_message", Boolean, nullable=False),  # false: only referred to so far
)

participant = Table(
    "participant",
    metadata,
    Column("thread_id", Id, ForeignKey("thread.id"), primary_key=True),
    Column("role", Text, primary_key=True),  # customer, agent: never stand in for each other
    Column("key", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column(
        "through", Text, nullable=False, server_default=""
    ),  # the address let in for its contact's sake; "": nobody's
    Index(None, "through", sqlite_where=Column("through") != "", postgresql_where=Column("through") != ""),
)

author_domain = Table(
    "author_domain",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("first_aligned_at", Instant, nullable=False),
)

# --- outbox -------------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    id_column(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # copy, reply, acknowledgement, confirmation, notice, probe
    ref("thread_id", "thread", nullable=True),
    Column("message_seq", Id, ForeignKey("message.seq")),  # the message it carries or speaks of; null: a probe
    ref("agent_id", "agent", nullable=True),  # whose copy it is, or who wrote the reply
    Column("message_id", Text, nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("ret", Text, nullable=False, server_default=""),  # RFC 3461: what the agent's client asked for
    Column("envid", Text, nullable=False, server_default=""),  # the agent's, never sent: the row's name stands for it
    Column("head", LargeBinary, nullable=False),  # header section with its blank line
    ref("content_id", "content", nullable=True),  # where the body lies; null: the head is all
    Column("body_offset", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "message_seq"),
    Index(None, "thread_id"),
)

outbox_recipient = Table(
    "outbox_recipient",
    metadata,
    id_column(),
    ref("outbox_id", "outbox"),
    Column("address", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant),  # when delivery may take it; null in a final state
    Column("leased", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("unsettled", Integer, nullable=False),  # attempts whose end nobody saw: each may have been a delivery
    Column("response", Text, nullable=False),
    Column("notify", Text, nullable=False, server_default=""),  # RFC 3461: words with commas
    Column("orcpt", Text, nullable=False, server_default=""),  # type;xtext
    Column("delay_told", Boolean, nullable=False, server_default=false()),  # that it takes long has been said
    UniqueConstraint("outbox_id", "address"),
    Index(
        "ix_outbox_recipient_due_at",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
    ),
)

attempt = Table(
    "attempt",
    metadata,
    id_column(),
    ref("recipient_id", "outbox_recipient"),
    Column("at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("response", Text, nullable=False),
    Index(None, "recipient_id"),
)
