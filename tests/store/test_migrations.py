"""The schema: made from nothing, checked, brought up to date, and never mistaken for another's."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from capture.errors import SchemaForeign, SchemaMissing, SchemaTooNew, SchemaTooOld, StoreUnreachable
from capture.store import migrate
from capture.store.engine import open_engine, writing
from capture.store.tables import metadata


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database without any table."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    engine = open_engine(url if request.param == "sqlite" else request.getfixturevalue("postgres_url"), create=True)
    yield engine
    engine.dispose()


def test_an_empty_database_gets_exactly_the_tables_of_the_models(empty: Engine) -> None:
    migrate.upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_revisions_that_a_check_knows_are_those_of_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    folder = ScriptDirectory.from_config(config)
    assert tuple(reversed([script.revision for script in folder.walk_revisions()])) == migrate.REVISIONS
    assert folder.get_heads() == [migrate.HEAD]


def test_a_database_can_be_taken_back_to_nothing(empty: Engine) -> None:
    migrate.upgrade(empty)
    with writing(empty).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with empty.connect() as connection:
        assert sa.inspect(connection).get_table_names() == [migrate.VERSION_TABLE]
    migrate.prepare(empty)
    migrate.check(empty)


def test_a_new_migration_is_written_with_plain_types(
    empty: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(empty).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate.SCRIPTS))
        config.set_main_option("version_locations", str(tmp_path / "versions"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        (tmp_path / "versions").mkdir()
        command.revision(config, "all", autogenerate=True, rev_id="x")
    (written,) = (tmp_path / "versions").glob("*.py")
    assert "sa.DateTime(timezone=True)" in written.read_text()
    assert "capture.store" not in written.read_text()


def test_check_says_that_an_empty_database_is_empty(empty: Engine) -> None:
    with pytest.raises(SchemaMissing, match="no tables yet") as caught:
        migrate.check(empty)
    assert "workbench db upgrade" in caught.value.cure


def test_prepare_leaves_a_current_database_as_it_is(any_engine: Engine) -> None:
    migrate.prepare(any_engine)
    migrate.check(any_engine)


def test_an_older_schema_is_named_and_not_changed(any_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = migrate.HEAD
    monkeypatch.setattr(migrate, "REVISIONS", (*migrate.REVISIONS, "9999"))
    monkeypatch.setattr(migrate, "HEAD", "9999")
    for look in (migrate.check, migrate.prepare):
        with pytest.raises(SchemaTooOld, match=f"its schema is {ours}, this version's is 9999") as caught:
            look(any_engine)
        assert "workbench db upgrade" in caught.value.cure


def test_a_newer_schema_is_named_and_not_changed(any_engine: Engine) -> None:
    with any_engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0042'"))
    for look in (migrate.check, migrate.prepare, migrate.upgrade):
        with pytest.raises(SchemaTooNew, match="its schema is 0042") as caught:
            look(any_engine)
        assert "pip install --upgrade" in caught.value.cure


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE invoice (id INTEGER PRIMARY KEY)"],
        ["CREATE TABLE invoice (id INTEGER)", "CREATE TABLE alembic_version (version_num VARCHAR(32))"],
        ["CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('0001')"],
    ],
    ids=["no Alembic", "Alembic without a revision", "somebody else's 0001"],
)
def test_somebody_elses_database_is_refused_and_not_changed(empty: Engine, statements: list[str]) -> None:
    with empty.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
        before = sa.inspect(connection).get_table_names()
    for look in (migrate.check, migrate.prepare, migrate.upgrade):
        with pytest.raises(SchemaForeign, match="something else"):
            look(empty)
    assert sa.inspect(empty).get_table_names() == before


def test_a_revision_table_that_is_alone_and_empty_counts_as_an_empty_database(empty: Engine) -> None:
    with empty.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)"))
    migrate.prepare(empty)
    migrate.check(empty)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database\n" * 100)
    with pytest.raises(StoreUnreachable, match="not a database"):
        migrate.check(open_engine(f"sqlite:///{path}"))


_PREPARE = """
import sys
from capture.store import engine, migrate
migrate.prepare(engine.open_engine(sys.argv[1], create=True))
"""


def test_several_processes_may_prepare_one_database_at_once(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    processes = [
        subprocess.Popen([sys.executable, "-c", _PREPARE, url], stderr=subprocess.PIPE, text=True) for _ in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, errors
    migrate.check(empty)


def test_an_upgrade_leaves_the_logging_of_its_process_alone(empty: Engine) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), dict(logging.Logger.manager.loggerDict).keys())
    other = logging.getLogger("the.site.s.own")
    migrate.upgrade(empty)
    assert (root.level, list(root.handlers)) == before[:2]
    assert not other.disabled


def test_a_check_does_not_import_alembic(engine: Engine) -> None:
    code = (
        "import sys; from capture.store import engine, migrate; migrate.check(engine.open_engine(sys.argv[1]));"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(engine.url)], check=False).returncode == 0
