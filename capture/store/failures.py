"""What a database's own errors mean to people: who is in the way, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Error as SqliteError

from sqlalchemy import exc
from sqlalchemy.engine import Engine

from capture.errors import StoreBusy, StoreError, StoreReadOnly, StoreUnreachable
from capture.store.engine import shown_url

# SQLSTATE of PostgreSQL: lock_not_available, query_canceled (a time limit), deadlock_detected.
_BUSY_STATES = frozenset({"55P03", "57014", "40P01"})
# insufficient_privilege, read_only_sql_transaction
_FORBIDDEN_STATES = frozenset({"42501", "25006"})
# idle_in_transaction_session_timeout, transaction_timeout: the server ended the connection of a machine that was slow.
# The driver has them among the errors of what was asked, and an event would be dropped for it.
_ENDED_STATES = frozenset({"25P03", "25P04"})
_BUSY_WORDS = ("database is locked", "database table is locked", "database schema is locked")


@contextmanager
def store_errors(engine: Engine) -> Iterator[None]:
    """Raise errors of the connection, of locks and of a broken file as `StoreError`s; leave all others alone."""
    try:
        yield
    except Exception as error:
        translated = explain(error, shown_url(engine.url))
        if translated is None:
            raise
        raise translated from error


def explain(error: BaseException, shown: str) -> StoreError | None:
    """Return what `error` means for the database `shown`, or None where it is no error of a database's state.

    Takes the errors of SQLAlchemy and those of the drivers themselves, which get out where a connection is made.
    """
    if isinstance(error, exc.TimeoutError):
        return StoreBusy(f"All connections to {shown} are in use.", cure="Try again in a moment.")
    original = error.orig if isinstance(error, exc.DBAPIError) else error
    words = str(original).strip()
    if isinstance(original, SqliteError):
        return _sqlite(words, shown)
    if getattr(original, "sqlstate", None) in _BUSY_STATES:
        return _busy(shown)
    if getattr(original, "sqlstate", None) in _FORBIDDEN_STATES:
        return StoreReadOnly(
            f"The database {shown} does not let this role do that: {words.splitlines()[0]}.",
            cure="Use a role that may (`workbench db roles` lists what each needs), or only look.",
        )
    # By name, because psycopg is not there for everybody and slow to import.
    if getattr(original, "sqlstate", None) in _ENDED_STATES or any(
        kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(original).__mro__
    ):
        first = words.splitlines()[0] if words else type(original).__name__
        return StoreUnreachable(
            f"The database {shown} does not answer: {first}",
            cure="Check that the server runs, and the host, name, user and password of the database URL.",
        )
    return None


def _busy(shown: str) -> StoreBusy:
    return StoreBusy(
        f"The database {shown} stayed locked by another program.",
        cure="Try again; if it stays so, end the program that holds it open.",
    )


def _sqlite(words: str, shown: str) -> StoreError | None:
    if any(word in words for word in _BUSY_WORDS):
        return _busy(shown)
    for said, message, cure in _SQLITE:
        if said in words:
            return StoreUnreachable(message.format(shown=shown), cure=cure)
    return None


_SQLITE = (
    ("not a database", "{shown} is not a database.", "Name another file with --db, or move this one away."),
    ("malformed", "The database {shown} is damaged.", "Restore it from a backup, or move it away to begin anew."),
    (
        "unable to open",
        "{shown} cannot be opened.",
        "Check that it is a file that you may read and write, in a folder that you may write.",
    ),
    ("readonly database", "{shown} may only be read.", "Give yourself the right to write it and its folder."),
    ("disk is full", "There is no room left for {shown}.", "Make room on its disk."),
    ("disk I/O error", "{shown} cannot be read or written: its disk failed.", "Look at its disk."),
)
