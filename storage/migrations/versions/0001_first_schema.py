# SPDX-License-Identifier: Apache-2.0
"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT = sa.Text()


def _partial_index(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=False, sqlite_where=where, postgresql_where=where)


def _create_agent() -> None:
    op.create_table(
        "agent",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("login", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("signature", TEXT, nullable=False),
        sa.Column("presence", TEXT, nullable=False),
        sa.Column("password_hash", TEXT, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent")),
        sa.UniqueConstraint("login", name=op.f("uq_agent_login")),
    )


def _create_author_domain() -> None:
    op.create_table(
        "author_domain",
        sa.Column("domain", TEXT, nullable=False),
        sa.Column("first_aligned_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("domain", name=op.f("pk_author_domain")),
    )


def _create_contact() -> None:
    op.create_table(
        "contact",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
    )


def _create_content() -> None:
    op.create_table(
        "content",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size_octets", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content")),
    )
    _partial_index("ix_content_arriving", "content", "created_at", "state = 'arriving'")


def _create_counter() -> None:
    op.create_table(
        "counter",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_counter")),
    )


def _create_digest() -> None:
    op.create_table(
        "digest",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_digest")),
    )
    op.create_index(op.f("ix_digest_created_at"), "digest", ["created_at"], unique=False)


def _create_private_address() -> None:
    key = sa.PrimaryKeyConstraint("key", name=op.f("pk_private_address"))
    op.create_table("private_address", sa.Column("key", TEXT, nullable=False), key)


def _create_team() -> None:
    op.create_table(
        "team",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("display_name", TEXT, nullable=False),
        sa.Column("sender", TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("name", name=op.f("uq_team_name")),
    )


def _create_agent_team() -> None:
    op.create_table(
        "agent_team",
        sa.Column("agent_id", ID, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_agent_team_agent_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_agent_team_team_id")),
        sa.PrimaryKeyConstraint("agent_id", "team_id", name=op.f("pk_agent_team")),
    )


def _create_case() -> None:
    op.create_table(
        "case_",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("thread_token", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("priority", TEXT, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=True),
        sa.Column("queue", TEXT, nullable=True),
        sa.Column("contact_name", TEXT, nullable=False),
        sa.Column("contact_address", TEXT, nullable=False),
        sa.Column("routing_address", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["agent.id"], name=op.f("fk_case__owner_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_case__team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_")),
        sa.UniqueConstraint("number", name=op.f("uq_case__number")),
    )
    op.create_index("ix_case_owner_id", "case_", ["owner_id", "status"], unique=False)
    op.create_index("ix_case_queue", "case_", ["queue", "team_id"], unique=False)


def _create_contact_address() -> None:
    op.create_table(
        "contact_address",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_contact_address_contact_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_contact_address")),
    )
    op.create_index(op.f("ix_contact_address_contact_id"), "contact_address", ["contact_id"], unique=False)


def _create_content_chunk() -> None:
    op.create_table(
        "content_chunk",
        sa.Column("content_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_content_chunk_content_id")),
        sa.PrimaryKeyConstraint("content_id", "position", name=op.f("pk_content_chunk")),
    )


def _create_routing_address() -> None:
    op.create_table(
        "routing_address",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("team_id", ID, nullable=False),
        sa.Column("accept_from", TEXT, nullable=False),
        sa.Column("others", TEXT, nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("acknowledge", TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_routing_address_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routing_address")),
        sa.UniqueConstraint("key", name=op.f("uq_routing_address_key")),
    )


def _create_acknowledgement() -> None:
    op.create_table(
        "acknowledgement",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("author", TEXT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_acknowledgement_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_acknowledgement")),
    )
    op.create_index(op.f("ix_acknowledgement_author_sent_at"), "acknowledgement", ["author", "sent_at"], unique=False)


def _create_case_event() -> None:
    op.create_table(
        "case_event",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_case_event_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_event")),
    )
    op.create_index(op.f("ix_case_event_case_id"), "case_event", ["case_id"], unique=False)


def _create_case_link() -> None:
    op.create_table(
        "case_link",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("other_id", ID, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_case_link_case_id")),
        sa.ForeignKeyConstraint(["other_id"], ["case_.id"], name=op.f("fk_case_link_other_id")),
        sa.PrimaryKeyConstraint("case_id", "other_id", "kind", name=op.f("pk_case_link")),
    )


def _create_thread() -> None:
    op.create_table(
        "thread",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("token", TEXT, nullable=False),
        sa.Column("case_id", ID, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_.id"], name=op.f("fk_thread_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_thread")),
        sa.UniqueConstraint("token", name=op.f("uq_thread_token")),
    )
    op.create_index(op.f("ix_thread_case_id"), "thread", ["case_id"], unique=False)


def _create_message() -> None:
    op.create_table(
        "message",
        sa.Column("seq", ID, autoincrement=True, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("direction", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("content_id", ID, nullable=False),
        sa.Column("thread_id", ID, nullable=True),
        sa.Column("linked_thread_id", ID, nullable=True),
        sa.Column("link_kind", TEXT, nullable=True),
        sa.Column("session", TEXT, nullable=False),
        sa.Column("reverse_path", TEXT, nullable=False),
        sa.Column("recipients", TEXT, nullable=False),
        sa.Column("author_name", TEXT, nullable=False),
        sa.Column("author_address", TEXT, nullable=False),
        sa.Column("to_", TEXT, nullable=False),
        sa.Column("cc", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("in_reply_to", TEXT, nullable=True),
        sa.Column("authentication", TEXT, nullable=False),
        sa.Column("classification", TEXT, nullable=False),
        sa.Column("disposition", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("proof", TEXT, nullable=False),
        sa.Column("stamp", sa.LargeBinary(), nullable=False),
        sa.Column("left_out", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_message_content_id")),
        sa.ForeignKeyConstraint(["linked_thread_id"], ["thread.id"], name=op.f("fk_message_linked_thread_id")),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_message_thread_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_message")),
        sa.UniqueConstraint("id", name=op.f("uq_message_id")),
    )
    op.create_index(op.f("ix_message_content_id"), "message", ["content_id"], unique=False)
    _partial_index("ix_message_due_at", "message", "due_at", "due_at IS NOT NULL")
    op.create_index(op.f("ix_message_thread_id_seq"), "message", ["thread_id", "seq"], unique=False)


def _create_message_key() -> None:
    op.create_table(
        "message_key",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("author", TEXT, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("names_message", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_message_key_thread_id")),
        sa.PrimaryKeyConstraint("hash", "author", name=op.f("pk_message_key")),
    )


def _create_participant() -> None:
    op.create_table(
        "participant",
        sa.Column("thread_id", ID, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_participant_thread_id")),
        sa.PrimaryKeyConstraint("thread_id", "role", "key", name=op.f("pk_participant")),
    )


def _create_thread_alias() -> None:
    op.create_table(
        "thread_alias",
        sa.Column("token", TEXT, nullable=False),
        sa.Column("thread_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_thread_alias_thread_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_thread_alias")),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("thread_id", ID, nullable=True),
        sa.Column("message_seq", ID, nullable=False),
        sa.Column("agent_id", ID, nullable=True),
        sa.Column("message_id", TEXT, nullable=False),
        sa.Column("reverse_path", TEXT, nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("content_id", ID, nullable=True),
        sa.Column("body_offset", sa.BigInteger(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["agent_id"], ["agent.id"], name=op.f("fk_outbox_agent_id")),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_outbox_content_id")),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name=op.f("fk_outbox_message_seq")),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("fk_outbox_thread_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("name", name=op.f("uq_outbox_name")),
    )
    op.create_index(op.f("ix_outbox_message_seq"), "outbox", ["message_seq"], unique=False)
    op.create_index(op.f("ix_outbox_thread_id"), "outbox", ["thread_id"], unique=False)


def _create_outbox_recipient() -> None:
    op.create_table(
        "outbox_recipient",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("outbox_id", ID, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("leased", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("unsettled", sa.Integer(), nullable=False),
        sa.Column("response", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_outbox_recipient_outbox_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_recipient")),
        sa.UniqueConstraint("outbox_id", "address", name=op.f("uq_outbox_recipient_outbox_id_address")),
    )
    _partial_index("ix_outbox_recipient_due_at", "outbox_recipient", "due_at", "due_at IS NOT NULL")


def _create_attempt() -> None:
    op.create_table(
        "attempt",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("recipient_id", ID, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("response", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["recipient_id"], ["outbox_recipient.id"], name=op.f("fk_attempt_recipient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempt")),
    )
    op.create_index(op.f("ix_attempt_recipient_id"), "attempt", ["recipient_id"], unique=False)


def upgrade() -> None:
    """Create every table, those that others refer to first."""
    _create_agent()
    _create_author_domain()
    _create_contact()
    _create_content()
    _create_counter()
    _create_digest()
    _create_private_address()
    _create_team()
    _create_agent_team()
    _create_case()
    _create_contact_address()
    _create_content_chunk()
    _create_routing_address()
    _create_acknowledgement()
    _create_case_event()
    _create_case_link()
    _create_thread()
    _create_message()
    _create_message_key()
    _create_participant()
    _create_thread_alias()
    _create_outbox()
    _create_outbox_recipient()
    _create_attempt()
    op.execute("INSERT INTO counter (name, value) VALUES ('case', 0), ('desk', 0)")
