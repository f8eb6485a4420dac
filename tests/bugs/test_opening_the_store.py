"""Whatever is wrong with the shared database is told in one sentence, with a cure and without the password."""

from __future__ import annotations

import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.errors import ConfigurationError, SchemaMissing
from capture.store import engine as store_engine
from capture.store import migrate
from capture.store.engine import open_engine, parse_url, shown_url, why_read_only, writing
from capture.store.failures import explain, store_errors
from capture.testing import NOW
from workbench import config
from workbench.bugs import queries
from workbench.bugs.store import database_errors, open_store
from workbench.errors import DatabaseError

Opened = Callable[..., Engine]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A function that opens the store at a URL, as every command does."""

    def opened(url: str, *, create: bool = False) -> Engine:
        return open_store(config.load(flags={"database_url": url}, environ={}, start=tmp_path), create=create)

    return opened


def test_a_current_database_is_opened(opened: Opened, any_engine: Engine) -> None:
    engine = opened(any_engine.url.render_as_string(hide_password=False))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM bug")) == 0
    engine.dispose()


def test_a_missing_file_is_named_and_not_made(opened: Opened, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=re.escape(f"no database at {tmp_path}/nowhere/x.db")) as caught:
        opened("sqlite:///nowhere/x.db")
    assert "workbench db upgrade" in caught.value.cure
    assert not (tmp_path / "nowhere").exists()


def test_with_create_a_missing_file_and_its_folder_are_made(opened: Opened, tmp_path: Path) -> None:
    opened("sqlite:///new/x.db", create=True).dispose()
    opened("sqlite:///new/x.db").dispose()


def test_an_empty_file_has_no_tables_yet(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "x.db").touch()
    with pytest.raises(DatabaseError, match="no tables yet"):
        opened("sqlite:///x.db")


def test_a_folder_is_not_a_database(opened: Opened, tmp_path: Path) -> None:
    for create in (False, True):
        with pytest.raises(DatabaseError, match="cannot be opened") as caught:
            opened(f"sqlite:///{tmp_path}", create=create)
        assert "Check that it is a file" in caught.value.cure


def test_a_file_in_the_way_of_the_folder_is_named(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("a file")
    with pytest.raises(DatabaseError, match="cannot be made"):
        opened("sqlite:///new/x.db", create=True)


def test_another_file_is_not_a_database(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("a letter to my aunt\n" * 50)
    for create in (False, True):
        with pytest.raises(DatabaseError, match="is not a database"):
            opened("sqlite:///x.db", create=create)
    assert (tmp_path / "x.db").read_text().startswith("a letter")


def test_somebody_elses_database_is_refused(opened: Opened, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x.db") as connection:
        connection.execute("CREATE TABLE invoice (id INTEGER)")
    connection.close()
    with pytest.raises(DatabaseError, match="something else"):
        opened("sqlite:///x.db", create=True)


def test_a_locked_database_says_so(opened: Opened, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_engine, "BUSY_TIMEOUT_MS", 50)
    holder = sqlite3.connect(str(engine.url.database), isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DatabaseError, match="stayed locked") as caught:
        opened(str(engine.url))
    assert "Try again" in caught.value.cure
    holder.close()


def test_a_lock_met_later_says_so_as_well(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_engine, "BUSY_TIMEOUT_MS", 50)
    other = open_engine(str(engine.url))

    @database_errors("the store")
    def write() -> None:
        with writing(other).begin():
            pass

    with writing(engine).begin(), pytest.raises(DatabaseError, match="the store stayed locked"):
        write()
    write()
    other.dispose()


def test_several_programs_may_open_a_file_for_the_first_time_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    code = (
        "import sys; from capture.store import engine, migrate;"
        "e = engine.open_engine(sys.argv[1], create=True); migrate.prepare(e); migrate.check(e)"
    )
    programs = [subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE) for _ in range(5)]
    errors = [program.communicate(timeout=60)[1] for program in programs]
    assert [program.returncode for program in programs] == [0] * 5, errors


def test_a_server_that_does_not_answer_is_named_without_its_password(opened: Opened) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DatabaseError, match=r"does not answer: .*refused") as caught:
            opened(f"postgresql://ada:s3cret@127.0.0.1:{port}/bugs")
    assert f"postgresql+psycopg://ada:***@127.0.0.1:{port}/bugs" in str(caught.value)
    assert "s3cret" not in f"{caught.value} {caught.value.cure}"


@pytest.mark.postgres
def test_a_database_that_is_not_on_the_server_is_named(opened: Opened, postgres_server: sa.URL) -> None:
    with pytest.raises(DatabaseError, match='database "not_there" does not exist'):
        opened(postgres_server.set(database="not_there").render_as_string(hide_password=False))


@pytest.mark.postgres
def test_a_lock_on_postgresql_ends_in_a_clear_message(postgres_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres_engine.begin() as holder:
        holder.execute(sa.text("LOCK TABLE bug"))
        monkeypatch.setattr(store_engine, "LOCK_TIMEOUT_MS", 50)
        impatient = open_engine(postgres_engine.url.render_as_string(hide_password=False))
        with impatient.connect() as other, pytest.raises(DatabaseError, match="stayed locked"), database_errors("it"):
            other.execute(sa.text("SELECT * FROM bug"))
        impatient.dispose()


@pytest.mark.postgres
def test_a_server_that_cannot_be_reached_any_more_is_noticed_within_half_a_minute(postgres_engine: Engine) -> None:
    """As seen with a real connection that was cut; what a URL says of it counts."""
    url = postgres_engine.url
    own = open_engine(url.update_query_dict({"keepalives_idle": "77"}).render_as_string(hide_password=False))
    waits = {}
    for engine in (postgres_engine, own):
        with engine.connect() as connection:
            waits[engine] = connection.connection.driver_connection.info.get_parameters()
    own.dispose()
    default = {name: int(waits[postgres_engine][name]) for name in waits[postgres_engine] if "keepalives_" in name}
    assert default["keepalives_idle"] + default["keepalives_interval"] * default["keepalives_count"] <= 30
    assert int(waits[postgres_engine]["tcp_user_timeout"]) <= 30_000
    assert (waits[own]["keepalives_idle"], waits[own]["connect_timeout"]) == ("77", "5")


@pytest.mark.postgres
def test_a_lost_connection_says_so(postgres_engine: Engine) -> None:
    with postgres_engine.connect() as mine:
        pid = mine.scalar(sa.text("SELECT pg_backend_pid()"))
        with postgres_engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(DatabaseError, match="does not answer"), database_errors("it"):
            mine.execute(sa.text("SELECT 1"))
    with postgres_engine.connect() as anew:
        assert anew.scalar(sa.text("SELECT 1")) == 1


def test_postgresql_without_its_driver_says_what_to_install(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseError, match="needs the psycopg package") as caught:
        opened("postgresql://127.0.0.1/bugs")
    assert "bug-workbench[postgres]" in caught.value.cure


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://127.0.0.1/bugs", "http://example.com", "postgresql://h:port/x"]
)
def test_what_is_no_url_of_ours_is_refused(opened: Opened, url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        opened(url)
    assert "sqlite:///" in caught.value.cure


def test_a_later_schema_that_has_all_we_read_is_opened_to_read_only(opened: Opened, any_engine: Engine) -> None:
    with any_engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    found = opened(any_engine.url.render_as_string(hide_password=False))
    why = why_read_only(found)
    assert why is not None
    assert "made by a later version" in str(why)
    assert "Upgrade this program" in why.cure
    assert queries.list_bugs(found, now=NOW) == []
    with pytest.raises(DatabaseError, match="made by a later version"), database_errors():
        writing(found)
    found.dispose()


@pytest.mark.parametrize(("revision", "said"), [("9999", "a later version"), (migrate.REVISIONS[-2], "an earlier")])
def test_another_schema_that_lacks_something_is_refused(
    opened: Opened, engine: Engine, revision: str, said: str
) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :to"), {"to": revision})
        connection.execute(sa.text("ALTER TABLE note RENAME COLUMN text TO words"))
    with pytest.raises(DatabaseError, match=f"made by {said}"):
        opened(str(engine.url))


def test_an_earlier_schema_that_has_all_we_read_is_opened_to_read_only(
    opened: Opened, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "REVISIONS", (*migrate.REVISIONS, "9999"))
    monkeypatch.setattr(migrate, "HEAD", "9999")
    found = opened(str(engine.url))
    assert "workbench db upgrade" in getattr(why_read_only(found), "cure", "")
    found.dispose()


def test_read_only_keeps_out_what_goes_around_the_door_as_well(any_engine: Engine, tmp_path: Path) -> None:
    url = any_engine.url.render_as_string(hide_password=False)
    flags = {"database_url": url, "database.read_only": "on"}
    found = open_store(config.load(flags=flags, environ={}, start=tmp_path))
    assert queries.list_bugs(found, now=NOW) == []
    with pytest.raises(DatabaseError, match="is open to read only"), database_errors():
        writing(found)
    refused = pytest.raises(DatabaseError, match=r"may only be read|does not let this role")
    with refused, database_errors(), found.begin() as connection:
        connection.execute(sa.text("DELETE FROM bug"))
    alone = found.execution_options(isolation_level="AUTOCOMMIT")  # without a transaction
    with pytest.raises(sa.exc.DBAPIError, match=r"read-only|readonly"), alone.connect() as connection:
        connection.execute(sa.text("DELETE FROM bug"))
    found.dispose()


def test_read_only_makes_no_database(opened: Opened, tmp_path: Path) -> None:
    flags = {"database_url": "sqlite:///new.db", "database.read_only": "on"}
    with pytest.raises(DatabaseError, match="no database at"):
        open_store(config.load(flags=flags, environ={}, start=tmp_path), create=True)
    assert not (tmp_path / "new.db").exists()


def test_errors_of_ours_keep_their_cure() -> None:
    with pytest.raises(DatabaseError, match="empty") as caught, database_errors():
        raise SchemaMissing("empty", cure="fill it")
    assert caught.value.cure == "fill it"


def test_errors_that_are_no_state_of_a_database_pass_through(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), database_errors():
        raise ZeroDivisionError
    with pytest.raises(ConfigurationError), store_errors(engine):
        raise ConfigurationError("not of the store")
    with (
        pytest.raises(sa.exc.OperationalError, match="no such table"),
        database_errors(),
        engine.connect() as connection,
    ):
        connection.execute(sa.text("SELECT * FROM nowhere"))
    with (
        pytest.raises(sa.exc.OperationalError, match="no such table"),
        store_errors(engine),
        engine.connect() as connection,
    ):
        connection.execute(sa.text("SELECT * FROM nowhere"))


def test_a_pool_without_a_free_connection_says_so() -> None:
    told = explain(sa.exc.TimeoutError("QueuePool limit"), "it")
    assert str(told) == "All connections to it are in use."


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("database disk image is malformed", "is damaged"),
        ("attempt to write a readonly database", "may only be read"),
        ("database or disk is full", "no room left"),
        ("disk I/O error", "its disk failed"),
    ],
)
def test_what_a_disk_does_to_a_file_is_told(said: str, told: str) -> None:
    explained = explain(sqlite3.OperationalError(said), "sqlite:///x.db")
    assert explained is not None
    assert told in str(explained)
    assert explained.cure


def test_a_driver_error_without_words_is_told_by_its_name() -> None:
    class OperationalError(Exception):
        pass

    assert "does not answer: OperationalError" in str(explain(OperationalError(), "it"))


def test_urls_are_shown_without_their_passwords() -> None:
    assert shown_url("postgresql://ada:s3cret@db/bugs") == "postgresql+psycopg://ada:***@db/bugs"
    assert shown_url(parse_url("sqlite:///x.db")) == "sqlite:///x.db"


def test_a_memory_database_needs_no_file(opened: Opened) -> None:
    engine = open_engine("sqlite:///:memory:")
    migrate.prepare(engine)
    migrate.check(engine)
    engine.dispose()
