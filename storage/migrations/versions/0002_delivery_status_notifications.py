# SPDX-License-Identifier: Apache-2.0
"""What senders ask to be told about their mail (RFC 3461), and which authors had a confirmation."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT = sa.Text()


def _add_text(table: str, *names: str) -> None:
    """Mail from before asked for nothing: the empty text."""
    for name in names:
        op.add_column(table, sa.Column(name, TEXT, nullable=False, server_default=""))


def _create_confirmation() -> None:
    op.create_table(
        "confirmation",
        sa.Column("message_seq", ID, autoincrement=False, nullable=False),
        sa.Column("author", TEXT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["message_seq"], ["message.seq"], name=op.f("fk_confirmation_message_seq")),
        sa.PrimaryKeyConstraint("message_seq", name=op.f("pk_confirmation")),
    )
    op.create_index(op.f("ix_confirmation_author_sent_at"), "confirmation", ["author", "sent_at"], unique=False)


def upgrade() -> None:
    """Add columns; on both databases that rewrites no row."""
    _add_text("message", "ret", "envid")
    _add_text("outbox", "ret", "envid")
    _add_text("outbox_recipient", "notify", "orcpt")
    op.add_column("outbox_recipient", sa.Column("delay_told", sa.Boolean(), nullable=False, server_default=sa.false()))
    _create_confirmation()
