"""A repository with a database, and commands run in it: in this process for speed, or as a program of their own."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from docs.answered import command_of, problem_of_answer
from sqlalchemy.engine import Engine
from sqlmodel import Session, SQLModel

from capture.event import Event
from capture.store import lifecycle
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
from capture.store.lifecycle import Actor
from capture.store.tables import Bug, EvidenceRow, FixSession, TranscriptEntry
from capture.testing import NOW, make_event
from workbench.cli import output
from workbench.cli.edge import run


@dataclass(frozen=True)
class Ran:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which holds JSON and nothing else."""
        return json.loads(self.out)


class Terminal(io.TextIOWrapper):
    """Input that is typed at a terminal."""

    def isatty(self) -> bool:
        return True


Workbench = Callable[..., Ran]


@pytest.fixture
def workbench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Workbench:
    """Run a command line in this process; `typed` is what a person types where a terminal is there.

    What it answers to `--json` is held to the schema in the docs.
    """

    def call(*arguments: str, piped: str | bytes = "", typed: str | None = None) -> Ran:
        raw = piped if typed is None else typed
        data = io.BytesIO(raw.encode() if isinstance(raw, str) else raw)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", (io.TextIOWrapper if typed is None else Terminal)(data, encoding="utf-8"))
            patch.setattr(sys.stdout, "isatty", lambda: typed is not None, raising=False)
            patch.setattr(output, "colored", lambda: False)
            code = run(arguments)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        if "--json" in arguments and code in (0, 1) and printed.out:
            assert problem_of_answer(command_of(arguments), printed.out) == ""
        return Ran(code, printed.out, printed.err)

    return call


@pytest.fixture
def program(repo: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command line as a program of its own, in the repository."""

    def call(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        environ = os.environ | options.pop("environ", {})
        return subprocess.run(
            [sys.executable, "-m", "workbench", *arguments],
            env=environ,
            cwd=options.pop("cwd", repo),
            capture_output=True,
            text=True,
            timeout=60,
            **{"stdin": subprocess.DEVNULL} | options,
        )

    return call


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and the current folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".gitignore").write_text("workbench.db*\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=Begin")
    monkeypatch.chdir(folder)
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it prints."""
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def store(repo: Path, sqlite_template: Path) -> Iterator[Engine]:
    """The repository's own database, empty."""
    path = repo / "workbench.db"
    shutil.copyfile(sqlite_template, path)
    engine = open_engine(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@pytest.fixture
def happened(store: Engine) -> Callable[..., tuple[int, ...]]:
    """Let events happen; returns the numbers of new bugs."""
    carried = 0

    def call(*events: Event) -> tuple[int, ...]:
        nonlocal carried
        batch = Batch(journal="web-1", start=carried, end=carried + 1, seen=carried + len(events), events=events)
        carried += 1
        return take_in(store, batch, now=NOW).new_bugs

    return call


@pytest.fixture
def bug(happened: Callable[..., tuple[int, ...]]) -> str:
    """A KeyError of production, as bug B-001."""
    happened(make_event())
    return "B-001"


@dataclass(frozen=True)
class Fix:
    """A fix that waits for a person: its session, its worktree and its commit."""

    session: str
    worktree: Path
    commit: str


@pytest.fixture
def fixed(store: Engine, repo: Path, bug: str, tmp_path: Path) -> Fix:
    """B-001 in review: a real branch in a real worktree, its session and its evidence as they are left in the store."""
    worktree = tmp_path / "state" / "B-001-1"
    base = git(repo, "rev-parse", "HEAD")
    git(repo, "worktree", "add", "--quiet", "-b", "workbench/B-001-1", str(worktree))
    (worktree / "pricing.py").write_text("PRICES = {'rabbit': 20}\n")
    git(worktree, "add", ".")
    git(worktree, "commit", "--quiet", "--message=Know the price of a rabbit")
    commit = git(worktree, "rev-parse", "HEAD")
    fix = FixSession(
        id="74baef19-355d-4a5e-8e73-5e9f0182ac70",
        bug_id=1,
        state="done",
        activity="demonstrated: red, then green",
        rehearsal="happy",
        launched_by="Ada",
        cost_usd=0.25,
        repository=str(repo),
        branch="workbench/B-001-1",
        worktree=str(worktree),
        base_commit=base,
        result_commit=commit,
        started_at=NOW,
        ended_at=NOW,
    )
    run = {"commit": commit, "command": ["pytest"], "passed": 1, "failed": 0, "errors": 0, "skipped": 0, "seconds": 0.5}
    evidence = EvidenceRow(
        bug_id=1,
        session_id=fix.id,
        base_commit=base,
        result_commit=commit,
        verdict="demonstrated",
        reason="The new test fails on the base and passes on the fix.",
        runs=[run | {"name": "new tests on fix", "outcome": "passed", "tests": [], "note": ""}],
        started_at=NOW,
        ended_at=NOW,
    )
    with Session(store) as session:
        session.add(fix)
        session.add(TranscriptEntry(session_id=fix.id, at=NOW, kind="text", body={"text": "I wrote \x1b[31ma test."}))
        session.flush()
        session.add(evidence)
        found = session.get_one(Bug, 1)
        agent = Actor("agent", fix.id)
        lifecycle.move(session, found, "fixing", by=agent, reason="launched", now=NOW)
        lifecycle.move(session, found, "review", by=agent, reason="evidence", now=NOW)
        session.commit()
    return Fix("74baef19-355d-4a5e-8e73-5e9f0182ac70", worktree, commit)


@pytest.fixture
def changed(store: Engine) -> Callable[..., None]:
    """Change the one row of a table."""

    def call(table: type[SQLModel], **values: Any) -> None:
        with store.begin() as connection:
            connection.execute(sa.update(table).values(**values))

    return call
