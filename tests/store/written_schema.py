"""Write capture/store/schema.py anew from the rows of `capture.store.tables`: `make schema`.

tests/store/test_schema.py holds the file to what this makes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeGuard

import sqlalchemy as sa

FILE = Path(__file__).parents[2] / "capture" / "store" / "schema.py"
OURS = ("StoredText", "UtcDateTime")
HEAD = '''"""The tables as statements name them, for who only reads: without SQLModel, which takes 16 MiB more.

Made by tests/store/written_schema.py from `capture.store.tables`. Do not edit: `make schema`.
"""

import sqlalchemy as sa

from capture.store.column_types import StoredText, UtcDateTime

# Metadata of our own: a site that uses SQLModel itself must not find our tables among its own, nor we its.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

'''


def described() -> sa.MetaData:
    """Return the tables as the rows describe them, not as the file has them. For a process of its own."""
    from capture.store import schema

    schema.metadata.clear()
    from capture.store import tables

    return tables.metadata


def written(metadata: sa.MetaData) -> str:
    """Return the file for these tables, formatted."""
    text = HEAD + "\n".join(_table(metadata.tables[name]) for name in sorted(metadata.tables))
    argv = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(FILE), "-"]
    return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout


def _table(table: sa.Table) -> str:
    parts = [_column(column) for column in table.columns]
    parts += sorted(_unique(one) for one in table.constraints if _is_of_several(one))
    parts += [_index(one) for one in sorted(table.indexes, key=lambda one: str(one.name))]
    lines = "".join(f"    {part},\n" for part in parts)
    return f'{table.name.upper()} = sa.Table(\n    "{table.name}",\n    metadata,\n{lines})\n'


def _column(column: sa.Column[Any]) -> str:
    said = [repr(column.name), _type(column.type)]
    said += [f"sa.ForeignKey({key.target_fullname!r})" for key in column.foreign_keys]
    if column.primary_key:
        said.append("primary_key=True")
    elif not column.nullable:
        said.append("nullable=False")
    if column.unique:
        said.append("unique=True")
    said += _default(column)
    return f"sa.Column({', '.join(said)})"


def _type(kind: sa.types.TypeEngine[Any]) -> str:
    name = type(kind).__name__
    if name in OURS:
        return name
    return f"sa.{kind!r}".removesuffix("()")


def _default(column: sa.Column[Any]) -> Iterator[str]:
    default: Any = column.default
    if default is None:
        return
    # SQLAlchemy wraps a function so that it takes its context; of ours there are `dict` and `list`, which give these.
    value = type(default.arg(None)).__name__ if default.is_callable else repr(default.arg)
    yield f"default={value}"


def _is_of_several(constraint: sa.Constraint) -> TypeGuard[sa.UniqueConstraint]:
    return isinstance(constraint, sa.UniqueConstraint) and len(constraint.columns) > 1


def _unique(constraint: sa.UniqueConstraint) -> str:
    return f"sa.UniqueConstraint({', '.join(repr(column.name) for column in constraint.columns)})"


def _index(index: sa.Index) -> str:
    said = [repr(str(index.name)), *(repr(column.name) for column in index.columns)]
    if index.unique:
        said.append("unique=True")
    if index.info:
        said.append(f"info={index.info!r}")
    return f"sa.Index({', '.join(said)})"


if __name__ == "__main__":
    FILE.write_text(written(described()), encoding="utf-8")
