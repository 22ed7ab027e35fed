# SPDX-License-Identifier: Apache-2.0
"""The tables. Times are aware UTC; text is scrubbed of NUL and lone surrogates; keys of people are
lower-case addresses (`Address.key`). Lists of small values are JSON text: they are shown, never searched."""

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    UniqueConstraint,
    false,
)
from sqlalchemy import Text as PlainText


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime on both databases; SQLite keeps no zone, so it is taken off and put on here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a zone would be taken for local time")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def scrub(text: str) -> str:
    """Text that both databases take (dependencies G19): U+FFFD stands for NUL and for each lone surrogate."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    return _SURROGATE.sub("\ufffd", text)


_SURROGATE = re.compile("[\ud800-\udfff]")


class Text(TypeDecorator[str]):
    """Text, scrubbed on its way in, in questions as well as in rows."""

    impl = PlainText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else scrub(value)


Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite gives rowids only to INTEGER PRIMARY KEY

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> Column[Any]:
    return Column("id", Id, primary_key=True, autoincrement=True)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Id, ForeignKey(f"{target}.id"), nullable=nullable)


counter = Table(
    "counter", metadata, Column("name", Text, primary_key=True), Column("value", BigInteger, nullable=False)
)

# --- the desk -----------------------------------------------------------------------------------------------------

team = Table(
    "team",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("display_name", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

agent = Table(
    "agent",
    metadata,
    _id(),
    Column("login", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("presence", Text, nullable=False),
    Column("password_hash", Text),
    Column("active", Boolean, nullable=False),
)

# Every address that an agent ever had: quotes keep naming it when the agent has left or has another.
private_address = Table("private_address", metadata, Column("key", Text, primary_key=True))

agent_team = Table(
    "agent_team",
    metadata,
    Column("agent_id", Id, ForeignKey("agent.id"), primary_key=True),
    Column("team_id", Id, ForeignKey("team.id"), primary_key=True),
)

routing_address = Table(
    "routing_address",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),
    Column("address", Text, nullable=False),
    _ref("team_id", "team"),
    Column("accept_from", Text, nullable=False),
    Column("others", Text, nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("acknowledge", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

contact = Table(
    "contact", metadata, _id(), Column("name", Text, nullable=False), Column("source", Text, nullable=False)
)

contact_address = Table(
    "contact_address",
    metadata,
    Column("key", Text, primary_key=True),
    Column("address", Text, nullable=False),
    _ref("contact_id", "contact"),
    Index(None, "contact_id"),
)

# --- content and messages -----------------------------------------------------------------------------------------

content = Table(
    "content",
    metadata,
    _id(),
    Column("state", Text, nullable=False),  # arriving, kept
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
    _id(),
    Column("token", Text, nullable=False, unique=True),
    _ref("case_id", "case_", nullable=True),
    Column("created_at", Instant, nullable=False),
    Index(None, "case_id"),
)

thread_alias = Table(
    "thread_alias",
    metadata,
    Column("token", Text, primary_key=True),
    _ref("thread_id", "thread"),
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
    _ref("content_id", "content"),
    _ref("thread_id", "thread", nullable=True),
    _ref("linked_thread_id", "thread", nullable=True),
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
    Column("stamp", LargeBinary, nullable=False),
    Column("left_out", Text, nullable=False),  # JSON: [[start, end], ...]
    Index(
        "ix_message_due_at",
        "due_at",
        sqlite_where=Column("due_at").is_not(None),
        postgresql_where=Column("due_at").is_not(None),
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
    _ref("thread_id", "thread"),
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
)

author_domain = Table(
    "author_domain",
    metadata,
    Column("domain", Text, primary_key=True),
    Column("first_aligned_at", Instant, nullable=False),
)

# --- cases --------------------------------------------------------------------------------------------------------

case = Table(
    "case_",
    metadata,
    _id(),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("thread_token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("priority", Text, nullable=False),
    _ref("team_id", "team"),
    _ref("owner_id", "agent", nullable=True),
    Column("queue", Text),  # the work queue it waits in; null once it has an owner
    Column("contact_name", Text, nullable=False),
    Column("contact_address", Text, nullable=False),
    Column("routing_address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("ix_case_owner_id", "owner_id", "status"),
    Index("ix_case_queue", "queue", "team_id"),
)

case_link = Table(
    "case_link",
    metadata,
    Column("case_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("other_id", Id, ForeignKey("case_.id"), primary_key=True),
    Column("kind", Text, primary_key=True),
)

case_event = Table(
    "case_event",
    metadata,
    _id(),
    _ref("case_id", "case_"),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "case_id"),
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

# --- outbox -------------------------------------------------------------------------------------------------------

outbox = Table(
    "outbox",
    metadata,
    _id(),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # copy, reply, acknowledgement, confirmation, notice
    _ref("thread_id", "thread", nullable=True),
    Column("message_seq", Id, ForeignKey("message.seq"), nullable=False),  # the message it carries or speaks of
    _ref("agent_id", "agent", nullable=True),  # whose copy it is, or who wrote the reply
    Column("message_id", Text, nullable=False),
    Column("reverse_path", Text, nullable=False),
    Column("ret", Text, nullable=False, server_default=""),  # RFC 3461: what the agent's client asked for
    Column("envid", Text, nullable=False, server_default=""),  # the agent's, never sent: the row's name stands for it
    Column("head", LargeBinary, nullable=False),  # header section with its blank line
    _ref("content_id", "content", nullable=True),  # where the body lies; null: the head is all
    Column("body_offset", BigInteger, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index(None, "message_seq"),
    Index(None, "thread_id"),
)

outbox_recipient = Table(
    "outbox_recipient",
    metadata,
    _id(),
    _ref("outbox_id", "outbox"),
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
    _id(),
    _ref("recipient_id", "outbox_recipient"),
    Column("at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("response", Text, nullable=False),
    Index(None, "recipient_id"),
)
