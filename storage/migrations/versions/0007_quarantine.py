# SPDX-License-Identifier: Apache-2.0
"""How mail leaves the quarantine."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Mail quarantined whole is held; the shares of mail that others accepted were never shown, and are not now."""
    op.add_column("message", sa.Column("held_at", sa.DateTime(timezone=True)))
    held = sa.text("held_at IS NOT NULL")
    op.create_index("ix_message_held_at", "message", ["held_at"], sqlite_where=held, postgresql_where=held)
    op.execute("UPDATE message SET held_at = received_at WHERE state = 'quarantined'")
