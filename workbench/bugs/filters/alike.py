"""Text that is like a pattern, whatever the case, by the one comparison of each database that needs no help for it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class Alike(FunctionElement[bool]):
    """`Alike(column, pattern)`: `%` and `_` stand for anything, a backslash takes that from them.

    SQLAlchemy's own `ilike` puts both sides of SQLite's LIKE into lower case first, which LIKE does not look at (of
    ASCII, like `lower`): to search a hundred thousand bugs took twice as long.
    """

    type = sa.Boolean()
    inherit_cache = True


@compiles(Alike)
def _ilike(element: Alike, compiler: Any, **words: Any) -> str:
    return _like("ILIKE", element, compiler, words)


@compiles(Alike, "sqlite")
def _like_of_sqlite(element: Alike, compiler: Any, **words: Any) -> str:
    return _like("LIKE", element, compiler, words)


def _like(operator: str, element: Alike, compiler: Any, words: dict[str, Any]) -> str:
    column, pattern = (compiler.process(clause, **words) for clause in element.clauses)
    # PostgreSQL knows the backslash by itself, and inside a driver's string it would have to be written otherwise.
    escape = " ESCAPE '\\'" if operator == "LIKE" else ""
    return f"({column} {operator} {pattern}{escape})"
