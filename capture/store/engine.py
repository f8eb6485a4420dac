"""Open the shared database by its URL, with the pragmas, pools and time limits that each kind needs."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from capture.errors import StoreReadOnly, StoreUnreachable
from capture.store import moving

BUSY_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 10_000
# A server that cannot be reached any more is noticed after some twenty seconds. By itself a system takes a quarter of
# an hour where something was sent, and hours where an answer is waited for.
_NOTICED = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,  # in milliseconds
}
POOLED = "pooled"  # is in the `info` of a connection that a pooler is behind


def parse_url(url: str) -> URL:
    """Return the database URL, with psycopg 3 as the driver for PostgreSQL.

    Raises `StoreUnreachable` for text that is no URL of a database we know.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: the port is no number
        raise StoreUnreachable(
            "The database URL is not a URL.",
            cure="Write it as sqlite:///path/to/workbench.db or postgresql://user@host/name.",
        ) from error
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "postgresql+psycopg"):
        raise StoreUnreachable(
            f"Databases of the kind {parsed.drivername!r} are not supported.",
            cure="Use sqlite:///path/to/workbench.db or postgresql://user@host/name.",
        )
    return parsed


def shown_url(url: str | URL) -> str:
    """Return the URL as it may be shown: without its password."""
    parsed = parse_url(url) if isinstance(url, str) else url
    hidden = {name: "hidden" for name in parsed.query if "password" in name}  # libpq takes it there as well
    return parsed.update_query_dict(hidden).render_as_string(hide_password=True)


def open_engine(url: str, *, create: bool = False) -> Engine:
    """Return an engine on the database at `url`. Nothing is connected yet.

    With `create`, the folder of a SQLite file is made. Without it, a missing SQLite file raises
    `StoreUnreachable` instead of quietly becoming an empty database. So does an unknown kind of URL.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite_engine(parsed, create=create)
    try:
        limits = {name: limit for name, limit in _NOTICED.items() if name not in parsed.query}
        engine = sa.create_engine(parsed, pool_size=5, max_overflow=5, pool_pre_ping=True, connect_args=limits)
    except (ImportError, NoSuchModuleError) as error:
        raise StoreUnreachable(
            "PostgreSQL needs the psycopg package.", cure="Install it: pip install 'bug-workbench[postgres]'."
        ) from error
    sa.event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _sqlite_engine(url: URL, *, create: bool) -> Engine:
    is_file = bool(url.database) and url.database != ":memory:" and "mode=memory" not in str(url)
    path = Path(url.database or "").absolute()  # as SQLite takes it: from now on, wherever this process goes
    if url.database and url.database != ":memory:":
        if create:
            _make_folder(path.parent)
            moving.begin_anew(path)
        elif not path.exists():
            raise StoreUnreachable(
                f"There is no database at {url.database}.",
                cure="Run `workbench db upgrade` to create it, or name another with --db.",
            )
    # The connection that was used last is used next: each that is used holds pages of the file in memory.
    pool = {"pool_use_lifo": True} if is_file else {}
    connect = {"timeout": BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}
    engine = sa.create_engine(url, connect_args=connect, **pool)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    if is_file and not str(url.database).startswith("file:"):
        moving.watch(engine, path, create=create)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnreachable(
            f"The folder {folder} cannot be made: {error.strerror}.", cure="Name another place with --db."
        ) from error


def _prepare_postgresql(connection: Any, record: Any) -> None:
    # Nobody of ours holds a lock for long; without a limit a forgotten transaction would stop everything silently.
    # The default of random_page_cost is that of turning disks, and has whole tables read where an index would do.
    session = connection.execute(
        "SELECT pg_backend_pid(), set_config('lock_timeout', %s, false), set_config('random_page_cost', '1.1', false)",
        (str(LOCK_TIMEOUT_MS),),
    ).fetchone()[0]
    connection.commit()
    if session != connection.info.backend_pid:
        # A pooler such as PgBouncer, which has numbers of its own. It may give each transaction another session, where
        # what was prepared in one is not known, or is another statement.
        connection.prepare_threshold = None
        record.info[POOLED] = True


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN is switched off, since it would start read transactions late and as deferred.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def delete_cheaply(connection: sa.Connection) -> None:
    """Have SQLite overwrite what is deleted through this connection only where that is no more to write.

    Many systems build it so that it writes zeros over each page that becomes free: four times the time of a deletion,
    and as much again into the write-ahead log as the events had taken.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete=FAST")


def use_write_ahead_log(engine: Engine) -> None:
    """Let readers and a writer of a SQLite file work side by side. The file keeps it; other databases need nothing.

    Not done on every connection: a file that we only look at, and that may be somebody else's, stays as it is.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL").close()
    finally:
        connection.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that will write says so at its start (`write=True` of the execution options): a deferred one
    # that turns into a writer later fails at once, without waiting, when another wrote in between.
    mode = "IMMEDIATE" if connection.get_execution_options().get("write") else "DEFERRED"
    connection.exec_driver_sql(f"BEGIN {mode}")


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write: on SQLite they take the write lock when they begin.

    Raises `StoreReadOnly` where nothing may be written.
    """
    if (why := why_read_only(engine)) is not None:
        raise StoreReadOnly(str(why), cure=why.cure)
    return engine.execution_options(write=True)


def read_only(engine: Engine, why: StoreReadOnly) -> Engine:
    """Let nothing be written through the engine from now on; `why` is what who tries is told."""
    engine.update_execution_options(read_only=why)
    sa.event.listen(engine, "connect", _refuse_writing)
    engine.dispose()  # what was connected before
    return engine


def why_read_only(engine: Engine) -> StoreReadOnly | None:
    """Return why nothing may be written through the engine, or None where it may."""
    why: StoreReadOnly | None = engine.get_execution_options().get("read_only")
    return why


def _refuse_writing(connection: Any, record: Any) -> None:
    # The database itself refuses what does not go through `writing`.
    if POOLED in record.info:
        connection.read_only = True  # said with each transaction: its session is others' as well
    elif hasattr(connection, "pgconn"):
        connection.execute("SET default_transaction_read_only = on")
        connection.commit()
    else:
        connection.execute("PRAGMA query_only=ON").close()


def upsert(connection: sa.Connection, table: sa.Table) -> Any:
    """Return the database's own INSERT for `table`, the one that knows ON CONFLICT."""
    return insert_of(connection.dialect.name, table)


@lru_cache(maxsize=64)
def insert_of(dialect: str, table: sa.Table) -> Any:
    """Return the INSERT of a dialect: what is made of it can be made once."""
    # The other database's part of SQLAlchemy takes 2 MiB, and is not even loaded.
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
