"""What is read from a repository, and what is said when it cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workbench.errors import ConfigurationError, NotFound, OutsideError
from workbench.git import Change, Repository
from workbench.git.process import _gitpython


def test_a_folder_inside_the_checkout_opens_it(checkout, repository):
    assert Repository.open(checkout / "tests") == repository
    assert repository.root == checkout
    assert repository.common_dir == checkout / ".git"


def test_a_folder_without_a_repository_says_so(tmp_path):
    with pytest.raises(ConfigurationError, match="not in a git repository") as caught:
        Repository.open(tmp_path)
    assert "git init" in caught.value.cure


def test_a_bare_repository_says_so(tmp_path, run_git):
    run_git("init", "-q", "--bare", str(tmp_path / "bare.git"), cwd=tmp_path)
    with pytest.raises(ConfigurationError, match="bare repository"):
        Repository.open(tmp_path / "bare.git")


def test_a_repository_of_somebody_else_says_so(checkout, monkeypatch):
    monkeypatch.setattr(
        "workbench.git.reading.run_git", _raising("fatal: detected dubious ownership in repository at '/srv/clinic'")
    )
    with pytest.raises(ConfigurationError) as caught:
        Repository.open(checkout)
    assert "safe.directory" in caught.value.cure


def _raising(stderr):
    from workbench.git.process import Failed

    def fail(*arguments, **options):
        raise Failed(("rev-parse",), 128, stderr)

    return fail


def test_a_repository_without_a_commit_says_so(tmp_path, run_git):
    run_git("init", "-q", str(tmp_path / "empty"), cwd=tmp_path)
    with pytest.raises(ConfigurationError, match="no commit yet"):
        Repository.open(tmp_path / "empty").head()


def test_a_missing_git_says_so(checkout, monkeypatch, tmp_path):
    only_env = tmp_path / "bin"
    only_env.mkdir()
    (only_env / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(only_env))
    with pytest.raises(OutsideError, match="no git on the PATH") as caught:
        Repository.open(checkout)
    assert "Install git" in caught.value.cure


def test_a_gitpython_that_cannot_start_git_says_so(checkout, monkeypatch):
    monkeypatch.setitem(sys.modules, "git.cmd", None)
    _gitpython.cache_clear()
    with pytest.raises(OutsideError, match="no git on the PATH"):
        Repository.open(checkout)


def test_what_gitpython_has_besides_is_not_loaded_and_is_whole_for_whoever_wants_it(checkout):
    program = """
import sys
from pathlib import Path
from workbench.git import Repository
ours = Repository.open(Path(sys.argv[1])).head()
print({"git", "git.objects", "gitdb.pack"} & set(sys.modules))
import git
print(git.Repo(sys.argv[1]).head.commit.hexsha == ours)
"""
    done = subprocess.run([sys.executable, "-c", program, checkout], capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["set()", "True", ""], "")


def test_revisions_resolve_to_commit_ids(repository, run_git):
    head = run_git("rev-parse", "HEAD")
    assert repository.head() == head
    assert repository.resolve(head[:7]) == head
    assert repository.resolve("main~1") == run_git("rev-parse", "HEAD~1")
    assert repository.exists("main")


@pytest.mark.parametrize("rev", ["nowhere", "", "  ", "--all", "-h", "--output=x", "HEAD\0", "main\n--all", "$(id)"])
def test_what_is_no_commit_is_not_found_and_runs_nothing(repository, rev):
    with pytest.raises(NotFound, match="has no commit"):
        repository.resolve(rev)
    assert not repository.exists(rev)


def test_ancestors(repository):
    assert repository.is_ancestor("main~1", "main")
    assert not repository.is_ancestor("main", "main~1")


def test_the_branch_is_named_and_a_detached_head_has_none(repository, run_git):
    assert repository.branch() == "main"
    run_git("checkout", "-q", "--detach")
    assert repository.branch() is None


def test_dirty_files_are_the_changed_the_new_and_the_renamed(repository, checkout, run_git):
    assert repository.dirty_files() == []
    run_git("mv", "pricing.py", "prices.py")
    (checkout / "tests" / "test_pricing.py").write_text("")
    (checkout / "tür\nzwei.py").write_text("")
    (checkout / "noise.log").write_text("ignored")
    assert set(repository.dirty_files()) == {"prices.py", "tests/test_pricing.py", "tür\nzwei.py"}


def test_the_identity_is_the_users_own(repository, run_git, monkeypatch):
    assert repository.identity() == "Ada Tester <ada@example.com>"
    monkeypatch.delenv("GIT_AUTHOR_NAME")
    monkeypatch.delenv("GIT_AUTHOR_EMAIL")
    run_git("config", "user.useConfigOnly", "true")
    with pytest.raises(ConfigurationError, match="who you are"):
        repository.identity()
    run_git("config", "user.name", "Grace")
    run_git("config", "user.email", "grace@example.com")
    assert repository.identity() == "Grace <grace@example.com>"


def test_remotes_come_without_passwords(repository, run_git):
    assert repository.remotes() == {}
    run_git("remote", "add", "origin", "https://ada:secret@github.com/ada/clinic.git")
    run_git("remote", "add", "up.stream", "git@github.com:vets/clinic.git")
    assert repository.remotes() == {
        "origin": "https://github.com/ada/clinic.git",
        "up.stream": "git@github.com:vets/clinic.git",
    }


def test_changes_name_what_was_added_changed_deleted_and_renamed(repository, checkout, run_git):
    run_git("mv", "pricing.py", "prices.py")
    run_git("rm", "-q", "tests/test_pricing.py")
    (checkout / ".gitignore").write_text("*.log\n")
    (checkout / "new file.py").write_text("NEW = 1\n")
    run_git("add", "--all")
    run_git("commit", "-q", "-m", "third")
    assert sorted(repository.changes("main~1", "main"), key=lambda change: change.path) == [
        Change("M", ".gitignore"),
        Change("A", "new file.py"),
        Change("R", "prices.py", "pricing.py"),
        Change("D", "tests/test_pricing.py"),
    ]


def test_the_diff_is_limited_to_the_paths_that_are_named_literally(repository):
    assert "+def test_price(): pass" in repository.diff("main~1", "main")
    assert repository.diff("main~1", "main", ["pricing.py"]) == ""
    assert repository.diff("main~1", "main", ["*"]) == ""
    assert "test_price" in repository.diff("main~1", "main", ["tests/test_pricing.py"])


def test_a_program_configured_for_diffs_does_not_run(repository, run_git, tmp_path):
    run_git("config", "diff.external", f"touch {tmp_path / 'ran'}; true")
    assert "test_price" in repository.diff("main~1", "main")
    assert not (tmp_path / "ran").exists()


def test_files_are_read_as_they_are_in_a_commit(repository):
    assert repository.read("main", "tests/test_pricing.py") == b"def test_price(): pass\n"
    with pytest.raises(NotFound, match="no file"):
        repository.read("main~1", "tests/test_pricing.py")


def test_variables_of_whoever_started_us_change_nothing(repository, monkeypatch, tmp_path):
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    assert Repository.open(repository.root).head() == repository.head()
    assert os.environ["GIT_DIR"] == str(tmp_path / "elsewhere")


def test_a_call_that_hangs_is_ended(repository, monkeypatch, run_git):
    run_git("config", "alias.hang", "!sleep 60")
    monkeypatch.setattr("workbench.git.process.TIMEOUT_SECONDS", 0.3)
    with pytest.raises(OutsideError, match="Timeout"):
        repository._git("hang")


def test_the_root_is_an_absolute_path(repository):
    assert repository.root.is_absolute()
    assert isinstance(repository.root, Path)
