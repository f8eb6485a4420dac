"""A decision that is taken back: the bug is in review again, both are on record, and what is told is true."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.lifecycle import Actor, move
from capture.store.tables import Bug, FixSession, Issue, OutboxRow, SignOff, TranscriptEntry
from capture.testing import NOW
from workbench import config as configuration
from workbench import fixing, landing, signoff, undoing
from workbench.bugs import acts, queries, sections
from workbench.bugs.acts import Done
from workbench.bugs.acts.decisions import WITHDRAWN
from workbench.errors import OutsideError, Refused
from workbench.git import Repository
from workbench.tui.documents.bug import View, page_lines

SIGNED, UNDONE = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def rows(engine: Engine, model: type[Any]) -> list[Any]:
    with Session(engine, expire_on_commit=False) as session:
        return list(session.exec(select(model)))


def the(engine: Engine, model: type[Any]) -> Any:
    (row,) = rows(engine, model)
    return row


def change(engine: Engine, row: Any, **fields: Any) -> None:
    with Session(engine) as session:
        for name, value in fields.items():
            setattr(row, name, value)
        session.add(row)
        session.commit()


@pytest.fixture
def main(repository: tuple[Path, str, str]) -> Path:
    """The checkout, with the base on main and the fix on its branch."""
    root, base, result = repository
    git(root, "update-ref", "refs/heads/bugfix/B-012", result)
    git(root, "checkout", "-q", "-B", "main", base)
    return root


@pytest.fixture
def sign(engine: Engine, bug: Any, repository: tuple[Path, str, str]) -> Callable[..., tuple[int, ...]]:
    """Signs B-012 off, does with its fix what the settings say, and returns the act."""

    def sign(**settings: str) -> tuple[int, ...]:
        if not rows(engine, Bug):
            bug()
        environ = {f"WORKBENCH_{name.upper()}": value for name, value in settings.items()}
        config = configuration.load(environ=environ, start=repository[0])
        proposal = signoff.proposal(engine, 12)
        signed = signoff.verify(
            engine, 12, proposal.seen, by="Ada", note="ok", quiet=timedelta(hours=1), now=SIGNED, environ={}
        )
        landing.land(config, engine, proposal, signed, now=SIGNED)
        return acts.last_act(engine, by="Ada")

    return sign


def undo(engine: Engine, act: tuple[int, ...]) -> Done:
    return undoing.undo(engine, act, by="Ada", now=UNDONE)


def test_the_bug_is_in_review_again_and_the_record_keeps_both_decisions(
    engine: Engine, sign: Any, main: Path, repository: Any
) -> None:
    done = undo(engine, sign())
    assert done.text == "Undone: sign-off of B-012."
    bug = the(engine, Bug)
    assert (bug.state, bug.fix_commit, bug.quiet_until, bug.closed_as) == ("review", None, None, None)
    decision = the(engine, SignOff)
    assert (decision.decision, decision.by, decision.at) == ("verified", "Ada", SIGNED)
    assert (decision.undone_by, decision.undone_at) == ("Ada", UNDONE)
    page = queries.bug_page(engine, 12, now=UNDONE)
    assert [(step.to_state, step.reason) for step in page.history[-2:]] == [
        ("open", "undone: sign-off"),
        ("review", "undone: sign-off"),
    ]
    assert [act.undone_by for act in page.acts if act.kind == "sign-off"] == ["Ada"]
    assert "taken back 2026-" in sections.sections(page)["sign-off"]
    assert sections.front_matter(page)["fix_commit"] == "null"
    assert signoff.proposal(engine, 12, now=UNDONE).commit == repository[2]


def test_what_is_owed_and_not_begun_is_withdrawn(engine: Engine, sign: Any, main: Path) -> None:
    undo(engine, sign())
    owed = {row.kind: (row.state, row.outcome) for row in rows(engine, OutboxRow)}
    assert owed == {
        "comment_issue": ("done", WITHDRAWN),
        "close_issue": ("done", WITHDRAWN),
        "write_file": ("due", ""),
    }


@pytest.mark.parametrize("how", [{"state": "done"}, {"leased_until": UNDONE + timedelta(minutes=5)}])
def test_an_issue_that_is_closed_or_being_closed_is_reopened_with_a_word(
    engine: Engine, sign: Any, main: Path, how: dict[str, Any]
) -> None:
    act = sign()
    for row in rows(engine, OutboxRow):
        change(engine, row, **how)
    undo(engine, act)
    after = [(row.kind, row.body) for row in rows(engine, OutboxRow) if row.key.endswith(f":undo {act[0]}")]
    assert ("reopen_issue", {}) in after
    assert ("comment_issue", {"text": "Ada took that back."}) in after


def test_it_can_be_signed_again_and_undone_again(engine: Engine, sign: Any, main: Path) -> None:
    first = sign()
    undo(engine, first)
    second = sign()
    assert second != first
    with pytest.raises(Refused, match="undone already"):
        undo(engine, first)
    undo(engine, second)
    assert the(engine, Bug).state == "review"
    assert all(row.undone_at for row in rows(engine, SignOff))


def test_a_bug_that_came_back_since_is_left_alone(engine: Engine, sign: Any, main: Path) -> None:
    act = sign()
    with Session(engine) as session:
        bug = session.exec(select(Bug)).one()
        move(session, bug, "open", by=Actor("system", "capture"), reason="seen again", now=UNDONE)
        session.commit()
    with pytest.raises(Refused, match="its state was changed since"):
        undo(engine, act)
    assert the(engine, SignOff).undone_at is None


def test_a_later_decision_is_undone_first(engine: Engine, sign: Any, main: Path) -> None:
    act = sign()
    decision = the(engine, SignOff)
    later = SignOff(bug_id=decision.bug_id, decision="verified", at=UNDONE, by="Bob", commit=decision.commit)
    change(engine, later)
    with pytest.raises(Refused, match="there was a later decision"):
        undo(engine, act)


def test_an_agent_takes_nothing_back(engine: Engine, sign: Any, main: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    act = sign()
    monkeypatch.setenv("CLAUDECODE", "1")
    with pytest.raises(Refused, match="Only a person"):
        undo(engine, act)


def test_not_a_bug_is_taken_back_as_well(engine: Engine, bug: Any) -> None:
    bug()
    change(engine, the(engine, FixSession), not_a_bug="It is meant.")
    seen = signoff.proposal(engine, 12).seen
    signoff.verify(engine, 12, seen, by="Ada", note="", now=SIGNED, environ={})
    assert the(engine, Bug).closed_as == "not a bug"
    undo(engine, acts.last_act(engine, by="Ada"))
    assert (the(engine, Bug).state, the(engine, Bug).closed_as) == ("review", None)


# --- in the repository -----------------------------------------------------------------------------------------


def test_a_merge_that_nobody_has_is_taken_back_in_the_checkout_too(
    engine: Engine, sign: Any, main: Path, repository: Any
) -> None:
    act = sign(signoff_then="merge")
    assert (main / "pricing.py").read_text() == "price = 2\n"
    (main / "notes.txt").write_text("mine\n")
    done = undo(engine, act)
    assert done.text == "Undone: sign-off of B-012. Taken back: the merge into main."
    assert git(main, "rev-parse", "main") == repository[1]
    assert (main / "pricing.py").read_text() == "price = 1\n"
    assert (main / "notes.txt").read_text() == "mine\n"
    page = queries.bug_page(engine, 12, now=UNDONE)
    assert (page.acts[0].kind, page.acts[0].after["steps"]) == ("take back", ["taken back: the merge into main"])
    shown = [line.text.strip() for line in page_lines(page, View(width=120, now=UNDONE, event=None))]
    assert shown[-2:] == [
        "2026-11-22 14:00:00  what was taken back of that  by system sign-off",
        "taken back: the merge into main",
    ]
    assert "– close the issue  withdrawn: the decision was taken back" in shown


def test_a_merge_into_a_branch_that_is_not_checked_out_is_taken_back(
    engine: Engine, sign: Any, main: Path, repository: Any
) -> None:
    git(main, "branch", "release", repository[1])
    undo(engine, sign(signoff_then="merge", signoff_branch="release"))
    assert git(main, "rev-parse", "release") == repository[1]


@pytest.mark.parametrize(
    ("who", "said"),
    [
        (("commit", "-q", "--allow-empty", "-m", "on top"), "main has moved on since."),
        (("branch", "feature"), "feature holds the merge too."),
        (("update-ref", "refs/remotes/origin/main", "HEAD"), "origin/main holds the merge too."),
        (("tag", "v2"), "v2 holds the merge too."),
    ],
)
def test_a_merge_that_somebody_has_stays_and_the_screen_says_so(
    engine: Engine, sign: Any, main: Path, who: tuple[str, ...], said: str
) -> None:
    act = sign(signoff_then="merge")
    git(main, *who)
    before = git(main, "rev-parse", "main")
    done = undo(engine, act)
    assert f"Not taken back: the merge into main. {said}" in done.text
    assert "git revert -m 1" in done.text
    assert git(main, "rev-parse", "main") == before
    assert the(engine, Bug).state == "review"


def test_a_changed_file_in_the_way_keeps_the_merge(engine: Engine, sign: Any, main: Path) -> None:
    act = sign(signoff_then="merge")
    (main / "pricing.py").write_text("price = 3  # mine\n")
    done = undo(engine, act)
    assert "files there are in the way" in done.text
    assert (main / "pricing.py").read_text() == "price = 3  # mine\n"


def test_a_tag_that_was_not_pushed_is_deleted(engine: Engine, sign: Any, main: Path) -> None:
    undo(engine, sign(signoff_tag="always"))
    assert git(main, "tag") == ""


@pytest.mark.parametrize("there", ["pushed", "gone", "not pushed"])
def test_a_tag_stays_where_a_remote_has_it_or_cannot_be_asked(
    engine: Engine, sign: Any, main: Path, tmp_path: Path, there: str
) -> None:
    remote = tmp_path / "remote.git"
    git(main, "remote", "add", "origin", str(remote))
    if there != "gone":
        git(tmp_path, "init", "-q", "--bare", str(remote))
    act = sign(signoff_tag="always")
    if there == "pushed":
        git(main, "push", "-q", "origin", "--tags")
    done = undo(engine, act)
    said = {"pushed": "origin has the tag", "gone": "origin could not be asked", "not pushed": "Taken back: the tag"}
    assert said[there] in done.text
    assert bool(git(main, "tag")) is (there != "not pushed")


def test_a_tag_that_somebody_moved_is_not_ours(main: Path, repository: Any) -> None:
    opened = Repository.open(main)
    opened.tag("one", repository[1], message="ours")
    made = opened.tag_object("one")
    git(main, "tag", "--force", "one", repository[2])
    with pytest.raises(Refused, match="not the one that was made"):
        opened.untag("one", made)


def test_what_was_pushed_for_a_pull_request_stays_and_the_request_is_withdrawn(
    engine: Engine, sign: Any, main: Path, tmp_path: Path, repository: Any
) -> None:
    remote = tmp_path / "octo" / "clinic.git"
    git(tmp_path, "init", "-q", "--bare", str(remote))
    git(main, "remote", "add", "origin", str(remote))
    done = undo(engine, sign(signoff_then="pull_request", github_repository="octo/clinic"))
    assert "What was pushed stays: bugfix/B-012 on origin" in done.text
    assert git(remote, "rev-parse", "bugfix/B-012") == repository[2]
    (pull,) = [row for row in rows(engine, OutboxRow) if row.kind == "open_pull"]
    assert (pull.state, pull.outcome) == ("done", WITHDRAWN)


# --- a rejection -----------------------------------------------------------------------------------------------


@pytest.fixture
def rejected(engine: Engine, bug: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[int, ...]:
    """The act of a rejection; the agent has gone on with it."""

    def resume(*_given: Any, **_named: Any) -> Any:
        fix = the(engine, FixSession)
        options = fix.options | {"phase": "agent"}
        change(engine, fix, state="working", activity="reading", ended_at=None, phase="fix", options=options)

    bug()
    change(engine, the(engine, FixSession), options={"phase": "evidence"}, phase="evidence", activity="demonstrated")
    monkeypatch.setattr(fixing, "resume", resume)
    config: Any = None
    signoff.reject(config, engine, 12, by="Ada", reason="wrong default", now=SIGNED)
    return acts.last_act(engine, by="Ada")


def test_a_rejection_is_taken_back_by_stopping_the_agent(
    engine: Engine, rejected: tuple[int, ...], repository: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def interrupt(*given: Any, **_named: Any) -> None:
        asked.append(given[1])
        change(engine, the(engine, FixSession), state="interrupted", ended_at=UNDONE, activity="by Ada")

    monkeypatch.setattr(fixing, "interrupt", interrupt)
    done = undo(engine, rejected)
    assert asked == ["5e55"]
    assert "rejection of B-012" in done.text
    assert "in its worktree" in done.text
    fix = the(engine, FixSession)
    assert (fix.state, fix.phase, fix.activity, fix.result_commit) == (
        "done",
        "evidence",
        "demonstrated",
        repository[2],
    )
    assert fix.options["phase"] == "evidence"
    assert the(engine, Bug).state == "review"
    assert the(engine, SignOff).undone_by == "Ada"
    assert "took the rejection back" in the(engine, TranscriptEntry).body["text"]
    assert signoff.proposal(engine, 12, now=UNDONE).seen == signoff.Seen(repository[2], 7)


def test_an_agent_that_does_not_stop_keeps_the_rejection(
    engine: Engine, rejected: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "STOPS_WITHIN", 0.0)
    monkeypatch.setattr(fixing, "interrupt", lambda *_given, **_named: None)
    with pytest.raises(Refused, match="still at work") as caught:
        undo(engine, rejected)
    assert "Undo again" in caught.value.cure
    with pytest.raises(Refused, match="at work on the rejection"):
        acts.undo(engine, rejected, by="Ada", now=UNDONE)
    assert the(engine, Bug).state == "fixing"


def test_a_rejection_that_the_agent_has_answered_stands(engine: Engine, rejected: tuple[int, ...]) -> None:
    change(engine, the(engine, FixSession), state="done", ended_at=UNDONE)
    change(engine, the(engine, Bug), state="review")
    with pytest.raises(Refused, match="its state was changed since"):
        undo(engine, rejected)


def test_an_agent_that_could_not_go_on_leaves_a_rejection_that_stands(
    engine: Engine, bug: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resume(*_given: Any, **_named: Any) -> None:
        raise OutsideError("there is no claude")

    bug()
    monkeypatch.setattr(fixing, "resume", resume)
    config: Any = None
    with pytest.raises(OutsideError):
        signoff.reject(config, engine, 12, by="Ada", reason="wrong", now=SIGNED)
    assert the(engine, Bug).state == "review"
    with pytest.raises(Refused, match="its state was changed since"):
        undo(engine, acts.last_act(engine, by="Ada"))


def test_an_issue_that_is_linked_stays_linked(engine: Engine, sign: Any, main: Path, bug: Any) -> None:
    bug()
    fields = {"repository": "octo/clinic", "number": 7, "url": "https://x", "state": "open", "synced_at": NOW}
    change(engine, Issue(bug_id=the(engine, Bug).id, **fields))
    undo(engine, sign())
    assert the(engine, Issue).number == 7
