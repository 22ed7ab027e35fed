# SPDX-License-Identifier: Apache-2.0
"""The cases that a team watches are found by the team."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """In the order of the cases' ids, which is that of their numbers."""
    op.create_index("ix_case_watcher_team_id", "case_watcher", ["team_id", "case_id"])
