"""A repository that the workbench makes itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from workbench.git import Repository


def test_a_folder_becomes_a_repository_with_its_files_committed_in_our_name(tmp_path: Path) -> None:
    (tmp_path / "site.py").write_text("answer = 42\n")

    repository = Repository.create(tmp_path, message="The site")

    assert repository.root == tmp_path.resolve()
    assert repository.branch() == "main"
    assert repository.read(repository.head(), "site.py") == b"answer = 42\n"
    assert repository.dirty_files() == []
    log = subprocess.run(["git", "-C", tmp_path, "log", "--format=%an %s"], capture_output=True, text=True, check=True)
    assert log.stdout == "Bug workbench The site\n"


def test_a_setting_of_one_repository_stays_in_it(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path, message="Empty")

    repository.configure("user.name", "Ada")

    assert "name = Ada" in (tmp_path / ".git" / "config").read_text()
