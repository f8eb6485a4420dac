"""`workbench worktrees`: what is there, what would be lost, and nothing goes without a question."""

from __future__ import annotations

import shutil

import pytest

from capture.store.tables import FixSession
from workbench.errors import Exit


def test_each_tree_with_its_bug_and_what_is_uncommitted(workbench, fixed):
    (fixed.worktree / "notes.txt").write_text("mine")
    (found,) = workbench("worktrees", "list", "--json").json
    assert found["path"] == str(fixed.worktree)
    assert (found["bug"], found["session"], found["state"]) == ("B-001", fixed.session, "done")
    assert (found["branch"], found["head"]) == ("workbench/B-001-1", fixed.commit)
    assert found["uncommitted"] == ["notes.txt"]
    out = workbench("worktrees", "list").out
    assert out.splitlines()[0].split() == ["BUG", "SESSION", "AGE", "UNCOMMITTED", "BRANCH", "PATH"]
    assert "B-001" in out


def test_a_tree_of_nobody_is_listed_too(workbench, store, repo, tmp_path, fixed):
    import subprocess

    subprocess.run(["git", "worktree", "add", "-q", "--detach", str(tmp_path / "mine")], cwd=repo, check=True)
    mine = next(tree for tree in workbench("worktrees", "list", "--json").json if tree["path"].endswith("mine"))
    assert (mine["bug"], mine["branch"]) == (None, None)
    assert "(detached)" in workbench("worktrees", "list").out
    assert workbench("worktrees", "remove", str(tmp_path / "mine"), typed="y\n").code == Exit.DONE


def test_without_trees_it_says_so(workbench, store):
    ran = workbench("worktrees", "list")
    assert (ran.code, ran.out) == (Exit.DONE, "")
    assert "No worktrees" in ran.err
    assert workbench("worktrees", "list", "--json").json == []


def test_a_folder_that_was_deleted_by_hand_is_said(workbench, fixed):
    shutil.rmtree(fixed.worktree)
    assert "folder is gone" in workbench("worktrees", "list").out


@pytest.mark.parametrize("named", ["B-001", "path"])
def test_removal_shows_what_is_lost_and_asks(workbench, fixed, named):
    (fixed.worktree / "notes.txt").write_text("mine")
    which = str(fixed.worktree) if named == "path" else named
    ran = workbench("worktrees", "remove", which, typed="n\n")
    assert ran.code == Exit.NO
    assert "notes.txt" in ran.out
    assert "for good" in ran.out
    assert fixed.worktree.exists()
    assert workbench("worktrees", "remove", which, typed="y\n").code == Exit.DONE
    assert not fixed.worktree.exists()


def test_removal_needs_a_terminal(workbench, fixed):
    ran = workbench("worktrees", "remove", "B-001", piped="y\n")
    assert ran.code == Exit.USAGE
    assert fixed.worktree.exists()


def test_a_tree_in_which_a_session_works_stays(workbench, fixed, changed):
    changed(FixSession, state="working")
    ran = workbench("worktrees", "remove", "B-001", typed="y\n")
    assert ran.code == Exit.NO
    assert "sessions interrupt" in ran.err
    assert fixed.worktree.exists()


@pytest.mark.parametrize("which", ["B-099", "/nowhere", "what"])
def test_an_unknown_tree_is_a_no(workbench, fixed, which):
    ran = workbench("worktrees", "remove", which, typed="y\n")
    assert ran.code == Exit.NO
    assert "worktrees list" in ran.err


def test_several_trees_of_one_bug_are_named_by_path(workbench, fixed, repo, tmp_path, store):
    import subprocess

    from sqlmodel import Session, select

    other = tmp_path / "second"
    subprocess.run(["git", "worktree", "add", "-q", "-b", "workbench/B-001-2", str(other)], cwd=repo, check=True)
    with Session(store) as session:
        first = session.exec(select(FixSession)).one()
        session.add(FixSession(**first.model_dump() | {"id": "second", "worktree": str(other)}))
        session.commit()
    ran = workbench("worktrees", "remove", "B-001", typed="y\n")
    assert ran.code == Exit.USAGE
    assert "path" in ran.err


def test_a_teardown_that_fails_keeps_the_tree(workbench, fixed, monkeypatch):
    monkeypatch.setenv("WORKBENCH_WORKTREE_TEARDOWN", "ls /no-such-folder")
    ran = workbench("worktrees", "remove", "B-001", typed="y\n")
    assert ran.code == Exit.NO
    assert "no-such-folder" in ran.out
    assert "--no-teardown" in ran.err
    assert fixed.worktree.exists()
    assert workbench("worktrees", "remove", "B-001", "--no-teardown", typed="y\n").code == Exit.DONE
    assert not fixed.worktree.exists()


def test_a_teardown_runs_before_the_tree_goes(workbench, fixed, monkeypatch):
    monkeypatch.setenv("WORKBENCH_WORKTREE_TEARDOWN", "true")
    ran = workbench("worktrees", "remove", "B-001", typed="y\n")
    assert ran.code == Exit.DONE
    assert "Ran worktree.teardown: true" in ran.out
