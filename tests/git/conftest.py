"""A small repository to work on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.git import Repository

Run = Callable[..., str]


@pytest.fixture
def run_git(tmp_path: Path) -> Run:
    """Run plain git, as a user would, in the repository (or in `cwd`)."""

    def run(*arguments: str, cwd: Path | None = None) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=cwd or tmp_path / "clinic", check=True, capture_output=True, text=True
        ).stdout.strip()

    return run


@pytest.fixture
def checkout(tmp_path: Path, run_git: Run) -> Path:
    """A repository with two commits of two files."""
    root = tmp_path / "clinic"
    root.mkdir()
    run_git("init", "-q", "-b", "main")
    (root / "pricing.py").write_text("PRICES = {}\n" * 20)
    (root / ".gitignore").write_text("*.log\n.env\n")
    run_git("add", ".")
    run_git("commit", "-q", "-m", "first")
    (root / "tests").mkdir()
    (root / "tests" / "test_pricing.py").write_text("def test_price(): pass\n")
    run_git("add", ".")
    run_git("commit", "-q", "-m", "second")
    return root


@pytest.fixture
def repository(checkout: Path) -> Repository:
    """The same, opened."""
    return Repository.open(checkout)
