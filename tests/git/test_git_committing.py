"""One file committed to a branch that nobody has checked out, with no index and no checkout touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import OutsideError, Refused, UsageError
from workbench.git import Repository

Run = Callable[..., str]


def always(content: bytes) -> Callable[[bytes | None], bytes]:
    return lambda _old: content


def test_a_branch_that_is_not_there_begins_with_the_file_alone(
    repository: Repository, checkout: Path, run_git: Run
) -> None:
    (checkout / "pricing.py").write_text("staged\n")
    run_git("add", ".")
    (checkout / "pricing.py").write_text("mine\n")
    before = run_git("status", "--porcelain", "--branch"), run_git("diff", "--cached"), run_git("diff")

    commit = repository.commit_to("bugs", "bugs/B-001.md", always(b"one\n"), message="B-001: open")

    assert run_git("rev-parse", "bugs") == commit
    assert run_git("ls-tree", "-r", "--name-only", "bugs") == "bugs/B-001.md"
    assert run_git("log", "--format=%s|%an|%P", "bugs") == "B-001: open|Bug workbench|"
    assert (run_git("status", "--porcelain", "--branch"), run_git("diff", "--cached"), run_git("diff")) == before
    assert (checkout / "pricing.py").read_text() == "mine\n"


def test_a_branch_that_is_there_keeps_its_files_and_gets_no_commit_without_a_change(
    repository: Repository, run_git: Run
) -> None:
    run_git("branch", "bugs")
    seen: list[bytes | None] = []

    def more(old: bytes | None) -> bytes:
        seen.append(old)
        return (old or b"") + b"one\n"

    first = repository.commit_to("bugs", "bugs/B-001.md", more, message="first")
    second = repository.commit_to("bugs", "bugs/B-001.md", more, message="second")
    assert repository.commit_to("bugs", "bugs/B-001.md", always(b"one\none\n"), message="third") is None
    assert seen == [None, b"one\n"]
    assert run_git("log", "--format=%H", "-3", "bugs").split() == [second, first, run_git("rev-parse", "main")]
    assert run_git("diff", "--stat", "main", "bugs", "--", "pricing.py", "tests") == ""
    assert run_git("show", "bugs:bugs/B-001.md") == "one\none"


@pytest.mark.parametrize("is_linked", [False, True], ids=["in the checkout", "in a worktree"])
def test_a_branch_that_is_checked_out_is_refused(
    repository: Repository, tmp_path: Path, run_git: Run, is_linked: bool
) -> None:
    if is_linked:
        run_git("worktree", "add", "-q", "-b", "bugs", str(tmp_path / "there"))
    else:
        run_git("checkout", "-q", "-b", "bugs")
    before = run_git("rev-parse", "bugs")
    with pytest.raises(Refused, match=r"bugs is checked out at .*(there|clinic)\.") as refused:
        repository.commit_to("bugs", "B-001.md", always(b"one\n"), message="first")
    assert "nobody works on" in refused.value.cure
    assert run_git("rev-parse", "bugs") == before


@pytest.mark.parametrize("name", ["", "-d", "a..b", "a b", "a\nb", "bugs.lock", "@{-1}"])
def test_what_is_no_name_of_a_branch_is_refused(repository: Repository, run_git: Run, name: str) -> None:
    before = run_git("for-each-ref")
    with pytest.raises(UsageError, match="cannot be the name of a branch"):
        repository.commit_to(name, "B-001.md", always(b"one\n"), message="first")
    assert run_git("for-each-ref") == before


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "moved"])
def test_what_somebody_else_does_to_the_branch_meanwhile_is_not_undone(
    repository: Repository, run_git: Run, is_there: bool
) -> None:
    if is_there:
        run_git("branch", "bugs", "main~1")

    def meanwhile(_old: bytes | None) -> bytes:
        run_git("branch", "-f", "bugs", "main")
        return b"one\n"

    with pytest.raises(OutsideError, match="update-ref"):
        repository.commit_to("bugs", "B-001.md", meanwhile, message="first")
    assert run_git("rev-parse", "bugs") == run_git("rev-parse", "main")
