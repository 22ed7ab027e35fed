# SPDX-License-Identifier: Apache-2.0
"""What Alembic runs for each upgrade: on the connection that storage/migrate.py gives it, in its transaction."""

from alembic import context

from storage.columns import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a table by copying it
)
context.run_migrations()
