"""Worktrees: made on a commit, locked, frozen, made again, and never removed with somebody's work in them."""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from filelock import FileLock

from workbench.errors import ConfigurationError, NotFound, OutsideError, Refused


@pytest.fixture
def tree(repository, tmp_path):
    """A worktree on the first commit."""
    return repository.add_worktree(
        tmp_path / "trees" / "one", base="main~1", branch="workbench/B-012-1", reason="workbench s1"
    )


def test_a_worktree_stands_on_its_base_with_its_own_locked_branch(repository, tree, run_git):
    assert tree.head == repository.resolve("main~1")
    assert tree.branch == "workbench/B-012-1"
    assert tree.locked_reason == "workbench s1"
    assert not tree.prunable
    assert (tree.path / "pricing.py").exists()
    assert run_git("rev-parse", "HEAD", cwd=tree.path) == tree.head
    assert [found.path for found in repository.worktrees()] == [repository.root, tree.path]


def test_without_a_branch_head_is_detached(repository, tmp_path):
    assert repository.add_worktree(tmp_path / "clean", base="main", reason="evidence").branch is None


def test_hooks_do_not_run(repository, checkout, tmp_path):
    hook = checkout / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    hook.chmod(0o755)
    repository.add_worktree(tmp_path / "clean", base="main", reason="evidence")
    assert not (tmp_path / "ran").exists()


def test_a_taken_branch_is_refused_and_nothing_is_made(repository, tmp_path, run_git):
    run_git("branch", "workbench/B-012-1")
    with pytest.raises(ConfigurationError, match="is taken"):
        repository.add_worktree(tmp_path / "one", base="main", branch="workbench/B-012-1", reason="r")
    assert not (tmp_path / "one").exists()


def test_of_two_at_once_who_comes_second_leaves_the_branch_of_the_first(repository, tmp_path, run_git):
    def add(name: str):
        try:
            return repository.add_worktree(tmp_path / name, base="main", branch="workbench/B-012-1", reason="r")
        except ConfigurationError as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        with FileLock(repository.common_dir / "workbench.lock"):
            both = [pool.submit(add, name) for name in ("one", "two")]
            time.sleep(0.3)  # until both wait for the lock
        made = [each.result() for each in both]
    assert sorted(isinstance(each, ConfigurationError) for each in made) == [False, True]
    assert run_git("branch", "--list", "workbench/*", "--format=%(refname:short)") == "workbench/B-012-1"


def test_a_worktree_that_is_only_being_made_does_not_disturb_another(repository, tree):
    (repository.common_dir / "worktrees" / "half").mkdir()
    assert repository.freeze(tree.path, "refs/workbench/s1/work", "kept")


@pytest.mark.parametrize("branch", ["-b", "a..b", "with space", "end.lock", ""])
def test_what_cannot_be_a_branch_is_refused(repository, tmp_path, branch):
    with pytest.raises(ConfigurationError, match="cannot be the name"):
        repository.add_worktree(tmp_path / "one", base="main", branch=branch, reason="r")


def test_a_path_that_exists_is_refused(repository, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "mine.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "one", tmp_path / "link"):
        with pytest.raises(ConfigurationError, match="exists already"):
            repository.add_worktree(path, base="main", branch="b", reason="r")
    assert not repository.exists("refs/heads/b")


def test_when_git_fails_the_branch_does_not_stay(repository, tmp_path, checkout):
    (checkout / ".git" / "worktrees").write_text("in the way")
    with pytest.raises(OutsideError, match="git worktree failed"):
        repository.add_worktree(tmp_path / "one", base="main", branch="b", reason="r")
    assert not repository.exists("refs/heads/b")
    assert not (tmp_path / "one").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_a_branch_that_somebody_has_stays_though_it_holds_nothing_of_its_own(repository, tmp_path, run_git, packed):
    run_git("branch", "theirs", "main")
    if packed:
        run_git("pack-refs", "--all")
    with pytest.raises(ConfigurationError, match="is taken"):
        repository.add_worktree(tmp_path / "one", base="main", branch="theirs", reason="r")
    assert repository.exists("refs/heads/theirs")


def test_an_unknown_base_is_not_found(repository, tmp_path):
    with pytest.raises(NotFound):
        repository.add_worktree(tmp_path / "one", base="4f2d1c0", branch="b", reason="r")


def test_freezing_records_the_files_and_touches_nothing_else(repository, tree, run_git):
    (tree.path / "pricing.py").write_text("PRICES = {'rabbit': 7}\n")
    (tree.path / "test_new.py").write_text("def test_new(): pass\n")
    (tree.path / "noise.log").write_text("ignored")
    before = run_git("status", "--porcelain", cwd=tree.path)
    commit = repository.freeze(tree.path, "refs/workbench/s1/result", "the agent's result")
    assert repository.resolve("refs/workbench/s1/result") == commit
    assert {(change.status, change.path) for change in repository.changes(tree.head, commit)} == {
        ("M", "pricing.py"),
        ("A", "test_new.py"),
    }
    assert run_git("log", "-1", "--format=%an|%s|%P", commit) == f"Bug workbench|the agent's result|{tree.head}"
    assert run_git("status", "--porcelain", cwd=tree.path) == before
    assert repository.resolve("refs/heads/workbench/B-012-1") == tree.head


def test_freezing_sees_what_the_index_was_told_to_hide(repository, tree, run_git):
    run_git("update-index", "--assume-unchanged", "pricing.py", cwd=tree.path)
    (tree.path / "pricing.py").write_text("hidden\n")
    commit = repository.freeze(tree.path, "refs/workbench/s1/result", "r")
    assert repository.read(commit, "pricing.py") == b"hidden\n"


def test_freezing_does_not_follow_a_git_file_that_points_elsewhere(repository, tree, tmp_path, run_git):
    run_git("init", "-q", str(tmp_path / "evil"), cwd=tmp_path)
    (tree.path / ".git").write_text(f"gitdir: {tmp_path / 'evil' / '.git'}\n")
    (tree.path / "pricing.py").write_text("changed\n")
    commit = repository.freeze(tree.path, "refs/workbench/s1/result", "r")
    assert repository.read(commit, "pricing.py") == b"changed\n"


def test_freezing_the_main_checkout_works_too(repository, checkout):
    (checkout / "pricing.py").write_text("mine\n")
    commit = repository.freeze(checkout, "refs/workbench/kept", "r")
    assert repository.read(commit, "pricing.py") == b"mine\n"


def test_only_refs_of_ours_are_written(repository, tree):
    with pytest.raises(ValueError, match="refs/workbench"):
        repository.freeze(tree.path, "refs/heads/main", "r")
    with pytest.raises(OutsideError):
        repository.freeze(tree.path, "refs/workbench/a..b", "r")


def test_paths_become_what_they_are_in_another_commit(repository, tree):
    (tree.path / "mine.py").write_text("mine")
    repository.checkout_paths(tree.path, "main", ["tests/test_pricing.py", "pricing.py"])
    assert (tree.path / "tests" / "test_pricing.py").exists()
    repository.checkout_paths(tree.path, "main~1", ["tests"])
    assert not (tree.path / "tests" / "test_pricing.py").exists()
    repository.checkout_paths(tree.path, "main", ["tests"])
    assert (tree.path / "tests" / "test_pricing.py").exists()
    repository.checkout_paths(tree.path, "main", [])
    assert (tree.path / "mine.py").exists()


def test_removal_names_what_would_be_lost_and_refuses(repository, tree):
    (tree.path / ".env").write_text("KEY=1")
    (tree.path / "new").mkdir()
    (tree.path / "new" / "work.py").write_text("work")
    assert repository.lost_by_removal(tree.path) == ["new/work.py", ".env"]
    with pytest.raises(Refused, match=r"would lose 2 files: new/work.py, \.env"):
        repository.remove_worktree(tree.path)
    assert (tree.path / ".env").exists()
    repository.remove_worktree(tree.path, discard=True)
    assert not tree.path.exists()
    assert repository.exists("refs/heads/workbench/B-012-1")


def test_a_clean_worktree_is_removed_although_locked(repository, tree):
    repository.remove_worktree(tree.path)
    assert len(repository.worktrees()) == 1


def test_commits_that_no_branch_holds_count_as_lost(repository, tmp_path, run_git):
    detached = repository.add_worktree(tmp_path / "clean", base="main", reason="evidence")
    assert repository.lost_by_removal(detached.path) == []
    run_git("commit", "-q", "--allow-empty", "-m", "loose", cwd=detached.path)
    (lost,) = repository.lost_by_removal(detached.path)
    assert "which no branch holds" in lost


def test_the_main_checkout_is_never_removed(repository):
    with pytest.raises(Refused, match="main checkout"):
        repository.remove_worktree(repository.root, discard=True)


def test_a_folder_that_is_no_worktree_is_not_found(repository, tmp_path):
    with pytest.raises(NotFound, match="not a worktree"):
        repository.remove_worktree(tmp_path)


def test_a_failed_removal_leaves_the_lock(repository, tree, run_git, monkeypatch):
    (tree.path / "work.py").write_text("work")
    monkeypatch.setattr(type(repository), "lost_by_removal", lambda *_: [])  # written between look and removal
    with pytest.raises(OutsideError, match="worktree"):
        repository.remove_worktree(tree.path)
    assert repository.worktrees()[1].locked_reason == "workbench s1"


def test_a_worktree_deleted_by_hand_is_made_again_on_its_branch(repository, tree):
    (tree.path / "pricing.py").write_text("work\n")
    commit = repository.freeze(tree.path, "refs/workbench/s1/result", "r")
    shutil.rmtree(tree.path)
    assert repository.worktrees()[1].prunable
    assert repository.lost_by_removal(tree.path) == []
    again = repository.reattach_worktree(tree.path, branch="workbench/B-012-1", reason="workbench s1")
    assert again.branch == "workbench/B-012-1"
    repository.restore(again.path, commit)
    assert (again.path / "pricing.py").read_text() == "work\n"
    assert again.head == tree.head


def test_a_worktree_deleted_by_hand_can_be_forgotten(repository, tree):
    shutil.rmtree(tree.path)
    repository.remove_worktree(tree.path)
    assert len(repository.worktrees()) == 1


def test_a_branch_is_deleted_only_while_it_holds_nothing_of_its_own(repository, run_git, checkout):
    run_git("branch", "spare")
    repository.delete_branch("spare", at="main")
    assert not repository.exists("refs/heads/spare")
    run_git("branch", "spare", "main~1")
    with pytest.raises(Refused, match="stays"):
        repository.delete_branch("spare", at="main")
    assert repository.exists("refs/heads/spare")


def test_a_writer_that_never_ends_is_reported(repository, tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.git.locking.LOCK_SECONDS", 0.1)
    with (
        FileLock(repository.common_dir / "workbench.lock"),
        pytest.raises(OutsideError, match="Another workbench has been writing"),
    ):
        repository.add_worktree(tmp_path / "one", base="main", reason="r")
