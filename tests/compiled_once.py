"""Compile each statement once per test process, not once more for every engine that a test opens.

A site or a terminal has one engine for as long as it lives, and compiles a statement the first time it sends it. A
test process opens thousands: compiling would be a quarter of its work. What SQLAlchemy keeps is found by the dialect
and the statement, so it is enough that the dialects of one kind are alike (`open_engine` makes them all alike) and
that all connections look in one place.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.util import LRUCache

# Some three times the statements of the product in all their forms; tests of filters make up others.
_compiled: LRUCache[object, object] = LRUCache(2000)


def _same_kind(dialect: Dialect, other: object) -> bool:
    return type(dialect) is type(other)


def _hash_of_kind(dialect: Dialect) -> int:
    return hash(type(dialect))


for kind in (PGDialect_psycopg, SQLiteDialect_pysqlite):
    kind.__eq__ = _same_kind  # type: ignore[assignment,method-assign]
    kind.__hash__ = _hash_of_kind  # type: ignore[assignment,method-assign]


@sa.event.listens_for(Engine, "engine_connect")
def _look_in_one_place(connection: Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)
