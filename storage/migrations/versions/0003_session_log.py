# SPDX-License-Identifier: Apache-2.0
"""How sessions ended, for `casegate session list`."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
TEXT = sa.Text()


def upgrade() -> None:
    op.create_table(
        "session_log",
        sa.Column("seq", ID, autoincrement=True, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("listener", TEXT, nullable=False),
        sa.Column("peer", TEXT, nullable=False),
        sa.Column("helo", TEXT, nullable=False),
        sa.Column("protocol", TEXT, nullable=False),
        sa.Column("tls", TEXT, nullable=True),
        sa.Column("login", TEXT, nullable=True),
        sa.Column("began_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("messages", TEXT, nullable=False),
        sa.Column("recipients", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("response", TEXT, nullable=False),
        sa.Column("refused", TEXT, nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_session_log")),
    )
