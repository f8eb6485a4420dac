"""Fixes land without touching anybody's files, and what stands in the way is said."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import NotFound, OutsideError, Refused
from workbench.git import Repository

Run = Callable[..., str]


@pytest.fixture
def fix(checkout: Path, run_git: Run) -> str:
    """A commit on the branch fix that changes pricing.py; main is checked out again."""
    run_git("checkout", "-q", "-b", "fix")
    (checkout / "pricing.py").write_text("PRICES = {'rabbit': 3}\n" + "PRICES = {}\n" * 19)
    run_git("commit", "-q", "-am", "fix the rabbit")
    run_git("checkout", "-q", "main")
    return run_git("rev-parse", "fix")


def test_a_branch_that_nobody_has_checked_out(repository: Repository, fix: str, run_git: Run) -> None:
    run_git("checkout", "-q", "--detach")
    merged = repository.merge(fix, "main", message="Merge the fix of B-001")
    assert run_git("rev-parse", "main") == merged.commit
    assert run_git("rev-parse", f"{merged.commit}^1", f"{merged.commit}^2").split() == [merged.before, fix]
    assert run_git("show", "main:pricing.py").startswith("PRICES = {'rabbit': 3}")
    assert run_git("log", "-1", "--format=%s|%an", "main").startswith("Merge the fix of B-001|")
    assert run_git("status", "--porcelain") == ""


def test_a_branch_that_is_checked_out_keeps_what_is_not_committed(
    repository: Repository, checkout: Path, fix: str, run_git: Run
) -> None:
    (checkout / "tests" / "test_pricing.py").write_text("mine\n")
    (checkout / "new.txt").write_text("mine too\n")
    run_git("add", "new.txt")
    merged = repository.merge(fix, "main", message="m")
    assert run_git("rev-parse", "HEAD") == merged.commit
    assert (checkout / "pricing.py").read_text().startswith("PRICES = {'rabbit': 3}")
    assert (checkout / "tests" / "test_pricing.py").read_text() == "mine\n"
    assert run_git("status", "--porcelain").splitlines() == ["A  new.txt", " M tests/test_pricing.py"]


def test_files_in_the_way_stop_it_and_stay(repository: Repository, checkout: Path, fix: str, run_git: Run) -> None:
    before = run_git("rev-parse", "main")
    (checkout / "pricing.py").write_text("mine\n")
    with pytest.raises(Refused, match="in the way"):
        repository.merge(fix, "main", message="m")
    assert (checkout / "pricing.py").read_text() == "mine\n"
    assert run_git("rev-parse", "main") == before


def test_another_worktree_has_the_branch(repository: Repository, fix: str, run_git: Run, tmp_path: Path) -> None:
    run_git("branch", "release", "main")
    run_git("worktree", "add", "-q", str(tmp_path / "release"), "release")
    merged = repository.merge(fix, "release", message="m")
    assert run_git("rev-parse", "HEAD", cwd=tmp_path / "release") == merged.commit
    assert run_git("status", "--porcelain", cwd=tmp_path / "release") == ""
    assert run_git("rev-parse", "main") == merged.before


def test_a_conflict_is_refused_and_changes_nothing(
    repository: Repository, checkout: Path, fix: str, run_git: Run
) -> None:
    (checkout / "pricing.py").write_text("PRICES = {'rabbit': 4}\n" + "PRICES = {}\n" * 19)
    run_git("commit", "-q", "-am", "another")
    before = run_git("rev-parse", "main")
    with pytest.raises(Refused, match="conflicts with main") as caught:
        repository.merge(fix, "main", message="m")
    assert f"git merge {fix[:12]}" in caught.value.cure
    assert (run_git("rev-parse", "main"), run_git("status", "--porcelain")) == (before, "")


def test_what_is_merged_already_is_left_alone(repository: Repository, fix: str) -> None:
    first = repository.merge(fix, "main", message="m")
    again = repository.merge(fix, "main", message="m")
    assert again.commit == again.before == first.commit


def test_no_such_branch(repository: Repository, fix: str) -> None:
    with pytest.raises(NotFound, match="refs/heads/nothing"):
        repository.merge(fix, "nothing", message="m")


def test_a_tag_without_a_key(repository: Repository, fix: str, run_git: Run) -> None:
    assert repository.tag("workbench/B-001/1", fix, message="verified by Ann") == "tag workbench/B-001/1"
    assert run_git("cat-file", "-t", "workbench/B-001/1") == "tag"
    assert "verified by Ann" in run_git("cat-file", "tag", "workbench/B-001/1")
    assert repository.tag("workbench/B-001/1", "main", message="again") == "tag workbench/B-001/1"
    assert run_git("rev-parse", "workbench/B-001/1^{commit}") == fix


def test_a_tag_with_a_key_is_signed(repository: Repository, fix: str, run_git: Run, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    run_git("config", "gpg.format", "ssh")
    run_git("config", "user.signingKey", str(key))
    assert repository.tag("signed", fix, message="m") == "signed tag signed"
    assert "BEGIN SSH SIGNATURE" in run_git("cat-file", "tag", "signed")


def test_a_key_that_cannot_sign_says_so(repository: Repository, fix: str, run_git: Run, tmp_path: Path) -> None:
    run_git("config", "gpg.format", "ssh")
    run_git("config", "user.signingKey", str(tmp_path / "nothing"))
    with pytest.raises(OutsideError, match="could not sign"):
        repository.tag("signed", fix, message="m")
    assert run_git("tag") == ""
    run_git("config", "gpg.format", "openpgp")
    run_git("config", "gpg.program", "false")
    with pytest.raises(OutsideError, match="git tag failed"):
        repository.tag("signed", fix, message="m")
    assert run_git("tag") == ""


def test_a_release_holds_a_fix_by_its_history_or_by_its_code(
    repository: Repository, checkout: Path, fix: str, run_git: Run
) -> None:
    before = run_git("rev-parse", "main")
    assert repository.holds(fix, fix) is True
    assert repository.holds(before, fix) is False
    run_git("merge", "-q", "--squash", "fix")
    run_git("commit", "-q", "-m", "squashed")
    (checkout / "other.py").write_text("more\n")
    run_git("add", ".")
    run_git("commit", "-q", "-m", "more work")
    assert repository.holds("main", fix) is True
    (checkout / "pricing.py").write_text("PRICES = {'rabbit': 9}\n" + "PRICES = {}\n" * 19)
    run_git("commit", "-q", "-am", "the same line again")
    assert repository.holds("main", fix) is None


def test_a_release_is_a_commit_or_a_tag(repository: Repository, run_git: Run) -> None:
    head = run_git("rev-parse", "main")
    run_git("tag", "v1.0", "main")
    run_git("tag", "2.0", "main")
    assert [repository.release(name) for name in (head, head[:7], "1.0", "v1.0", "2.0")] == [head] * 5
    assert [repository.release(name) for name in ("main", "HEAD", "", "-1", "a\nb", "3.0")] == [None] * 6
