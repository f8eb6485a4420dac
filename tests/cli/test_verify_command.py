"""`workbench verify`: only a person at a terminal signs off, and types the bug's number to do so."""

from __future__ import annotations

import getpass

import pytest

from capture.store.tables import EvidenceRow
from workbench import fixing
from workbench.errors import Exit


def state(workbench) -> str:
    return workbench("bugs", "show", "B-001", "--json").json["state"]


@pytest.mark.parametrize("typed", ["B-001\n", "b-001\n"])
def test_a_person_signs_off_by_typing_the_number(workbench, fixed, typed):
    ran = workbench("verify", "B-001", "--note", "seen on staging", typed=typed)
    assert ran.code == Exit.DONE
    for words in ("demonstrated", fixed.commit[:12], "+ PRICES = {'rabbit': 20}", "REHEARSAL", "B-001 is closed"):
        assert words in ran.out
    page = workbench("bugs", "show", "B-001", "--json").json
    (signed,) = page["sign_offs"]
    assert page["state"] == "closed"
    assert (signed["decision"], signed["commit"], signed["note"]) == ("verified", fixed.commit, "seen on staging")
    assert signed["by"] == "Ada Tester <ada@example.com>"
    assert signed["evidence_id"] == page["evidence"]["id"]


@pytest.mark.parametrize("typed", ["", "\n", "y\n", "B-002\n"])
def test_anything_else_changes_nothing(workbench, fixed, typed):
    ran = workbench("verify", "B-001", typed=typed)
    assert ran.code == Exit.NO
    assert "Nothing was changed" in ran.err
    assert state(workbench) == "review"


def test_without_a_terminal_it_is_refused(workbench, fixed):
    ran = workbench("verify", "B-001", piped="B-001\n")
    assert (ran.code, ran.out) == (Exit.USAGE, "")
    assert "terminal" in ran.err
    assert state(workbench) == "review"


@pytest.mark.parametrize("variable", ["CLAUDECODE", "CLAUDE_CODE_ENTRYPOINT"])
@pytest.mark.parametrize("words", [[], ["--reject", "--reason", "no"]])
def test_an_agent_is_refused_even_at_a_terminal(workbench, fixed, monkeypatch, variable, words):
    monkeypatch.setenv(variable, "1")
    ran = workbench("verify", "B-001", *words, typed="B-001\n")
    assert (ran.code, ran.out) == (Exit.NO, "")
    assert "Only a person" in ran.err
    monkeypatch.delenv(variable)
    assert state(workbench) == "review"


def test_a_bug_that_is_not_in_review_is_refused(workbench, bug):
    ran = workbench("verify", "B-001", typed="B-001\n")
    assert ran.code == Exit.NO
    assert "not in review" in ran.err


def test_what_was_not_demonstrated_needs_a_reason(workbench, fixed, changed):
    changed(EvidenceRow, verdict="partial")
    ran = workbench("verify", "B-001", typed="\nB-001\n")
    assert ran.code == Exit.NO
    assert state(workbench) == "review"
    ran = workbench("verify", "B-001", typed="the suite is broken on Mondays\nB-001\n")
    assert ran.code == Exit.DONE
    (signed,) = workbench("bugs", "show", "B-001", "--json").json["sign_offs"]
    assert signed["note"] == "the suite is broken on Mondays"


@pytest.mark.parametrize(
    "words",
    [["--reject"], ["--reason", "no"], ["--reject", "--reason", "no", "--note", "x"], ["--reject", "--reason", " "]],
)
def test_words_that_do_not_fit_together(workbench, fixed, words):
    ran = workbench("verify", "B-001", *words, typed="B-001\n")
    assert ran.code == Exit.USAGE
    assert state(workbench) == "review"


def test_a_rejection_goes_back_to_the_agent(workbench, fixed, monkeypatch, store):
    from workbench.bugs import queries

    told = []

    def resumed(config, engine, session_id, *, by, message, now):
        told.append((session_id, by, message))
        return queries.session(engine, session_id)

    monkeypatch.setattr(fixing, "resume", resumed)
    ran = workbench("verify", "B-001", "--reject", "--reason", "It forgets hares.", typed="B-001\n")
    assert ran.code == Exit.DONE
    assert told == [(fixed.session, "Ada Tester <ada@example.com>", "It forgets hares.")]
    assert "went back to session 74baef19" in ran.out
    assert state(workbench) == "fixing"


def test_the_worktree_goes_only_after_a_yes_that_saw_what_would_be_lost(workbench, fixed, repo):
    (fixed.worktree / "scratch.txt").write_text("mine")
    ran = workbench("verify", "B-001", typed="B-001\n\n")
    assert ran.code == Exit.DONE
    assert "gone for good with its worktree (1):\n  scratch.txt" in ran.out
    assert fixed.worktree.is_dir()
    assert workbench("bugs", "undo").code == Exit.DONE
    assert state(workbench) == "review"
    ran = workbench("verify", "B-001", typed="B-001\ny\n")
    assert "Removed the worktree" in ran.out
    assert not fixed.worktree.exists()
    first, second = workbench("bugs", "show", "B-001", "--json").json["sign_offs"][::-1]
    assert (first["undone_by"], second["undone_by"]) == ("Ada Tester <ada@example.com>", None)
    assert (first["os_user"], first["github_login"], first["events"]) == (getpass.getuser(), "", 1)
