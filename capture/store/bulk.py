"""Rows in bulk, by the fastest way that each database has: this is where intake spends its time.

SQLite takes many rows in one statement, PostgreSQL whole columns as arrays. Both go past SQLAlchemy, which would
handle each value of each row by itself: for a row of ten columns that takes five times as long as SQLite does. What its
column types do to a value is therefore done here, a column at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

import msgspec
import sqlalchemy as sa

from capture.store.tables import Row, StoredText, UtcDateTime, in_utc, storable, table_of

# What PostgreSQL calls the types of our columns.
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

# So many rows go into SQLite with one statement at most. The driver lets other threads go first before each, with the
# database locked: beside three threads that never wait, 300 events took 2.2 s one by one, and 1.2 and 1.7 s so.
MOST_TOGETHER = 64
MOST_VALUES = 999  # that a statement may have, as SQLite was built until 3.32

# The condition that a column is one of many values, which are given as one: see `as_one`.
ANY_OF: Mapping[str, str] = {"sqlite": "IN (SELECT value FROM json_each({}))", "postgresql": "= ANY({})"}


@contextmanager
def together(connection: sa.Connection) -> Iterator[None]:
    """Send what is written in here to PostgreSQL without waiting for each answer; at the end all are waited for.

    Locks that are held meanwhile are held for one round trip: on a machine without time to spare, each one may take as
    long as all other processes together. The driver's own errors come out, of any statement, at the end or before.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    from psycopg import Error, Pipeline

    if not Pipeline.is_supported():  # by libpq before 14
        yield
        return
    driver: Any = connection.connection.driver_connection
    failed: BaseException | None = None
    try:
        with driver.pipeline():
            try:
                yield
            except BaseException as error:  # noqa: BLE001 (raised below: the driver would log what follows from it)
                failed = error
    except Error:
        if failed is None:
            raise
    if failed is not None:
        raise failed


def insert(
    connection: sa.Connection,
    model: type[Row],
    columns: Mapping[str, Sequence[Any]],
    computed: Mapping[str, str] | None = None,
    **same: Any,
) -> None:
    """Insert rows, given by their columns; `same` are the columns that are the same in all of them.

    `computed` are columns that PostgreSQL computes itself, in SQL that may name a row's place as `place`, from 1.
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
        _insert_into_sqlite(connection, table.name, names, list(zip(*ready, strict=True)))
        return
    statement = _postgres_insert(table, names, tuple((computed or {}).items()))
    connection.connection.cursor().execute(statement, [list(each) for each in ready])


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
    if (change := (_SQLITE if is_sqlite else _POSTGRES).get(kind)) is not None:
        return [value if value is None else change(value) for value in values]
    return values


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _iso(at: Any) -> str:
    return in_utc(at).isoformat(" ", "microseconds")[:26]


_SQLITE: Mapping[type[Any], Callable[[Any], str]] = {sa.JSON: _json, UtcDateTime: _iso}
_POSTGRES: Mapping[type[Any], Callable[[Any], Any]] = {sa.JSON: _json, UtcDateTime: in_utc}


def _insert_into_sqlite(
    connection: sa.Connection, table: str, names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]
) -> None:
    start, most = 0, min(MOST_TOGETHER, MOST_VALUES // len(names))
    while start < len(rows):
        # A power of two, so that the driver knows the few statements that there are.
        number = 1 << (min(most, len(rows) - start).bit_length() - 1)
        values = tuple(chain.from_iterable(rows[start : start + number]))
        connection.exec_driver_sql(_sqlite_insert(table, names, number), values)
        start += number


@lru_cache(maxsize=256)
def _sqlite_insert(table: str, names: tuple[str, ...], rows: int) -> str:
    row = f"({', '.join('?' * len(names))})"
    return f"INSERT INTO {table} ({_quoted(names)}) VALUES {', '.join([row] * rows)}"  # noqa: S608 (names of ours)


@lru_cache(maxsize=64)
def _postgres_insert(table: sa.Table, names: tuple[str, ...], computed: tuple[tuple[str, str], ...]) -> str:
    arrays = ", ".join(f"%b::{_POSTGRES_TYPES[type(table.c[name].type)]}[]" for name in names)
    into = _quoted((*names, *(name for name, _sql in computed)))
    values = ", ".join([*(f'"{name}"' for name in names), *(computed_sql for _name, computed_sql in computed)])
    rows = f'unnest({arrays}) WITH ORDINALITY AS given ({_quoted(names)}, "place")'
    return f"INSERT INTO {table.name} ({into}) SELECT {values} FROM {rows}"  # noqa: S608 (names and words of ours)


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
