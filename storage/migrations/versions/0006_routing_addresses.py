# SPDX-License-Identifier: Apache-2.0
"""Ways, probes and aliases of routing addresses."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
