# SPDX-License-Identifier: Apache-2.0
"""Who may write: policies of addresses, blocks, lists."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
