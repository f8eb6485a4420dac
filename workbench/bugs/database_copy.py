"""A whole shared database copied into an empty one, of the same or of the other kind.

All that is written is one transaction: whatever interrupts it leaves the target as empty as it was, and nobody ever
meets half a copy. What is read is one snapshot, so that sites may go on writing meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store import migrate
from capture.store.engine import shown_url, use_write_ahead_log, writing
from capture.store.tables import Occurrence, metadata, table_of
from workbench.bugs.store import database_errors
from workbench.errors import DatabaseError, Refused

# Rows that are in memory at once. Those with a payload of some kilobytes each are fewer.
BATCH, PAYLOAD_BATCH = 1_000, 200
_SUMS = 1 << 128


@dataclass(frozen=True)
class CopiedTable:
    """A table that was copied: how many rows, and the sum of the digests of all of them, whatever their order."""

    table: str
    rows: int
    checksum: str


@dataclass(frozen=True)
class Copied:
    """What was copied. `has_moved` says that the source was written to meanwhile: the copy is what it was before."""

    tables: tuple[CopiedTable, ...]
    has_moved: bool

    @property
    def rows(self) -> int:
        """How many rows in all."""
        return sum(one.rows for one in self.tables)


@dataclass(frozen=True)
class Step:
    """How far a copy is: `what` is copying or checking, `done` rows of `total`, in all tables."""

    what: str
    table: str
    done: int
    total: int


def copy(source: Engine, target: Engine, *, tell: Callable[[Step], None] = lambda _step: None) -> Copied:
    """Copy all rows of `source`, whose schema is current, into `target`, which has none yet.

    Ids, numbers and sequences stay what they are. At the end each table is read back and compared by count and
    checksum, before anything is committed. Raises `Refused` where the target holds rows, `DatabaseError` where it
    cannot be used or differs from the source in the end; the target is then as it was.
    """
    with database_errors(shown_url(source.url)):
        migrate.check(source)
    with database_errors(shown_url(target.url)):
        migrate.current(target)  # raises before anything is changed
        use_write_ahead_log(target)
        with _snapshot(source) as old, writing(target).begin() as new:
            before = _mark(old)
            migrate.bring_up(new)
            _take(new)
            tables = _copy_rows(old, new, tell)
            _keep_sequences(old, new)
            _compare(new, tables, tell)
            if new.dialect.name == "postgresql":
                new.execute(sa.text("ANALYZE " + ", ".join(_names())))
    with _snapshot(source) as old:
        return Copied(tuple(tables.values()), has_moved=_mark(old) != before)


@contextmanager
def _snapshot(source: Engine) -> Iterator[Connection]:
    options: dict[str, Any] = {}
    if source.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with source.connect().execution_options(**options) as connection:
        yield connection


def _names() -> list[str]:
    return [f'"{table.name}"' for table in metadata.sorted_tables]


def _mark(connection: Connection) -> tuple[Any, ...]:
    """Return what differs once a site, a worker or a person has written."""
    journal, bug = metadata.tables["journal"], metadata.tables["bug"]
    asked = [sa.select(sa.func.max(journal.c.updated_at)), sa.select(sa.func.max(bug.c.changed_at))]
    asked += [sa.select(sa.func.count()).select_from(table) for table in metadata.sorted_tables]
    return tuple(connection.scalar(each) for each in asked)


def _take(new: Connection) -> None:
    """Keep everybody else from writing to the target until the end. Raises `Refused` where somebody already has."""
    if new.dialect.name == "postgresql":
        new.execute(sa.text(f"LOCK TABLE {', '.join(_names())} IN SHARE ROW EXCLUSIVE MODE"))
    for table in metadata.sorted_tables:
        if new.scalar(sa.select(sa.literal(1)).select_from(table).limit(1)):
            raise Refused(
                f"{shown_url(new.engine.url)} is not empty: its table {table.name} has rows.",
                cure="Name an empty database. Nothing is ever copied over what is there, and nothing was changed.",
            )


def _copy_rows(old: Connection, new: Connection, tell: Callable[[Step], None]) -> dict[str, CopiedTable]:
    totals = {
        table.name: old.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in metadata.sorted_tables
    }
    total, done = sum(totals.values()), 0
    copied = {}
    for table in metadata.sorted_tables:
        insert, rows, checksum = _insert(table, new), 0, 0
        with closing(_batches(old, table)) as batches:
            for batch in batches:
                new.execute(insert, [_bound(row) for row in batch])
                checksum = (checksum + sum(map(_digest, batch))) % _SUMS
                rows += len(batch)
                tell(Step("copying", table.name, done + rows, total))
        done += rows
        copied[table.name] = CopiedTable(table.name, rows, f"{checksum:032x}")
    return copied


def _compare(new: Connection, copied: Mapping[str, CopiedTable], tell: Callable[[Step], None]) -> None:
    total, done = sum(one.rows for one in copied.values()), 0
    for table in metadata.sorted_tables:
        rows, checksum = 0, 0
        with closing(_batches(new, table)) as batches:
            for batch in batches:
                checksum = (checksum + sum(map(_digest, batch))) % _SUMS
                rows += len(batch)
                tell(Step("checking", table.name, done + rows, total))
        done += rows
        wanted, found = copied[table.name], CopiedTable(table.name, rows, f"{checksum:032x}")
        if found != wanted:
            raise DatabaseError(
                f"The table {table.name} is not the same after copying: {wanted.rows} rows with the checksum"
                f" {wanted.checksum} became {found.rows} with {found.checksum}.",
                cure="Nothing was kept. Please report it, with the kinds of both databases.",
            )


def _batches(connection: Connection, table: sa.Table) -> Generator[list[tuple[Any, ...]]]:
    """Yield all rows in bounded pieces. JSON is read as the text that it is stored as, to be the same to the letter."""
    columns = [
        sa.cast(column, sa.Text).label(column.name) if isinstance(column.type, sa.JSON) else column
        for column in table.columns
    ]
    size = PAYLOAD_BATCH if table is table_of(Occurrence) else BATCH
    options = {"stream_results": True, "yield_per": size}
    with connection.execute(sa.select(*columns), execution_options=options) as found:
        for part in found.partitions():
            yield [tuple(row) for row in part]


def _insert(table: sa.Table, new: Connection) -> sa.Insert:
    values: dict[str, Any] = {}
    for place, column in enumerate(table.columns):
        is_json = isinstance(column.type, sa.JSON)
        bound = sa.bindparam(f"c{place}", type_=sa.Text() if is_json else column.type)
        values[column.name] = sa.cast(bound, sa.JSON) if is_json and new.dialect.name == "postgresql" else bound
    return sa.insert(table).values(values)


def _bound(row: tuple[Any, ...]) -> dict[str, Any]:
    return {f"c{place}": value for place, value in enumerate(row)}


def _digest(row: tuple[Any, ...]) -> int:
    return int.from_bytes(blake2b(repr(row).encode("utf-8", "backslashreplace"), digest_size=16).digest())


def _keep_sequences(old: Connection, new: Connection) -> None:
    """Let the target give the ids after those that the source gave. SQLite counts from its rows by itself."""
    if new.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or not (sequence := _sequence(new, table, column)):
            continue
        last = new.scalar(sa.select(sa.func.max(column))) or 0
        if old.dialect.name == "postgresql" and (given := _sequence(old, table, column)):
            read = sa.text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {given}")  # noqa: S608
            last = max(last, old.scalar(read) or 0)
        if last:
            new.execute(sa.select(sa.func.setval(sequence, last)))


def _sequence(connection: Connection, table: sa.Table, column: sa.Column[Any]) -> str | None:
    found: str | None = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(table.name, column.name)))
    return found
