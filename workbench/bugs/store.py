"""The way into the shared database: open it, and tell its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.errors import CaptureError, SchemaTooNew, SchemaTooOld, StoreReadOnly
from capture.store import migrate
from capture.store.engine import open_engine, read_only, shown_url
from capture.store.failures import explain
from workbench.config import Config
from workbench.errors import DatabaseError
from workbench.tunnel import reached_url

OPEN_TO_WRITE = "Leave out --read-only (or the setting database.read_only) to change something."


def open_store(config: Config, *, create: bool = False) -> Engine:
    """Return an engine on the configured database, its schema checked.

    With `create`, a missing or empty database is made first. Where the configuration says so, or where the schema is
    of another version and has all that this one reads, nothing can be written: see `why_read_only` of
    `capture.store.engine`. Raises `DatabaseError` with a cure when the database is missing, locked, unreachable, not
    to be read by this version, or not ours.
    """
    create = create and not config.read_only
    with database_errors():
        engine = open_engine(reached_url(config), create=create)
        try:
            if config.read_only:
                read_only(engine, StoreReadOnly("The workbench is open to read only.", cure=OPEN_TO_WRITE))
            _check(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
    return engine


CACHE_KIB = 512  # of a file by each connection that only looks; 2,000 were no faster, since the system holds it as well


def spare_memory(engine: Engine) -> None:
    """Let the connections of a program that stays open hold little of a SQLite file. It must not be in use yet."""
    if engine.dialect.name == "sqlite":
        engine.dispose()
        sa.event.listen(engine, "connect", lambda raw, _record: raw.execute(f"PRAGMA cache_size=-{CACHE_KIB}").close())


def _check(engine: Engine, *, create: bool) -> None:
    try:
        (migrate.prepare if create else migrate.check)(engine)
    except (SchemaTooOld, SchemaTooNew) as error:
        if not migrate.can_read(engine):
            raise
        read_only(engine, StoreReadOnly(f"{error} It can only be read.", cure=error.cure))


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
