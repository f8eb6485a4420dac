"""Text that is like a pattern, whatever the case, by the one comparison of each database that needs no help for it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


def alike(column: sa.ColumnElement[Any], pattern: str) -> sa.ColumnElement[bool]:
    """Return the condition that a text is like `pattern`: `%` and `_` stand for anything, but for a backslash before.

    SQLite takes upper and lower case of ASCII for one, PostgreSQL of all letters. SQLAlchemy's own `ilike` puts both
    sides of SQLite's LIKE into lower case first, which LIKE does not look at: to search a hundred thousand bugs took
    twice as long. So does PostgreSQL's ILIKE, which looks at each letter by the rules of a language.
    """
    return (_AlikeInAscii if pattern.isascii() else _Alike)(column, pattern)


def holding(column: sa.ColumnElement[Any], words: str) -> sa.ColumnElement[bool]:
    """Return the condition that a text has these words in it, as `alike` compares them.

    PostgreSQL finds words in two thirds of the time that it needs to be like a pattern around them.
    """
    pattern = f"%{literal(words)}%"
    return _HoldingAscii(column, words, pattern) if words.isascii() else alike(column, pattern)


def literal(words: str) -> str:
    """Return the pattern that only these words are like."""
    for special in ("\\", "%", "_"):
        words = words.replace(special, f"\\{special}")
    return words


class _Alike(FunctionElement[bool]):
    type = sa.Boolean()
    inherit_cache = True


class _AlikeInAscii(_Alike):
    """Where the pattern has no other letters, those of a text may stay as they are: they are not like any of its."""

    inherit_cache = True


class _HoldingAscii(FunctionElement[bool]):
    type = sa.Boolean()
    inherit_cache = True


@compiles(_HoldingAscii)
def _by_place(element: _HoldingAscii, compiler: Any, **words: Any) -> str:
    column, wanted, _pattern = (compiler.process(clause, **words) for clause in element.clauses)
    return f'(strpos(lower({column} COLLATE "C"), lower({wanted})) > 0)'


@compiles(_HoldingAscii, "sqlite")
def _by_pattern(element: _HoldingAscii, compiler: Any, **words: Any) -> str:
    column, _wanted, pattern = element.clauses
    return _like_of_sqlite(_Alike(column, pattern), compiler, **words)


@compiles(_Alike)
def _by_all_letters(element: _Alike, compiler: Any, **words: Any) -> str:
    column, pattern = _sides(element, compiler, words)
    return f"({column} ILIKE {pattern})"


@compiles(_AlikeInAscii)
def _by_those_of_ascii(element: _AlikeInAscii, compiler: Any, **words: Any) -> str:
    column, pattern = _sides(element, compiler, words)
    return f'(lower({column} COLLATE "C") LIKE lower({pattern}))'


@compiles(_Alike, "sqlite")
@compiles(_AlikeInAscii, "sqlite")
def _like_of_sqlite(element: _Alike, compiler: Any, **words: Any) -> str:
    column, pattern = _sides(element, compiler, words)
    # PostgreSQL knows the backslash by itself, and inside a driver's string it would have to be written otherwise.
    return f"({column} LIKE {pattern} ESCAPE '\\')"


def _sides(element: _Alike, compiler: Any, words: dict[str, Any]) -> tuple[str, str]:
    column, pattern = (compiler.process(clause, **words) for clause in element.clauses)
    return column, pattern
