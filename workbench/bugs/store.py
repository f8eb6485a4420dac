"""The way into the shared database: open it, and tell its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

from capture.errors import CaptureError
from capture.store import migrate
from capture.store.engine import open_engine, shown_url
from capture.store.failures import explain
from workbench.config import Config
from workbench.errors import DatabaseError


def open_store(config: Config, *, create: bool = False) -> Engine:
    """Return an engine on the configured database, its schema checked.

    With `create`, a missing or empty database is made first. Raises `DatabaseError` with a cure when the database
    is missing, locked, unreachable, of another version or not ours.
    """
    with database_errors():
        engine = open_engine(config.database_url, create=create)
        try:
            (migrate.prepare if create else migrate.check)(engine)
        except BaseException:
            engine.dispose()
            raise
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a connection to read with. Raises `DatabaseError` with a cure for whatever the database reports."""
    with database_errors(shown_url(engine.url)), engine.connect() as connection:
        yield connection


@contextmanager
def database_errors(shown: str = "in use") -> Iterator[None]:
    """Raise whatever the store reports, and locks and lost connections, as `DatabaseError`.

    `shown` names the database where an error does not name it itself. Also usable as a decorator.
    """
    try:
        yield
    except CaptureError as error:
        raise DatabaseError(str(error), cure=error.cure) from error
    except Exception as error:
        translated = explain(error, shown)
        if translated is None:
            raise
        raise DatabaseError(str(translated), cure=translated.cure) from error
