"""Wrong input: a clear message with the cure, an exit code from the documented table, nothing written halfway."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from workbench.errors import Exit

READ_LIST = ("bugs", "list")


@contextmanager
def missing_database(repo: Path) -> Iterator[None]:
    yield


@contextmanager
def text_for_a_database(repo: Path) -> Iterator[None]:
    (repo / "workbench.db").write_text("no database at all, but long enough to be read as one\n" * 100)
    yield


@contextmanager
def empty_database(repo: Path) -> Iterator[None]:
    (repo / "workbench.db").touch()
    yield


@contextmanager
def somebody_elses_database(repo: Path) -> Iterator[None]:
    with closing(sqlite3.connect(repo / "workbench.db")) as connection:
        connection.execute("CREATE TABLE invoices (id INTEGER)")
    yield


@contextmanager
def folder_for_a_database(repo: Path) -> Iterator[None]:
    (repo / "workbench.db").mkdir()
    yield


@contextmanager
def setting(repo: Path, text: str) -> Iterator[None]:
    (repo / "workbench.toml").write_text(text)
    yield


CASES: dict[str, tuple[Callable[[Path], object], tuple[str, ...], Exit, str, str]] = {
    "missing database": (missing_database, READ_LIST, Exit.DATABASE, "no database at", "workbench db upgrade"),
    "empty database": (empty_database, READ_LIST, Exit.DATABASE, "no tables yet", "workbench db upgrade"),
    "not a database": (text_for_a_database, READ_LIST, Exit.DATABASE, "is not a database", "--db"),
    "another's database": (somebody_elses_database, READ_LIST, Exit.DATABASE, "something else", "--db"),
    "a folder": (folder_for_a_database, READ_LIST, Exit.DATABASE, "workbench.db", ""),
    "no kind of database": (
        missing_database,
        ("--db", "mysql://x/y", *READ_LIST),
        Exit.DATABASE,
        "'mysql'",
        "sqlite:///",
    ),
    "no URL": (missing_database, ("--db", "workbench.db", *READ_LIST), Exit.DATABASE, "not a URL", "sqlite:///"),
    "no such folder": (
        missing_database,
        ("--repo", "nowhere", *READ_LIST),
        Exit.CONFIGURATION,
        "no folder",
        "--repo",
    ),
    "unknown setting": (
        lambda repo: setting(repo, 'colour = "red"'),
        READ_LIST,
        Exit.CONFIGURATION,
        "workbench.toml: unknown setting 'colour'",
        "Known settings",
    ),
    "setting of the wrong type": (
        lambda repo: setting(repo, 'tests.timeout = "soon"'),
        ("config",),
        Exit.CONFIGURATION,
        "tests.timeout = 'soon'",
        "a whole number",
    ),
    "settings that are no TOML": (
        lambda repo: setting(repo, "tests = {"),
        ("config",),
        Exit.CONFIGURATION,
        "not valid TOML",
        "",
    ),
    "a repository that GitHub cannot have": (
        lambda repo: setting(repo, 'github.repository = "clinic"'),
        ("doctor",),
        Exit.NO,
        "",
        "owner/name",
    ),
}


@pytest.mark.parametrize(("prepare", "words", "code", "message", "cure"), CASES.values(), ids=CASES)
def test_wrong_input(workbench, repo, prepare, words, code, message, cure):
    with prepare(repo):
        before = snapshot(repo)
        ran = workbench(*words)
        assert ran.code == code, ran.err
        assert message in ran.err
        assert cure in ran.err + ran.out
        assert snapshot(repo) == before


def snapshot(folder: Path) -> dict[str, object]:
    """Return every file of a folder with what is in it."""
    return {str(path.relative_to(folder)): contents(path) for path in folder.rglob("*") if ".git" not in path.parts}


def contents(path: Path) -> object:
    if path.is_dir():
        return None
    if path.suffix == ".db":
        with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
            return list(connection.iterdump())
    return path.read_bytes()


def test_a_newer_schema_is_left_alone(workbench, store, repo):
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    for words in (("db", "check"), ("db", "upgrade"), ("bugs", "new", "--title", "x")):
        ran = workbench(*words)
        assert (ran.code, ran.out) == (Exit.DATABASE, "")
        assert "later version" in ran.err
        assert "pip install --upgrade" in ran.err


def test_a_locked_database_says_so(workbench, store, repo, monkeypatch):
    monkeypatch.setattr("capture.store.engine.BUSY_TIMEOUT_MS", 200)
    with closing(sqlite3.connect(repo / "workbench.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ran = workbench("bugs", "new", "--title", "x")
        other.execute("ROLLBACK")
    assert (ran.code, ran.out) == (Exit.DATABASE, "")
    assert "locked" in ran.err
    assert workbench("bugs", "list", "--json").json == []


def test_reading_goes_on_while_somebody_writes(workbench, bug, repo):
    with closing(sqlite3.connect(repo / "workbench.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "B-001" in workbench("bugs", "list").out


@pytest.mark.parametrize("words", [("worktrees", "list"), ("evidence", "--base", "HEAD", "--result", "HEAD")])
def test_without_a_git_repository_it_says_how_to_get_one(workbench, store, repo, words):
    shutil.rmtree(repo / ".git")
    ran = workbench(*words)
    assert ran.code == Exit.CONFIGURATION
    assert "git" in ran.err
    assert "  " in ran.err


def test_an_unknown_commit_is_named(workbench, store, repo):
    ran = workbench("evidence", "--base", "HEAD", "--result", "nosuch")
    assert ran.code in (Exit.NO, Exit.CONFIGURATION, Exit.OUTSIDE, Exit.USAGE)
    assert "nosuch" in ran.err


def test_without_a_terminal_the_screen_says_so(program, bug):
    for words in ([], ["--db", "sqlite:///workbench.db"], ["--repo=."]):
        ran = program(*words)
        assert (ran.returncode, ran.stdout) == (Exit.USAGE, "")
        assert "terminal" in ran.stderr
        assert "workbench bugs list" in ran.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--db"],
        ["bugs", "list", "--no-such-option"],
        ["bugs", "show"],
        ["fix"],
        ["fix", "B-001", "--max-turns", "many"],
        ["fix", "B-001", "--max-turns", "0"],
        ["evidence"],
        ["evidence", "B-001", "--base", "HEAD"],
        ["evidence", "--base", "HEAD"],
        ["evidence", "--bug", "B-001"],
        ["worker", "--json"],
        ["serve", "--host", "192.0.2.1"],
        ["serve", "--port", "0"],
    ],
    ids=" ".join,
)
def test_wrong_usage_points_to_the_help(workbench, store, words):
    ran = workbench(*words)
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert ran.err.startswith("workbench: ")
    assert len(ran.err.splitlines()) >= 2, "there is a cure"
