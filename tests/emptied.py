"""Empty a store for the next test: its rows go, its numbers begin again."""

from __future__ import annotations

import sqlalchemy as sa

from capture.store.tables import metadata

_RESTART = """
SELECT setval(oid::regclass, 1, false) FROM pg_class
 WHERE relkind = 'S' AND relnamespace = current_schema()::regnamespace
"""


def empty(connection: sa.Connection) -> None:
    """Delete all rows of our tables.

    Not by TRUNCATE: PostgreSQL makes and syncs new files for every table and index then, some thirty times as slow.
    """
    if connection.dialect.name == "postgresql":
        deletes = "; ".join(f'DELETE FROM "{table.name}"' for table in reversed(metadata.sorted_tables))  # noqa: S608
        connection.exec_driver_sql(f"{deletes}; {_RESTART}")
    else:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
