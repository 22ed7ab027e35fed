# SPDX-License-Identifier: Apache-2.0
"""How mail leaves the quarantine."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
