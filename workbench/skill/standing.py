"""How things stand with the bugs, read fast: a session-start hook makes a person wait.

SQLAlchemy takes longer to import (0.3 s) than all of this takes. So a SQLite file is asked through Python's own
driver; any other database, and anything unusual, goes the common way, whose errors name their cure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.config import Config
from workbench.errors import DatabaseError

NEW = timedelta(hours=24)
MOST = 8  # bugs that are named
BUSY_SECONDS = 1.0

# The columns are those of capture.store.tables.Bug; a test holds these to it on every kind of database.
_STATES = "SELECT state, COUNT(*) FROM bug GROUP BY state"
_NEW = "SELECT COUNT(*) FROM bug WHERE state = 'open' AND last_seen >= :since AND first_seen >= :since"
# COALESCE keeps the index on `state` out of it: where most bugs are open, fetching row by row through it takes five
# times as long (150 ms of 100,000 bugs) as reading the table from end to end.
_CAME_BACK = "SELECT COUNT(*) FROM bug WHERE COALESCE(state, '') = 'open' AND is_recurrence"
_MATTERING = """
SELECT number, title, count, is_recurrence, first_seen >= :since AS is_new, last_seen
FROM bug WHERE COALESCE(state, '') = 'open'
ORDER BY is_recurrence DESC, is_new DESC, count DESC, number DESC LIMIT :most
"""

_Ask = Callable[[str, Mapping[str, Any]], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class OpenBug:
    """One open bug. `title` is captured text."""

    number: int
    title: str
    count: int
    came_back: bool
    is_new: bool
    last_seen: datetime


@dataclass(frozen=True)
class Standing:
    """How many bugs are in each state, how many of the open ones came back or are new, and the open ones that matter.

    Those that came back first, then the new ones, then the frequent ones.
    """

    states: Mapping[str, int]
    came_back: int
    new: int
    bugs: tuple[OpenBug, ...]


def standing(config: Config, *, now: datetime) -> Standing:
    """Return how things stand. Raises `DatabaseError` with a cure when the database cannot be read."""
    path = _plain_file(config.database_url)
    if path is None:
        return _by_sqlalchemy(config, now)
    if not path.exists():
        raise DatabaseError(f"There is no database at {path}.", cure="Run `workbench db upgrade` to create it.")
    try:
        with closing(_opened(path)) as connection:
            # As SQLAlchemy writes it: UTC without saying so.
            since = (now.astimezone(UTC) - NEW).strftime("%Y-%m-%d %H:%M:%S.%f")
            return _read(lambda sql, values: connection.execute(sql, values).fetchall(), since)
    except sqlite3.Error:
        return _by_sqlalchemy(config, now)


def _plain_file(url: str) -> Path | None:
    """Return the file of a SQLite URL without anything special in it, else None."""
    scheme, _, path = url.partition(":///")
    return Path(path) if scheme == "sqlite" and path.startswith("/") and "?" not in path else None


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def _by_sqlalchemy(config: Config, now: datetime) -> Standing:
    from sqlalchemy import text

    from workbench.bugs.store import database_errors, open_store

    engine = open_store(config)
    try:
        with database_errors(), engine.connect() as connection:
            since = now.astimezone(UTC) - NEW
            sqlite = engine.dialect.name == "sqlite"
            return _read(
                lambda sql, values: connection.execute(text(sql), values).all(),
                since.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else since,
            )
    finally:
        engine.dispose()


def _read(ask: _Ask, since: str | datetime) -> Standing:
    states = {str(state): int(count) for state, count in ask(_STATES, {})}
    came_back, new = ask(_CAME_BACK, {})[0][0], ask(_NEW, {"since": since})[0][0]
    bugs = ask(_MATTERING, {"since": since, "most": MOST})
    return Standing(states, came_back, new, tuple(_bug(*row) for row in bugs))


def _bug(number: int, title: str, count: int, came_back: object, is_new: object, last_seen: str | datetime) -> OpenBug:
    at = datetime.fromisoformat(last_seen) if isinstance(last_seen, str) else last_seen
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return OpenBug(number, title, count, bool(came_back), bool(is_new), at)
