"""Worktrees where a repository is not the plain one: submodules, a branch that is elsewhere, a folder of a monorepo."""

from __future__ import annotations

import pytest

from workbench.errors import ConfigurationError, Refused
from workbench.git import Repository


@pytest.fixture
def with_submodule(checkout, run_git, tmp_path):
    """The checkout with a submodule, and the repository that it comes from."""
    inner = tmp_path / "inner"
    inner.mkdir()
    run_git("init", "-q", "-b", "main", cwd=inner)
    (inner / "prices.txt").write_text("rabbit 20\n")
    run_git("add", ".", cwd=inner)
    run_git("commit", "-q", "-m", "prices", cwd=inner)
    run_git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "prices", cwd=checkout)
    run_git("commit", "-q", "-m", "a submodule", cwd=checkout)
    return checkout


def test_a_worktree_with_a_filled_submodule_is_frozen_and_removed(with_submodule, run_git, tmp_path):
    repository = Repository.open(with_submodule)
    tree = repository.add_worktree(tmp_path / "t", base="HEAD", branch="fix", reason="r")
    run_git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", cwd=tree.path)
    assert (tree.path / "prices" / "prices.txt").exists()
    (tree.path / "new.py").write_text("")
    frozen = repository.freeze(tree.path, "refs/workbench/x/a", "a")
    assert [change.path for change in repository.changes("HEAD", frozen)] == ["new.py"]
    (tree.path / "new.py").unlink()
    # Commits that are only in the submodule's own repository go with the worktree, which git cannot tell.
    assert repository.lost_by_removal(tree.path) == ["prices (a submodule, with what is only in it)"]
    with pytest.raises(Refused, match="prices"):
        repository.remove_worktree(tree.path)
    repository.remove_worktree(tree.path, discard=True)
    assert not tree.path.exists()


def test_a_worktree_with_an_empty_submodule_is_removed_like_any_other(with_submodule, tmp_path):
    repository = Repository.open(with_submodule)
    tree = repository.add_worktree(tmp_path / "t", base="HEAD", branch="fix", reason="r")
    repository.remove_worktree(tree.path)
    assert not tree.path.exists()


def test_a_branch_that_is_checked_out_elsewhere_is_named_with_the_place(repository, run_git, tmp_path):
    place = tmp_path / "t"
    tree = repository.add_worktree(place, base="HEAD", branch="fix", reason="r")
    repository.remove_worktree(tree.path)
    run_git("worktree", "add", "-q", str(tmp_path / "elsewhere"), "fix", cwd=repository.root)
    with pytest.raises(ConfigurationError, match="elsewhere"):
        repository.reattach_worktree(place, branch="fix", reason="r")


def test_a_folder_of_a_monorepo_has_worktrees_of_the_whole(checkout, run_git, tmp_path):
    (checkout / "clinic").mkdir()
    (checkout / "clinic" / "app.py").write_text("")
    run_git("add", ".", cwd=checkout)
    run_git("commit", "-q", "-m", "a part", cwd=checkout)
    repository = Repository.open(checkout / "clinic")
    tree = repository.add_worktree(tmp_path / "t", base="HEAD", branch="fix", reason="r")
    assert (repository.root, (tree.path / "clinic" / "app.py").exists()) == (checkout, True)


def test_a_clone_of_a_bare_repository_works_from_what_it_has_fetched(checkout, run_git, tmp_path):
    """Worktrees begin at a remote's branch, and a result goes back there."""
    bare, clone = tmp_path / "clinic.git", tmp_path / "clone"
    run_git("clone", "-q", "--bare", str(checkout), str(bare), cwd=tmp_path)
    run_git("clone", "-q", str(bare), str(clone), cwd=tmp_path)
    (checkout / "new.py").write_text("")
    run_git("add", ".", cwd=checkout)
    run_git("commit", "-q", "-m", "third", cwd=checkout)
    run_git("push", "-q", str(bare), "main", cwd=checkout)
    run_git("fetch", "-q", cwd=clone)

    repository = Repository.open(clone)
    assert (repository.remotes(), repository.remote_of("vets/clinic")) == ({"origin": str(bare)}, "origin")
    tree = repository.add_worktree(tmp_path / "t", base="origin/main", branch="fix", reason="r")
    assert (tree.path / "new.py").exists()
    assert not (clone / "new.py").exists()
    (tree.path / "new.py").write_text("fixed = True\n")
    result = repository.freeze(tree.path, "refs/workbench/x/a", "a")
    repository.push(result, "workbench/fix", "origin")
    assert run_git("rev-parse", "workbench/fix", cwd=bare) == result
    with pytest.raises(ConfigurationError, match="bare"):
        Repository.open(bare)
