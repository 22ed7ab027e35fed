# SPDX-License-Identifier: Apache-2.0
"""Ways, probes and aliases of routing addresses; mail that leaves without speaking of a message."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT = sa.Text()


def _create_way() -> None:
    op.create_table(
        "way",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("intake", TEXT, nullable=True),
        sa.Column("found", TEXT, nullable=False),
        sa.Column("verified_at", INSTANT, nullable=True),
        sa.Column("hosts", TEXT, nullable=False),
        sa.Column("learnt", TEXT, nullable=False),
        sa.Column("latest", TEXT, nullable=False),
        sa.Column("alarm", TEXT, nullable=False),
        sa.Column("alarm_at", INSTANT, nullable=True),
        sa.Column("next_probe_at", INSTANT, nullable=True),
        sa.Column("confirmations", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_way")),
        sa.UniqueConstraint("intake", name=op.f("uq_way_intake")),
    )


def _create_probe() -> None:
    op.create_table(
        "probe",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("way_key", TEXT, nullable=False),
        sa.Column("outbox_id", ID, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("said", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"], name=op.f("fk_probe_outbox_id")),
        sa.ForeignKeyConstraint(["way_key"], ["way.key"], name=op.f("fk_probe_way_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_probe")),
        sa.UniqueConstraint("name", name=op.f("uq_probe_name")),
    )
    op.create_index("ix_probe_way_key_id", "probe", ["way_key", "id"], unique=False)
    op.create_index(op.f("ix_probe_outbox_id"), "probe", ["outbox_id"], unique=False)
    due = sa.text("due_at IS NOT NULL")
    op.create_index("ix_probe_due_at", "probe", ["due_at"], unique=False, sqlite_where=due, postgresql_where=due)


def _create_alias() -> None:
    op.create_table(
        "address_alias",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("address", TEXT, nullable=False),
        sa.Column("target_key", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_address_alias")),
    )


def _free_outbox() -> None:
    """A probe speaks of no message. SQLite would copy the table, which other tables point to, for nothing but a word.

    Its manual gives this way for constraints that are only taken away (ALTER TABLE, section 7).
    """
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("outbox", "message_seq", existing_type=ID, nullable=True)
        return
    version = op.get_bind().exec_driver_sql("PRAGMA schema_version").scalar_one()
    op.execute("PRAGMA writable_schema=ON")
    op.execute(
        "UPDATE sqlite_master SET sql = replace(sql, 'message_seq INTEGER NOT NULL', 'message_seq INTEGER')"
        " WHERE type = 'table' AND name = 'outbox'"
    )
    op.execute(f"PRAGMA schema_version={version + 1}")
    op.execute("PRAGMA writable_schema=OFF")


def upgrade() -> None:
    """Addresses from before stand in the desk file; none has a way."""
    op.add_column("routing_address", sa.Column("source", TEXT, nullable=False, server_default="file"))
    _create_way()
    _create_probe()
    _create_alias()
    _free_outbox()
