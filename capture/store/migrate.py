"""The schema of the shared database: make it, check it, bring it up to date.

Alembic does the changes; a check needs only the revision that is written in the database, so that neither the
site nor the terminal pays for importing Alembic when all is well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.errors import SchemaForeign, SchemaMissing, SchemaTooNew, SchemaTooOld
from capture.store.engine import shown_url, use_write_ahead_log, writing
from capture.store.failures import store_errors
from capture.store.schema import metadata

# All revisions of migrations/versions, oldest first. A test holds this list to the folder.
REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0010", "0012", "0013", "0014")
HEAD = REVISIONS[-1]
SCRIPTS = Path(__file__).parent / "migrations"

VERSION_TABLE = "alembic_version"
_OURS = frozenset({"bug", "fingerprint", "occurrence", "journal"})
_LOCK = 0x62756701  # any number that nobody else uses for an advisory lock in this database


def prepare(engine: Engine) -> None:
    """Create our tables in an empty database, and leave a current one as it is.

    Several processes may call this at once; one of them creates. Raises `SchemaTooOld`, `SchemaTooNew` or
    `SchemaForeign` for a database that is neither.
    """
    try:
        check(engine)
    except SchemaMissing:
        upgrade(engine)


def check(engine: Engine) -> None:
    """Return quietly when the schema is the one that this version was built for.

    Raises `SchemaMissing`, `SchemaTooOld`, `SchemaTooNew` or `SchemaForeign`.
    """
    with store_errors(engine), engine.connect() as connection:
        found = _revision(connection)
    shown = shown_url(engine.url)
    if found is None:
        raise SchemaMissing(f"{shown} has no tables yet.", cure="Run `workbench db upgrade` to create them.")
    if found != HEAD:
        raise SchemaTooOld(
            f"{shown} was made by an earlier version (its schema is {found}, this version's is {HEAD}).",
            cure="Run `workbench db upgrade`.",
        )


def upgrade(engine: Engine) -> None:
    """Bring an empty or older database to the schema of this version, in one transaction.

    Raises `SchemaTooNew` or `SchemaForeign`, and changes nothing, where that cannot be done.
    """
    with store_errors(engine):
        with engine.connect() as connection:
            _revision(connection)  # raises before anything is changed
        use_write_ahead_log(engine)
    with store_errors(engine), writing(engine).begin() as connection:
        bring_up(connection)


def bring_up(connection: Connection, revision: str = HEAD) -> None:
    """Bring the database up to `revision` in the transaction of `connection`; nothing is committed."""
    _alone(connection)
    if _revision(connection) != revision:
        from alembic import command

        command.upgrade(_scripts(connection), revision)


def can_read(engine: Engine) -> bool:
    """Tell whether all that this version reads is there, whatever the revision: every table with every column.

    Later versions add, and take away only what the one before them has stopped to read; so what has the names that
    we know can be read. It must not be written: what a later version keeps true, this one knows nothing of.
    """
    with store_errors(engine), engine.connect() as connection:
        found = sa.inspect(connection).get_multi_columns()
    columns = {table: {column["name"] for column in each} for (_schema, table), each in found.items()}
    return all(set(table.columns.keys()) <= columns.get(table.name, set()) for table in metadata.sorted_tables)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to the schema of an earlier `revision`, in one transaction.

    What that schema has no place for is lost. Raises `SchemaTooNew`, `SchemaForeign` or `StoreBusy`, and changes
    nothing, where that cannot be done.
    """
    with store_errors(engine), writing(engine).begin() as connection:
        _alone(connection)
        found = _revision(connection)
        if found is not None and REVISIONS.index(revision) < REVISIONS.index(found):
            from alembic import command

            command.downgrade(_scripts(connection), revision)


def current(engine: Engine) -> str | None:
    """Return the revision of the database, or None for an empty one. Raises `SchemaTooNew` or `SchemaForeign`."""
    with store_errors(engine), engine.connect() as connection:
        return _revision(connection)


def _revision(connection: Connection) -> str | None:
    """Return the revision of the database, or None for an empty one."""
    tables = set(sa.inspect(connection).get_table_names())
    if not tables:
        return None
    found = None
    if VERSION_TABLE in tables:
        found = connection.scalar(sa.text(f"SELECT max(version_num) FROM {VERSION_TABLE}"))  # noqa: S608
        if found is None and tables == {VERSION_TABLE}:
            return None
    shown = shown_url(connection.engine.url)
    if found is None or not tables >= _OURS:
        raise SchemaForeign(
            f"{shown} holds the tables of something else.",
            cure="Name an empty database, or one that we made, with --db.",
        )
    if found not in REVISIONS:
        raise SchemaTooNew(
            f"{shown} was made by a later version (its schema is {found}, this version knows up to {HEAD}).",
            cure="Upgrade this program: pip install --upgrade bug-workbench.",
        )
    return str(found)


def _alone(connection: Connection) -> None:
    """Let nobody else change the schema until the transaction ends. On SQLite a writing one is alone already."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _scripts(connection: Connection) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
