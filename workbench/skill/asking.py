"""A few statements to the shared database without SQLAlchemy, whose import takes longer than all they do (0.5 s).

A SQLite file is asked through Python's own driver and PostgreSQL through psycopg. Whatever is unusual comes out as
`Unusual`: then the common way is taken, whose errors name their cure.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.config import Config
from workbench.errors import DatabaseError

BUSY_SECONDS = 1.0
CONNECT_SECONDS = 3

Ask = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]


class Unusual(Exception):
    """The common way is to be taken."""


class NoDatabase(DatabaseError):
    """There is no database yet."""


@contextmanager
def asking(config: Config) -> Iterator[tuple[Ask, str]]:
    """Open the database to read from, and yield what asks it and its kind: sqlite or postgresql.

    Values stand in statements as `:name`. Raises `NoDatabase` for a SQLite file that is not there, and `Unusual`: one
    behind a tunnel is.
    """
    if config["database.ssh"]:
        raise Unusual
    url = config.database_url
    path = plain_file(url)
    if path is not None and not path.exists():
        raise NoDatabase(f"There is no database at {path}.", cure="Run `workbench db upgrade` to create it.")
    if path is not None:
        with _of_sqlite(path) as ask:
            yield ask, "sqlite"
    elif re.match(r"postgres(ql)?(\+psycopg)?://", url):
        with _of_postgresql(url) as ask:
            yield ask, "postgresql"
    else:
        raise Unusual


def plain_file(url: str) -> Path | None:
    """Return the file of a SQLite URL without anything special in it, else None."""
    scheme, _, path = url.partition(":///")
    return Path(path) if scheme == "sqlite" and path.startswith("/") and "?" not in path else None


def moment(value: str | datetime) -> datetime:
    """Return a time as it is stored, in UTC."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def for_sqlite(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as SQLAlchemy writes them into SQLite: times in UTC, without saying so."""
    return {
        name: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value
        for name, value in values.items()
    }


@contextmanager
def _of_sqlite(path: Path) -> Iterator[Ask]:
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as connection:
            yield lambda sql, values: connection.execute(sql, for_sqlite(values)).fetchall()
    except sqlite3.Error as error:
        raise Unusual from error


@contextmanager
def _of_postgresql(url: str) -> Iterator[Ask]:
    try:
        import psycopg
    except ImportError as error:
        raise Unusual from error

    def ask(sql: str, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        return connection.execute(re.sub(r":(\w+)", r"%(\1)s", sql).encode(), values).fetchall()

    try:
        plain = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", url)
        with psycopg.connect(plain, connect_timeout=CONNECT_SECONDS) as connection:
            connection.read_only = True
            yield ask
    except psycopg.Error as error:
        raise Unusual from error
