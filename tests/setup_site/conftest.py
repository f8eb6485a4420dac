"""A fresh Django project in a repository, as `startproject` makes it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench import config
from workbench.config import Config
from workbench.git import Repository


@pytest.fixture
def configured() -> Callable[[Path], Config]:
    """Return the configuration of a folder, without the developer's own environment."""
    return lambda repo: config.load(flags={"repository": str(repo)}, environ={})


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a folder with a project of that name, made once."""
    made: dict[str, Path] = {}

    def make(name: str) -> Path:
        if name not in made:
            made[name] = tmp_path_factory.mktemp(name)
            command = [sys.executable, "-m", "django", "startproject", name, str(made[name])]
            subprocess.run(command, check=True, capture_output=True)
        return made[name]

    return make


@pytest.fixture
def startproject(tmp_path: Path, fresh: Callable[[str], Path]) -> Callable[..., Path]:
    """Put a fresh Django project into a repository (or below it, in `inside`) and return the repository's folder."""

    def start(name: str = "shop", *, inside: str = "") -> Path:
        repo = tmp_path / "repo"
        shutil.copytree(fresh(name), repo / inside, dirs_exist_ok=True)
        if not (repo / ".git").exists():
            Repository.create(repo, message="A fresh project")
        return repo

    return start
