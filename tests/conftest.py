"""Fixtures that every part shares: a database, an event, an environment without the developer's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import SQLModel

from capture.store import tables  # noqa: F401  (fills the metadata)
from capture.store.engine import open_engine


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take the developer's own settings out of the environment, and return the empty home put in their place."""
    for name in list(os.environ):
        if name.startswith(("WORKBENCH_", "GIT_", "GITHUB_", "CLAUDE", "ANTHROPIC", "TEXTUAL")) or name == "NO_COLOR":
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


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty store on a SQLite file."""
    engine = open_engine(f"sqlite:///{tmp_path / 'workbench.db'}", create=True)
    SQLModel.metadata.create_all(engine)
    yield engine
    engine.dispose()
