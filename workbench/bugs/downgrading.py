"""What an earlier schema has no place for: the tables and columns that a downgrade takes away, with what is in them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import migrate
from capture.store.engine import open_engine, writing
from workbench.bugs.store import reading

# What a column holds that nobody filled: the defaults of our schemas, as text.
_BLANK = ("", "0", "0.0", "false", "[]", "{}", "null")


@dataclass(frozen=True)
class Loss:
    """A table that goes, or a column of one that stays; `rows` says how many rows hold something there."""

    table: str
    column: str | None
    rows: int

    def __str__(self) -> str:
        what = f"the column {self.column} of {self.table}" if self.column else f"the table {self.table}"
        return f"{what}, filled in {self.rows} rows" if self.column else f"{what} with {self.rows} rows"


def losses(engine: Engine, revision: str) -> list[Loss]:
    """Return what a downgrade of the database to `revision` takes away. Nothing is changed, and nothing is locked."""
    present = migrate.current(engine)
    if present is None:
        return []
    before, after = _columns_of(present), _columns_of(revision)
    found = []
    with reading(engine) as connection:
        for name, columns in before.items():
            table = sa.table(name, *map(sa.column, columns))
            if name not in after:
                rows = connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
                found.append(Loss(name, None, rows))
                continue
            for gone in (column for column in columns if column not in after[name]):
                filled = sa.cast(table.c[gone], sa.Text).not_in(_BLANK)
                rows = connection.scalar(sa.select(sa.func.count()).select_from(table).where(filled)) or 0
                found.append(Loss(name, gone, rows))
    return found


def _columns_of(revision: str) -> dict[str, list[str]]:
    """Return the tables of a revision with their columns, from a database in memory that is made to be looked at."""
    scratch = open_engine("sqlite:///:memory:")
    try:
        with writing(scratch).begin() as connection:
            migrate.bring_up(connection, revision)
            found = sa.inspect(connection)
            return {
                name: [str(column["name"]) for column in found.get_columns(name)]
                for name in sorted(found.get_table_names())
                if name != migrate.VERSION_TABLE
            }
    finally:
        scratch.dispose()
