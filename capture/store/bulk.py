"""Occurrences in bulk, by the fastest way that each database has: this is where intake spends its time.

SQLite takes plain tuples in one `executemany`, PostgreSQL a binary COPY. Both go past SQLAlchemy, which would handle
each value of each row by itself; what its column types do to a value is therefore done here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from capture.store.engine import upsert
from capture.store.tables import Occurrence, storable, table_of

COLUMNS = (
    "id",
    "bug_id",
    "fingerprint_id",
    "at",
    "status_code",
    "environment",
    "release",
    "path",
    "user_id",
    "payload",
)
# In the order of the columns; what PostgreSQL calls them, for a COPY without any conversion on its side.
_POSTGRES_TYPES = ("varchar", "int4", "int4", "timestamptz", "int4", "text", "text", "text", "text", "bytea")
_UNIQUE_VIOLATION = "23505"
_QUOTED = ", ".join(f'"{name}"' for name in COLUMNS)
_SQLITE = f"INSERT INTO occurrence ({_QUOTED}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 (names of ours)
_POSTGRES = f"COPY occurrence ({_QUOTED}) FROM STDIN (FORMAT BINARY)"

Row = tuple[str, int, int, datetime, int | None, str, str | None, str, str | None, bytes]


def insert(connection: sa.Connection, rows: Sequence[Row]) -> set[str]:
    """Insert rows with times in UTC, and return the ids of those that were really inserted.

    None of them was there when the transaction looked. On SQLite, where it writes alone, none can be now.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_SQLITE, [_clean(row, row[3].isoformat(" ", "microseconds")[:26]) for row in rows])
        return {row[0] for row in rows}
    clean = [_clean(row, row[3]) for row in rows]
    if _copy(connection, clean):
        return {row[0] for row in rows}
    # Another journal brought some of the same events at this very moment.
    statement = upsert(connection, table_of(Occurrence)).on_conflict_do_nothing()
    statement = statement.returning(table_of(Occurrence).c.id)
    return set(connection.scalars(statement, [dict(zip(COLUMNS, row, strict=True)) for row in clean]))


def stored(connection: sa.Connection, ids: Collection[str]) -> set[str]:
    """Return those of `ids` that are stored. They are given as one value: to name each takes longer than to look."""
    if connection.dialect.name == "sqlite":
        given: Any = msgspec.json.encode(sorted(ids)).decode()
        query = "SELECT id FROM occurrence WHERE id IN (SELECT value FROM json_each(?))"
    else:
        given, query = sorted(ids), "SELECT id FROM occurrence WHERE id = ANY(%s)"
    return set(connection.exec_driver_sql(query, (given,)).scalars())


def _clean(row: Row, at: datetime | str) -> tuple[Any, ...]:
    """Return a row with texts that can be stored, and its time in the form in which SQLAlchemy writes and reads it."""
    id_, bug_id, fingerprint_id, _at, status, environment, release, path, user_id, payload = row
    texts = storable(environment), _text(release), storable(path), _text(user_id)
    return (id_, bug_id, fingerprint_id, at, status, *texts, payload)


def _copy(connection: sa.Connection, rows: Sequence[Sequence[Any]]) -> bool:
    """Copy the rows, all or none; return whether they are there."""
    savepoint = connection.begin_nested()
    try:
        cursor = connection.connection.cursor()
        try:
            with cursor.copy(_POSTGRES) as copy:
                copy.set_types(_POSTGRES_TYPES)
                for row in rows:
                    copy.write_row(row)
        finally:
            cursor.close()
    except Exception as error:
        savepoint.rollback()
        if getattr(error, "sqlstate", None) != _UNIQUE_VIOLATION:
            raise
        return False
    savepoint.commit()
    return True


def _text(text: str | None) -> str | None:
    return None if text is None else storable(text)
