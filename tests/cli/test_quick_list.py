"""`workbench bugs list` without typer and SQLAlchemy prints what the command prints, or leaves it to the command."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from sqlmodel import Session

from capture.store.tables import Bug, Issue
from capture.testing import NOW
from workbench.cli import quick_list
from workbench.errors import Exit

ASKED = ([], ["--state", "open"], ["--state=open,muted", "--state", "closed", "--no-pager"])


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def filed(request, repo, monkeypatch):
    """Bugs of all states and one hostile title, two of them with an issue, on each kind of database."""
    engine = request.getfixturevalue("store" if request.param == "sqlite" else "postgres_engine")
    if request.param == "postgresql":
        monkeypatch.setenv("WORKBENCH_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    with Session(engine) as session:
        for number, state in enumerate(("open", "open", "fixing", "review", "closed", "muted"), 1):
            title = "Prices \x1b[31m\u202e\nare wrong" if number == 2 else f"bug {number} " + "long " * 30
            seen = {"first_seen": NOW, "last_seen": NOW - timedelta(hours=number // 2), "changed_at": NOW}
            values = {"number": number, "state": state, "title": title, "kind": "exception", "count": number * 900}
            session.add(Bug(id=number, is_recurrence=number in (1, 6), **values, **seen))
        session.flush()
        for bug in (1, 4):
            where = {"repository": "acme/clinic", "number": bug + 40, "url": "https://example.com"}
            session.add(Issue(bug_id=bug, state="open", synced_at=NOW, closed_outside=bug == 4, **where))
        session.commit()
    return engine


@pytest.mark.parametrize("words", ASKED, ids=["all", "open", "several"])
def test_it_prints_what_the_command_prints(workbench, filed, words, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert quick_list.show(words, {})
    quick = workbench("bugs", "list", *words)
    command = workbench("--repo", ".", "bugs", "list", *words)
    lines = quick.out.splitlines()
    assert lines[-len(command.out.splitlines()) :] == command.out.splitlines()
    assert len(command.out.splitlines()) > 2


@pytest.mark.parametrize(
    "words",
    [["--json"], ["--state", "no such"], ["--state"], ["--text", "x"], ["--help"], ["--filter", "state:open"], ["x"]],
)
def test_anything_else_is_left_to_the_command(workbench, store, words):
    assert not quick_list.show(words, {})


def test_a_database_of_another_version_is_left_to_the_command(workbench, store):
    with store.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert not quick_list.show([], {})
    assert "earlier version" in workbench("bugs", "list").err


def test_a_database_behind_a_tunnel_is_left_to_the_command(store, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATABASE_SSH", "deploy@example.com")
    assert not quick_list.show([], {})


def test_nothing_there_is_said_in_the_same_words(workbench, store, repo):
    for words in ([], ["--state", "open"]):
        assert workbench("bugs", "list", *words) == workbench("--repo", ".", "bugs", "list", *words)
    (repo / "workbench.db").unlink()
    assert workbench("bugs", "list").code == Exit.DATABASE


def test_it_imports_nothing_slow(repo, bug):
    script = (
        "import sys; from workbench.cli.edge import run; run(['bugs', 'list']);"
        "slow = ('typer', 'pydantic', 'sqlalchemy', 'sqlmodel', 'msgspec', 'git', 'textual');"
        "found = [name for name in slow if name in sys.modules]; assert not found, found"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, cwd=repo)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert bug in ran.stdout
