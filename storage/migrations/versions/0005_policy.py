# SPDX-License-Identifier: Apache-2.0
"""Who may write: policies of addresses and of the desk, lists, blocks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TEXT = sa.Text()
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
POLICY_TEXTS = (
    "lists",
    "dmarc_reject",
    "dmarc_quarantine",
    "dmarc_none",
    "no_author",
    "forbid_attachments",
    "forbidden_attachment",
    "rate_author",
    "rate_domain",
    "rate_total",
    "over_rate",
)


def upgrade() -> None:
    """Addresses from before say of the new keys nothing, and keep what they said of the old ones."""
    for column in _policy_columns():
        op.add_column("routing_address", column)
    op.create_table(
        "desk_policy",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("accept_from", TEXT, nullable=False),
        sa.Column("others", TEXT, nullable=False),
        *_policy_columns(),
        sa.PrimaryKeyConstraint("id", name="pk_desk_policy"),
    )
    op.create_table(
        "sender_list",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sender_list"),
        sa.UniqueConstraint("name", name="uq_sender_list_name"),
    )
    op.create_table(
        "sender_list_entry",
        sa.Column("list_id", ID, nullable=False),
        sa.Column("entry", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("added_at", INSTANT),
        sa.PrimaryKeyConstraint("list_id", "entry", name="pk_sender_list_entry"),
        sa.ForeignKeyConstraint(["list_id"], ["sender_list.id"], name="fk_sender_list_entry_list_id"),
    )
    op.create_table(
        "block",
        sa.Column("what", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("added_at", INSTANT),
        sa.PrimaryKeyConstraint("what", name="pk_block"),
    )


def _policy_columns() -> list[sa.Column[str] | sa.Column[int]]:
    texts = [sa.Column(name, TEXT, nullable=False, server_default="") for name in POLICY_TEXTS]
    return [*texts, sa.Column("max_size", sa.BigInteger(), nullable=False, server_default="0")]
