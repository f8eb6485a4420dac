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
from sqlalchemy.engine import Engine

from capture.event import Event
from capture.store.engine import open_engine
from capture.store.intake import Batch, take_in
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
    """Run a command line in this process; `typed` is what a person types where a terminal is there."""

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
