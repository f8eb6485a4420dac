"""What a database's own errors mean to people: who is in the way, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import DatabaseError as SqliteError

from sqlalchemy import exc
from sqlalchemy.engine import Engine

from capture.errors import StoreBusy, StoreError, StoreUnreachable
from capture.store.engine import shown_url

# SQLSTATE of PostgreSQL: lock_not_available, query_canceled (a time limit), deadlock_detected.
_BUSY_STATES = frozenset({"55P03", "57014", "40P01"})
_BUSY_WORDS = ("database is locked", "database table is locked", "database schema is locked")


@contextmanager
def store_errors(engine: Engine) -> Iterator[None]:
    """Raise errors of the connection, of locks and of a broken file as `StoreError`s; leave all others alone."""
    try:
        yield
    except (exc.DBAPIError, exc.TimeoutError, SqliteError) as error:
        translated = explain(error, shown_url(engine.url))
        if translated is None:
            raise
        raise translated from error


def explain(error: BaseException, shown: str) -> StoreError | None:
    """Return what `error` means for the database `shown`, or None where it is a fault of ours."""
    if isinstance(error, exc.TimeoutError):
        return StoreBusy(f"All connections to {shown} are in use.", cure="Try again in a moment.")
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    words = str(original).strip()
    if any(word in words for word in _BUSY_WORDS) or getattr(original, "sqlstate", None) in _BUSY_STATES:
        return StoreBusy(
            f"The database {shown} stayed locked by another program.",
            cure="Try again; if it stays so, end the program that holds it open.",
        )
    if "not a database" in words or "malformed" in words:
        return StoreUnreachable(
            f"{shown} is not a database.", cure="Name another file with --db, or move this one away."
        )
    if isinstance(original, SqliteError):
        return _sqlite(words, shown)
    if isinstance(error, exc.OperationalError) or (isinstance(error, exc.DBAPIError) and error.connection_invalidated):
        first = words.splitlines()[0] if words else type(original).__name__
        return StoreUnreachable(
            f"The database {shown} does not answer: {first}",
            cure="Check that the server runs, and the host, name, user and password of the database URL.",
        )
    return None


def _sqlite(words: str, shown: str) -> StoreError | None:
    if "unable to open" in words:
        return StoreUnreachable(
            f"{shown} cannot be opened.",
            cure="Check that it is a file, and that you may read and write it and its folder.",
        )
    if "readonly database" in words:
        return StoreUnreachable(
            f"{shown} may only be read.", cure="Give yourself the right to write it and its folder."
        )
    if "disk is full" in words or "disk I/O error" in words:
        return StoreUnreachable(f"{shown} cannot be written: {words}.", cure="Make room on its disk.")
    return None
