"""The page of the shared database: a diagram, and each table with its columns."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from reference_pages.markdown import code, table

from capture.store.tables import metadata


def database() -> list[str]:
    """Return the page of the shared database: a diagram, and each table with its columns."""
    out = [
        "# The shared database",
        "",
        "One schema on SQLite and on PostgreSQL; `workbench db upgrade` brings it up to date, and a site or terminal",
        "of another version says so instead of writing. Read from it as you like; write through the commands only.",
        "",
        "```mermaid",
        "erDiagram",
        *(f"    {key.column.table.name} ||--o{{ {one.name} : {key.parent.name}" for one, key in _keys()),
        "```",
    ]
    for one in sorted(metadata.tables.values(), key=lambda each: each.name):
        out += ["", f"## {one.name}", "", *table(("column", "type", ""), map(_column, one.columns))]
    return out


def _keys() -> list[tuple[sa.Table, sa.ForeignKey]]:
    pairs = [(one, key) for one in metadata.tables.values() for key in one.foreign_keys]
    return sorted(pairs, key=lambda pair: (pair[1].column.table.name, pair[0].name, pair[1].parent.name))


def _column(column: sa.Column[Any]) -> tuple[str, str, str]:
    kind = column.type.impl if isinstance(column.type, sa.types.TypeDecorator) else column.type
    words = ["primary key"] if column.primary_key else []
    words += [f"→ {key.column.table.name}" for key in column.foreign_keys]
    words += ["unique"] if column.unique else []
    words += ["may be empty"] if column.nullable else []
    return code(column.name), str(kind).lower(), ", ".join(words)
