# SPDX-License-Identifier: Apache-2.0
"""What was decided about each mail, and what a report says."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TEXT = sa.Text()


def upgrade() -> None:
    """Mail from before has no trace."""
    for name in ("trace", "report"):
        op.add_column("message", sa.Column(name, TEXT, nullable=False, server_default=""))
