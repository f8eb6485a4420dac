"""Run by Alembic: the changes go through the connection that `capture.store.migrate` hands over.

No logging is configured here; that belongs to the process that we run in.
"""

from typing import Any, Literal

from alembic import context

from capture.store.tables import StoredText, UtcDateTime, metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write our column types into a migration as the plain types below them: migrations outlive our code."""
    if kind == "type" and isinstance(item, StoredText):
        return "sa.Text()"
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,  # SQLite changes a table by copying it
    compare_type=True,
    render_item=render_item,
)
with context.begin_transaction():
    context.run_migrations()
