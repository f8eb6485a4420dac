"""Rows in bulk, by the fastest way that each database has: this is where intake spends its time.

SQLite takes plain tuples in one `executemany`, PostgreSQL a binary COPY. Both go past SQLAlchemy, which would handle
each value of each row by itself: for a row of ten columns that takes five times as long as SQLite does. What its
column types do to a value is therefore done here, a column at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any

import msgspec
import sqlalchemy as sa

from capture.store.tables import Row, StoredText, UtcDateTime, in_utc, storable, table_of

# What PostgreSQL calls the types of our columns, for a COPY without any conversion on its side.
_POSTGRES_TYPES: Mapping[type[Any], str] = {
    sa.Integer: "int4",
    sa.BigInteger: "int8",
    sa.Boolean: "bool",
    sa.String: "varchar",
    sa.LargeBinary: "bytea",
    sa.JSON: "json",
    StoredText: "text",
    UtcDateTime: "timestamptz",
}

# The condition that a column is one of many values, which are given as one: see `as_one`.
ANY_OF: Mapping[str, str] = {"sqlite": "IN (SELECT value FROM json_each({}))", "postgresql": "= ANY({})"}


def insert(connection: sa.Connection, model: type[Row], columns: Mapping[str, Sequence[Any]], **same: Any) -> None:
    """Insert rows, given by their columns; `same` are the columns that are the same in all of them.

    A column that is not given is NULL, or what the database gives it, such as the next id.
    The driver's own errors come out as they are.
    """
    number = len(next(iter(columns.values())))
    if not number:
        return
    table, is_sqlite = table_of(model), connection.dialect.name == "sqlite"
    ready: list[Iterable[Any]] = [_ready(table.c[name], each, is_sqlite=is_sqlite) for name, each in columns.items()]
    for name, value in same.items():
        (one,) = _ready(table.c[name], (value,), is_sqlite=is_sqlite)
        ready.append(repeat(one, number))
    names = (*columns, *same)
    if is_sqlite:
        connection.exec_driver_sql(_sqlite_insert(table.name, names), list(zip(*ready, strict=True)))
        return
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(_postgres_copy(table.name, names)) as copy:
            copy.set_types([_POSTGRES_TYPES[type(table.c[name].type)] for name in names])
            for row in zip(*ready, strict=True):
                copy.write_row(row)
    finally:
        cursor.close()


def next_ids(connection: sa.Connection, model: type[Row], number: int) -> Sequence[int]:
    """Take the next ids of a table, in order, for rows that this transaction will insert."""
    name = table_of(model).name
    if connection.dialect.name == "sqlite":  # which writes alone
        last: int = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {name}").scalar_one()  # noqa: S608
        return range(last + 1, last + 1 + number)
    taken = "SELECT nextval(%s::regclass) FROM generate_series(1, %s)"
    return sorted(connection.exec_driver_sql(taken, (f"{name}_id_seq", number)).scalars())


def as_one(connection: sa.Connection, texts: Collection[str]) -> Any:
    """Return texts as one value for `ANY_OF`: to name each in a statement takes longer than to look."""
    return msgspec.json.encode(sorted(texts)).decode() if connection.dialect.name == "sqlite" else sorted(texts)


def stored(connection: sa.Connection, ids: Collection[str]) -> set[str]:
    """Return those of `ids` that are stored."""
    dialect = connection.dialect.name
    any_of = ANY_OF[dialect].format("?" if dialect == "sqlite" else "%s")
    query = f"SELECT id FROM occurrence WHERE id {any_of}"  # noqa: S608 (texts of ours)
    return set(connection.exec_driver_sql(query, (as_one(connection, ids),)).scalars())


def _ready(column: sa.Column[Any], values: Sequence[Any], *, is_sqlite: bool) -> Iterable[Any]:
    """Return the values of a column as the driver takes them: what SQLAlchemy's type would make of each."""
    kind = type(column.type)
    if kind is StoredText:
        return [value if value is None else storable(value) for value in values]
    if is_sqlite and (change := _SQLITE.get(kind)) is not None:
        return [value if value is None else change(value) for value in values]
    return values


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _iso(at: Any) -> str:
    return in_utc(at).isoformat(" ", "microseconds")[:26]


_SQLITE: Mapping[type[Any], Callable[[Any], str]] = {sa.JSON: _json, UtcDateTime: _iso}


@lru_cache(maxsize=64)
def _sqlite_insert(table: str, names: tuple[str, ...]) -> str:
    return f"INSERT INTO {table} ({_quoted(names)}) VALUES ({', '.join('?' * len(names))})"  # noqa: S608 (names of ours)


@lru_cache(maxsize=64)
def _postgres_copy(table: str, names: tuple[str, ...]) -> str:
    return f"COPY {table} ({_quoted(names)}) FROM STDIN (FORMAT BINARY)"


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
