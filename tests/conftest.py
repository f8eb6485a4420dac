"""Fixtures that every part shares: a database, an event, an environment without the developer's own."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from emptied import empty
from hypothesis import HealthCheck, settings
from sqlalchemy.engine import URL, Engine

from capture.store import migrate
from capture.store.engine import open_engine

pytest_plugins = ["compiled_once", "needed", "no_skips", "standins.github"]

POSTGRES = os.environ.get("WORKBENCH_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres")

# A time limit on single examples only finds busy machines.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

# Where single tests take longest: begun last, one of them would run on alone while the other processes are done.
LONGEST = ("tests/endtoend/", "tests/sessions/", "tests/faults/", "tests/evidence/")


@pytest.hookimpl(optionalhook=True)  # `make bench` and `make faults` run without it
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Take half as many processes again as there are cores: many tests wait for programs that they have started."""
    return (len(os.sched_getaffinity(0)) * 3 + 1) // 2


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for garbage neither while modules and tests are made, nor ever after among these.

    They are millions of objects, and stay to the end: a test that collects garbage would go through all of them.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, and leave all others as they stand."""

    def turn(item: pytest.Item) -> int:
        places = (place for place, folder in enumerate(LONGEST) if item.nodeid.startswith(folder))
        return next(places, len(LONGEST))

    items.sort(key=turn)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take the developer's own settings out of the environment, and return the empty home put in their place."""
    for name in list(os.environ):
        if name.startswith("TEXTUAL_SNAPSHOT"):
            continue  # pytest-textual-snapshot's own
        if name.startswith(("WORKBENCH_", "GIT_", "GITHUB_", "CLAUDE", "ANTHROPIC", "TEXTUAL")) or name in (
            "NO_COLOR",
            "AI_AGENT",
        ):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / ".local" / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Ada Tester")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "ada@example.com")
    monkeypatch.setenv("GIT_COMMITTER_NAME", "Ada Tester")
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "ada@example.com")
    return home


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the current schema and nothing in it, to be copied and not opened."""
    path = tmp_path_factory.mktemp("template") / "workbench.db"
    engine = open_engine(f"sqlite:///{path}", create=True)
    migrate.prepare(engine)
    engine.dispose()
    return path


@pytest.fixture
def engine(tmp_path: Path, sqlite_template: Path) -> Iterator[Engine]:
    """An empty store on a SQLite file."""
    path = tmp_path / "workbench.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def postgres_server() -> URL:
    """The URL of a PostgreSQL server on which databases may be made; skips where none answers."""
    url = sa.make_url(POSTGRES).set(drivername="postgresql+psycopg")
    try:
        with _administering(url) as connection:
            connection.execute(sa.text("SELECT 1"))
    except sa.exc.OperationalError as error:
        pytest.skip(f"no PostgreSQL answers at {url}: {str(error.orig).splitlines()[0]}")
    return url


@pytest.fixture(scope="session")
def postgres_database(postgres_server: URL) -> Iterator[URL]:
    """A PostgreSQL database with the current schema, of this test process alone."""
    with _database(postgres_server) as url:
        engine = open_engine(url.render_as_string(hide_password=False))
        migrate.prepare(engine)
        engine.dispose()
        yield url


@pytest.fixture
def postgres_url(postgres_server: URL) -> Iterator[str]:
    """The URL of a PostgreSQL database without any table."""
    with _database(postgres_server) as url:
        yield url.render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgres_administration(postgres_database: URL) -> Iterator[Engine]:
    """One connection that outlives the tests, for what is done between them: to connect takes longer than to empty."""
    engine = _administrator(postgres_database, pool_size=1, pool_pre_ping=True)
    yield engine
    engine.dispose()


@pytest.fixture
def postgres_engine(postgres_database: URL, postgres_administration: Engine) -> Iterator[Engine]:
    """An empty store on PostgreSQL.

    Emptied and used again, because each dropped database makes the server write a checkpoint.
    """
    engine = open_engine(postgres_database.render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with postgres_administration.connect() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )
        empty(connection)
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :head"), {"head": migrate.HEAD})


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_engine(request: pytest.FixtureRequest) -> Engine:
    """An empty store, once on SQLite and once on PostgreSQL."""
    engine: Engine = request.getfixturevalue("engine" if request.param == "sqlite" else "postgres_engine")
    return engine


@pytest.fixture
def count_statements() -> Callable[[sa.Engine | sa.Connection], AbstractContextManager[list[str]]]:
    """A context manager that lists the statements sent through an engine or a connection."""

    @contextmanager
    def counting(target: sa.Engine | sa.Connection) -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            statements.append(statement)

        sa.event.listen(target, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            sa.event.remove(target, "before_cursor_execute", note)

    return counting


@contextmanager
def _administering(url: URL) -> Iterator[sa.Connection]:
    with _administrator(url, poolclass=sa.NullPool).connect() as connection:
        yield connection


def _administrator(url: URL, **pool: Any) -> Engine:
    return sa.create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5}, **pool)


@contextmanager
def _database(server: URL) -> Iterator[URL]:
    """Make a database of a name that no other test run uses, and drop it afterwards."""
    name = f"workbench_test_{secrets.token_hex(8)}"
    with _administering(server) as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
        # What a test wrote need not outlive the server, and the next one shall not wait for the disk.
        connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit TO off"))
    try:
        yield server.set(database=name)
    finally:
        with _administering(server) as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
