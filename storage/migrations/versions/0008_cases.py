# SPDX-License-Identifier: Apache-2.0
"""What a case holds: targets, tags, fields, members, comments, files, changes; accounts; the desk's sections."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT = sa.Text()


def upgrade() -> None:
    """Cases from before have the kind of their status, when they were made and answered, and their contact."""
    _desk()
    _case_columns()
    _parts_of_cases()
    _comments_and_files()
    _changes()


def _desk() -> None:
    op.create_table(
        "account",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("source", TEXT, nullable=False, server_default="file"),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("name", name="uq_account_name"),
    )
    op.create_table(
        "account_domain",
        _text("domain"),
        _id("account_id", "account", "account_domain"),
        _key("account_domain", "domain"),
    )
    op.create_table("desk_section", _text("name"), _text("value"), _key("desk_section", "name"))
    op.add_column("routing_address", sa.Column("handling", TEXT, nullable=False, server_default="{}"))
    op.add_column("contact", sa.Column("language", TEXT, nullable=False, server_default=""))
    _refer("contact", "account_id", "account")
    op.create_index("ix_contact_account_id", "contact", ["account_id"])
    op.add_column("participant", sa.Column("through", TEXT, nullable=False, server_default=""))
    is_set = sa.column("through") != ""
    op.create_index("ix_participant_through", "participant", ["through"], sqlite_where=is_set, postgresql_where=is_set)
    op.add_column("contact", sa.Column("account_source", TEXT, nullable=False, server_default="desk"))
    op.add_column("contact_address", sa.Column("source", TEXT, nullable=False, server_default="desk"))
    op.execute(
        "UPDATE contact_address SET source = 'reply'"
        " WHERE contact_id IN (SELECT id FROM contact WHERE source = 'reply')"
    )


def _case_columns() -> None:
    for name, default in (("status_kind", "open"), ("source", "mail"), ("outcome", ""), ("outcome_note", "")):
        op.add_column("case_", sa.Column(name, TEXT, nullable=False, server_default=default))
    for name, default in (("tags", "[]"), ("fields", "{}"), ("target", ""), ("pauses", "[]")):
        op.add_column("case_", sa.Column(name, TEXT, nullable=False, server_default=default))
    for name in (
        "status_at",
        "ended_at",
        "response_due_at",
        "responded_at",
        "resolution_due_at",
        "paused_at",
        "due_at",
        "alarm_at",
        "copies_due_at",
    ):
        op.add_column("case_", sa.Column(name, INSTANT))
    op.add_column("case_", sa.Column("missed", TEXT, nullable=False, server_default=""))
    _refer("case_", "contact_id", "contact")
    _refer("case_", "merged_into_id", "case_")
    _refer("thread", "followed_by_id", "thread")
    op.execute("UPDATE case_ SET status_kind = status, status_at = created_at")
    op.execute("UPDATE case_ SET ended_at = created_at WHERE status IN ('solved', 'closed')")
    op.execute(
        "UPDATE case_ SET responded_at = (SELECT at FROM case_event"
        " WHERE case_event.case_id = case_.id AND case_event.kind = 'reply' ORDER BY case_event.id LIMIT 1)"
    )
    # A From line alone makes a case nobody's: somebody vouched for its author, or an agent has answered.
    op.execute(
        "UPDATE case_ SET contact_id = ("
        "SELECT a.contact_id FROM contact_address a WHERE a.key = lower(case_.contact_address))"
        " WHERE lower(case_.contact_address) IN (SELECT key FROM contact_address) AND EXISTS ("
        "SELECT 1 FROM thread JOIN message ON message.thread_id = thread.id WHERE thread.case_id = case_.id"
        " AND message.proof IN ('proven', 'likely') AND (message.direction = 'outbound'"
        " OR lower(message.author_address) = lower(case_.contact_address)))"
    )
    op.drop_index("ix_case_owner_id", "case_")
    op.create_index("ix_case_owner_id", "case_", ["owner_id", "status_kind", "number"])
    op.create_index("ix_case_owner_number", "case_", ["owner_id", "number"])
    op.create_index("ix_case_status_number", "case_", ["status_kind", "number"])
    op.create_index("ix_case_team_id", "case_", ["team_id", "number"])
    op.create_index("ix_case_contact_id", "case_", ["contact_id", "number"])
    op.create_index("ix_case_status", "case_", ["status_kind", "status_at"])
    for name in ("due_at", "alarm_at", "copies_due_at", "merged_into_id"):
        due = sa.text(f"{name} IS NOT NULL")
        op.create_index(f"ix_case_{name}", "case_", [name], sqlite_where=due, postgresql_where=due)


def _parts_of_cases() -> None:
    op.create_table("case_tag", _text("tag"), _id("case_id", "case_", "case_tag"), _key("case_tag", "tag", "case_id"))
    op.create_index("ix_case_tag_case_id", "case_tag", ["case_id"])
    op.create_table(
        "case_watcher",
        _id("case_id", "case_", "case_watcher"),
        _id("team_id", "team", "case_watcher"),
        _key("case_watcher", "case_id", "team_id"),
    )
    op.create_table(
        "case_member",
        _id("case_id", "case_", "case_member"),
        _id("agent_id", "agent", "case_member"),
        _text("role"),
        _key("case_member", "case_id", "agent_id"),
    )
    op.create_index("ix_case_member_agent_id", "case_member", ["agent_id"])
    op.create_table(
        "case_notice",
        _own_id(),
        _id("case_id", "case_", "case_notice"),
        _id("agent_id", "agent", "case_notice"),
        _text("detail"),
        sa.Column("created_at", INSTANT, nullable=False),
        _key("case_notice", "id"),
    )


def _comments_and_files() -> None:
    op.create_table(
        "comment",
        _own_id(),
        _id("case_id", "case_", "comment"),
        sa.Column("at", INSTANT, nullable=False),
        _text("actor"),
        _text("text"),
        _key("comment", "id"),
    )
    op.create_index("ix_comment_case_id", "comment", ["case_id"])
    op.create_table(
        "file",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("size_octets", sa.BigInteger(), nullable=False),
        _text("type"),
        _id("content_id", "content", "file"),
        sa.Column("created_at", INSTANT, nullable=False),
        _key("file", "sha256"),
    )
    op.create_table(
        "comment_file",
        _id("comment_id", "comment", "comment_file"),
        sa.Column("position", sa.Integer(), nullable=False),
        _text("name"),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["sha256"], ["file.sha256"], name="fk_comment_file_sha256"),
        _key("comment_file", "comment_id", "position"),
    )
    op.create_table(
        "message_file",
        sa.Column("message_seq", ID, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        _text("name"),
        _text("type"),
        sa.Column("size_octets", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name="fk_message_file_message_seq"),
        _key("message_file", "message_seq", "position"),
    )
    op.create_index("ix_message_file_sha256", "message_file", ["sha256"])


def _changes() -> None:
    op.create_table(
        "case_change",
        _own_id(),
        _text("kind"),
        sa.Column("at", INSTANT, nullable=False),
        _text("actor"),
        _id("case_id", "case_", "case_change"),
        _id("other_id", "case_", "case_change"),
        _text("detail"),
        sa.Column("undone", sa.Boolean(), nullable=False, server_default=sa.false()),
        _key("case_change", "id"),
    )
    op.create_index("ix_case_change_case_id", "case_change", ["case_id"])
    op.create_index("ix_case_change_other_id", "case_change", ["other_id"])
    op.create_table(
        "contact_change",
        _own_id(),
        _id("contact_id", "contact", "contact_change"),
        _id("other_id", "contact", "contact_change"),
        sa.Column("at", INSTANT, nullable=False),
        _text("actor"),
        _text("detail"),
        sa.Column("undone", sa.Boolean(), nullable=False, server_default=sa.false()),
        _key("contact_change", "id"),
    )
    op.create_index("ix_contact_change_contact_id", "contact_change", ["contact_id"])
    op.create_index("ix_contact_change_other_id", "contact_change", ["other_id"])


def _refer(table: str, column: str, target: str) -> None:
    """A column that refers to another table; SQLite adds no constraint later."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER REFERENCES {target} (id)")
        return
    op.add_column(table, sa.Column(column, ID))
    op.create_foreign_key(f"fk_{table}_{column}", table, target, [column], ["id"])


def _own_id() -> sa.Column[int]:
    return sa.Column("id", ID, autoincrement=True, nullable=False)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, TEXT, nullable=False)


def _id(name: str, target: str, table: str) -> sa.Column[int]:
    return sa.Column(name, ID, sa.ForeignKey(f"{target}.id", name=f"fk_{table}_{name}"), nullable=False)


def _key(table: str, *names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names, name=f"pk_{table}")
