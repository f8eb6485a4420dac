"""Bug files that are also committed to a branch: never to one that somebody has checked out, and once each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from capture.store.tables import FingerprintRow
from workbench.git import reading

Run = Callable[..., str]


@pytest.fixture
def git(site: Any) -> Run:
    """Plain git in the checkout, which has one commit; bug files go to the branch bug-files as well."""

    def run(*arguments: str) -> str:
        ran = subprocess.run(["git", *arguments], cwd=site.folder, check=True, capture_output=True, text=True)
        return ran.stdout

    run("init", "-q", "-b", "main")
    (site.folder / "pricing.py").write_text("PRICES = {}\n")
    run("add", ".")
    run("commit", "-q", "-m", "first")
    site.environ = {"WORKBENCH_BUGS_BRANCH": "bug-files"}
    return run


def wrote(site: Any) -> list[tuple[str, str]]:
    return [(done.state, done.outcome) for done in site.work() if done.kind == "write_file"]


def test_each_change_is_a_commit_and_nothing_else_is_touched(site: Any, git: Run) -> None:
    site.fail()
    ((state, outcome),) = wrote(site)
    assert state == "done"
    assert outcome == f"wrote B-001.md, and {git('rev-parse', 'bug-files')[:7]} on bug-files"
    assert git("show", "bug-files:bugs/B-001.md") == (site.folder / "bugs" / "B-001.md").read_text()
    site.move("fixing")
    wrote(site)
    assert git("log", "--format=%s", "bug-files").splitlines() == [
        "B-001: fixing, seen 1 time",
        "B-001: open, seen 1 time",
    ]
    site.owe("write_file", "again")
    assert wrote(site) == [("done", "wrote B-001.md")]
    assert git("status", "--porcelain") == "?? bugs/\n"
    assert git("branch", "--format=%(refname:short)").split() == ["bug-files", "main"]


def test_what_people_write_stays_where_they_wrote_it(site: Any, git: Run, tmp_path: Any) -> None:
    site.fail()
    wrote(site)
    git("worktree", "add", "-q", str(tmp_path / "there"), "bug-files")
    path = tmp_path / "there" / "bugs" / "B-001.md"
    path.write_bytes(path.read_bytes() + b"Ada: on the branch\xff\n")
    subprocess.run(["git", "commit", "-qam", "a note"], cwd=tmp_path / "there", check=True)
    git("worktree", "remove", str(tmp_path / "there"))
    file = site.folder / "bugs" / "B-001.md"
    file.write_text(file.read_text() + "Ben: in the checkout\n")

    site.move("fixing")
    wrote(site)

    there = subprocess.run(["git", "show", "bug-files:bugs/B-001.md"], cwd=site.folder, check=True, capture_output=True)
    assert there.stdout.endswith(b"Ada: on the branch\xff\n")
    assert file.read_text().endswith("Ben: in the checkout\n")
    assert b'state: "fixing"' in there.stdout
    assert 'state: "fixing"' in file.read_text()


def test_nothing_that_was_captured_is_in_what_a_commit_says(site: Any, git: Run) -> None:
    site.fail(title="fixes #1 @everyone\n\nCo-authored-by: X <x@example.com>", message="closes #1")
    wrote(site)
    assert git("log", "--format=%B%an%ae%cn%ce", "bug-files").strip() == (
        "B-001: open, seen 1 time\nBug workbenchbug-workbench@localhostBug workbenchbug-workbench@localhost"
    )


def test_a_branch_that_somebody_has_checked_out_waits_with_a_reason_and_gets_it_later(site: Any, git: Run) -> None:
    git("checkout", "-q", "-b", "bug-files")
    site.fail()
    ((state, outcome),) = wrote(site)
    assert state == "due"
    assert f"bug-files is checked out at {site.folder}" in outcome
    assert (site.folder / "bugs" / "B-001.md").exists()
    git("checkout", "-q", "main")
    site.pass_time(hours=1)
    assert [state for state, _outcome in wrote(site)] == ["done"]
    assert "B-001.md" in git("ls-tree", "-r", "--name-only", "bug-files")


class Killed(BaseException):
    """The process ended here: nothing of ours catches this."""


@pytest.mark.parametrize(
    "last", ["check-ref-format", "hash-object", "update-index", "write-tree", "commit-tree", "update-ref"]
)
def test_a_worker_that_dies_after_any_step_leaves_one_commit_in_the_end(
    site: Any, git: Run, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    run_git = reading.run_git

    def run(cwd: Any, *arguments: str, **options: Any) -> bytes:
        printed = run_git(cwd, *arguments, **options)
        if arguments[0] == last:
            raise Killed
        return printed

    site.fail()
    with monkeypatch.context() as patch:
        patch.setattr(reading, "run_git", run)
        with pytest.raises(Killed):
            site.work()
    site.pass_time(hours=1)
    assert [state for state, _outcome in wrote(site)] == ["done"]
    assert git("log", "--format=%s", "bug-files") == "B-001: open, seen 1 time\n"
    assert git("status", "--porcelain") == "?? bugs/\n"


@pytest.mark.parametrize(
    ("variables", "left", "said"),
    [
        ({"WORKBENCH_BUGS_BRANCH": "a..b"}, "due", "'a..b' cannot be the name of a branch"),
        (
            {"WORKBENCH_BUGS_BRANCH": "b", "WORKBENCH_BUGS_DIRECTORY": "../elsewhere"},
            "parked",
            "outside of the repository",
        ),
    ],
    ids=["no name", "elsewhere"],
)
def test_what_cannot_be_committed_is_written_and_says_why(
    site: Any, git: Run, variables: dict[str, str], left: str, said: str
) -> None:
    site.environ = variables
    site.fail()
    ((state, outcome),) = wrote(site)
    assert state == left
    assert said in outcome
    assert git("branch", "--format=%(refname:short)").split() == ["main"]
    assert (site.config().bugs_directory / "B-001.md").exists()


def test_a_checkout_that_is_no_repository_says_so(site: Any) -> None:
    site.environ = {"WORKBENCH_BUGS_BRANCH": "bug-files"}
    site.fail()
    ((state, outcome),) = wrote(site)
    assert state == "due"
    assert "could not be committed" in outcome


def test_the_file_of_another_bug_on_the_branch_is_left_and_named(site: Any, git: Run) -> None:
    site.fail(key="0123456789abcdef")
    wrote(site)
    before = git("rev-parse", "bug-files")
    (site.folder / "bugs" / "B-001.md").unlink()
    with Session(site.engine) as session:  # as in a database of its own
        session.execute(sa.update(FingerprintRow).values(key="fedcba9876543210"))
        session.commit()
    site.owe("write_file", "again")
    ((state, outcome),) = wrote(site)
    assert (state, "bug-files:bugs/B-001.md is the file of another bug" in outcome) == ("parked", True)
    assert git("rev-parse", "bug-files") == before
