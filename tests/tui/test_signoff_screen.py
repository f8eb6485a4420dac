"""The sign-off: what a person sees before, and what follows."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from textual.events import Key
from textual.widgets import Input
from tui.seeded_store import FINISHED

from capture.store.tables import Bug, EvidenceRow, FixSession, SignOff
from capture.testing import NOW
from workbench.bugs import queries
from workbench.errors import DatabaseError, NotFound
from workbench.tui.document import Document
from workbench.tui.documents.diff import diff_lines
from workbench.tui.documents.evidence import evidence_lines
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.screens.session import SessionScreen
from workbench.tui.screens.signoff import SignOffScreen

pytestmark = pytest.mark.anyio


@pytest.fixture
def deciding(checkout: tuple[str, str], visit: Any) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Return what opens the sign-off of B-003."""

    @asynccontextmanager
    async def deciding(*, size: tuple[int, int] = (110, 40)) -> AsyncIterator[Any]:
        async with visit("j", "j", "v", size=size) as shown:
            assert isinstance(shown.screen, SignOffScreen)
            yield shown

    return deciding


def decisions(engine: Engine) -> list[SignOff]:
    with Session(engine) as session:
        return list(session.exec(select(SignOff).where(SignOff.bug_id == 3)))


def state(engine: Engine) -> str:
    with Session(engine) as session:
        return session.exec(select(Bug).where(Bug.number == 3)).one().state


async def test_it_shows_evidence_diff_and_the_question_with_its_object(
    seeded: Engine, checkout: tuple[str, str], deciding: Any
) -> None:
    async with deciding(size=(120, 60)) as shown:
        text = shown.text
    assert "REHEARSAL" in text
    assert "✓ demonstrated" in text
    assert "+ <dd>{{ pet.owner.name|default:'nobody' }}</dd>" in " ".join(text.split())
    order = ["✓ demonstrated", "Flags", "Diff", "Cost"]
    assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)
    assert "On yes the bug" in text
    assert f"Sign off B-003 at {checkout[1][:10]} as Ada Tester <ada@example.com>? (y/N)" in text


@pytest.mark.parametrize("key", ["enter", "N", "escape", "space"])
async def test_only_y_signs(seeded: Engine, key: str, deciding: Any) -> None:
    async with deciding(size=(100, 30)) as shown:
        await shown.press(key)
    assert decisions(seeded) == []
    assert state(seeded) == "review"


async def test_y_records_it_with_the_note_and_shows_what_follows(
    seeded: Engine, checkout: tuple[str, str], eventually: Any, deciding: Any
) -> None:
    async with deciding() as shown:
        await shown.press("n", *"seen it", "enter")
        await eventually(lambda: "with the note: seen it" in shown.text)
        await shown.press("y")
        text = shown.text
        assert "✓ B-003 is closed." in text
        assert "by Ada Tester <ada@example.com>" in text
        assert "seen it" in text
        assert "○ owed: comment on the issue" in text
        assert "○ owed: close the issue" in text
        assert "○ owed: write the bug file" in text
        assert f"git merge {checkout[1]}" in text
        assert "(y/N)" not in text
        await shown.press("c")
        assert shown.app.clipboard == f"git merge {checkout[1]}"
        await shown.press("y")
        assert "The decision is made." in shown.text
    signed = decisions(seeded)
    assert [(row.decision, row.by, row.commit, row.note) for row in signed] == [
        ("verified", "Ada Tester <ada@example.com>", checkout[1], "seen it")
    ]
    assert state(seeded) == "closed"


async def test_a_sign_off_whose_page_is_left_at_once_is_recorded_once_told_and_can_be_undone(
    seeded: Engine, settle: Any, eventually: Any, deciding: Any
) -> None:
    async with deciding() as shown:
        for key in ("y", "y", "escape"):
            shown.app.post_message(Key(key, key if len(key) == 1 else None))
        await eventually(lambda: isinstance(shown.app.screen, BugsScreen))
        await eventually(lambda: len(shown.app.undoable) == 1)
        assert "Signed off B-003." in [each.message.splitlines()[0] for each in shown.app._notifications]
        assert len(decisions(seeded)) == 1
        await shown.press("u")
        assert state(seeded) == "review"


async def test_what_the_rules_refuse_is_told_with_its_cure(seeded: Engine, deciding: Any) -> None:
    with Session(seeded) as session:
        session.exec(select(EvidenceRow)).one().verdict = "partial"
        session.commit()
    async with deciding(size=(100, 30)) as shown:
        await shown.press("y")
        assert "✗ sign-off of B-003: The evidence says “partial”, so signing it needs a reason." in shown.text
        assert "Give a note that says why you sign it." in shown.text
    assert decisions(seeded) == []


async def test_a_rejection_needs_a_reason_and_leads_back_to_the_session(
    seeded: Engine, monkeypatch: Any, deciding: Any
) -> None:
    sent: list[tuple[int, str]] = []

    def reject(number: int, reason: str) -> Any:
        sent.append((number, reason))
        return queries.sessions(seeded, bug=number)[0]

    async with deciding(size=(100, 30)) as shown:
        monkeypatch.setattr(shown.app.desk, "reject", reject)
        await shown.press("x", "enter")
        assert "A rejection needs a reason" in shown.text
        await shown.press("escape")
        assert isinstance(shown.screen, SignOffScreen)
        await shown.press("x", *"no qy", "enter")
        assert isinstance(shown.screen, SessionScreen)
        await shown.press("escape")
        assert isinstance(shown.screen, BugsScreen)
    assert sent == [(3, "no qy")]


async def test_a_rejection_whose_page_is_left_is_told_and_its_reason_is_not_lost(
    seeded: Engine, monkeypatch: Any, eventually: Any, deciding: Any
) -> None:
    errors, is_left = [DatabaseError("Another process writes.")], threading.Event()

    def reject(number: int, _reason: str) -> Any:
        if errors:
            raise errors.pop()
        is_left.wait(20)
        return queries.sessions(seeded, bug=number)[0]

    async with deciding(size=(100, 30)) as shown:
        monkeypatch.setattr(shown.app.desk, "reject", reject)
        await shown.press("x", *"no qy", "enter")
        told = [each.message for each in shown.app._notifications]
        assert told[0].startswith("✗ rejection of B-003: Another process writes.")
        assert shown.screen.query_one("#say", Input).value == "no qy"
        for key in ("enter", "escape"):
            shown.app.post_message(Key(key, None))
        await eventually(lambda: isinstance(shown.screen, BugsScreen))
        is_left.set()
        await shown.settle()
        told = [each.message for each in shown.app._notifications]
    assert told[1].startswith("Rejected the fix of B-003: the agent goes on.")


async def test_a_bug_that_left_review_cannot_be_signed(seeded: Engine, visit: Any) -> None:
    async with visit(size=(100, 30)) as shown:
        await shown.app.push_screen(SignOffScreen(1))
        await shown.settle()
        assert "✗ B-001" in shown.text
        await shown.press("y", "c", "2", "3")
        assert state(seeded) == "review"


async def test_where_the_commit_is_missing_all_else_is_shown_and_the_rest_once_it_is_there(
    seeded: Engine, checkout: tuple[str, str], deciding: Any
) -> None:
    def lead_to(commit: str) -> None:
        with Session(seeded) as session:
            session.get_one(FixSession, FINISHED).result_commit = commit
            session.exec(select(EvidenceRow)).one().result_commit = commit
            session.commit()

    lead_to("4f2d" * 10)
    async with deciding(size=(120, 60)) as shown:
        text = " ".join(shown.text.split())
        assert "B-003" in text
        assert "Reading …" not in text
        assert "has no commit '4f2d" in text
        assert "`git fetch` brings it" in text
        assert ["✓ demonstrated" in text, "Flags" in text, "REHEARSAL" in text] == [True] * 3
        assert "(y/N)" not in text
        for key in ("y", "c", "x"):
            await shown.press(key)
            status = " ".join(shown.text.splitlines()[-4:])
            assert "has no commit '4f2d" in " ".join(status.split())
        assert shown.app.clipboard == ""
        lead_to(checkout[1])
        shown.app.on_store_changed()
        await shown.settle()
        text = shown.text
        assert "Nothing to decide on here" not in text
        assert "+ <dd>{{ pet.owner.name|default" in " ".join(text.split())
        assert "(y/N)" in text
        await shown.press("y")
    assert [row.commit for row in decisions(seeded)] == [checkout[1]]


async def test_a_missing_commit_is_looked_for_again_by_itself(
    seeded: Engine, checkout: tuple[str, str], monkeypatch: Any, eventually: Any, deciding: Any
) -> None:
    found: list[Any] = [NotFound("Not fetched.", cure="Fetch.")]
    monkeypatch.setattr("workbench.tui.screens.signoff.RETRY_SECONDS", 0.05)

    def diff(*_given: Any) -> str:
        if found:
            raise found.pop()
        return ""

    monkeypatch.setattr("workbench.git.Repository.diff", diff)
    async with deciding() as shown:
        # The question has no room before the layout that follows.
        await eventually(lambda: "The change is empty." in shown.text and "(y/N)" in shown.text)


async def test_sections_are_reached_by_number(seeded: Engine, deciding: Any) -> None:
    async with deciding(size=(80, 24)) as shown:
        document = shown.screen.query_one("#main", Document)
        names = [name for _, name in document.sections]
        await shown.press(str(names.index("diff") + 1))
        assert document.section == "diff"
        shown.screen.do_section_number()  # type: ignore[attr-defined]


def test_missing_evidence_and_an_empty_change_are_said(seeded: Engine) -> None:
    assert "The change is empty." in diff_lines("\n", 80)[-1].text
    evidence = queries.bug_page(seeded, 3, now=NOW).evidence
    assert evidence is not None
    text = "\n".join(made.text for made in evidence_lines(replace(evidence, runs=(), flags=()), 80))
    assert "No test was run." in text
    assert "None: nothing in the change weakens a test." in text


def test_runs_are_told_with_their_notes_and_at_most_a_dozen_tests(seeded: Engine) -> None:
    evidence = queries.bug_page(seeded, 3, now=NOW).evidence
    assert evidence is not None
    tests = [{"id": f"t{number}", "outcome": "error" if number == 0 else "skipped"} for number in range(20)]
    run = {"name": "base", "outcome": "odd", "note": "timed out", "tests": tests, "seconds": "?"}
    text = "\n".join(made.text for made in evidence_lines(replace(evidence, runs=(run,)), 80))
    assert "? odd     base" in text
    assert "    timed out" in text
    assert "✗ t0  error" in text
    assert "… 8 more tests" in text


@pytest.mark.parametrize(
    ("sandbox", "told"),
    [
        ("on", "    in a sandbox"),
        ("none: bubblewrap is \x1b missing", "    no sandbox: bubblewrap is \u241b missing"),
    ],
)
def test_a_run_tells_whether_it_was_contained(seeded: Engine, sandbox: str, told: str) -> None:
    evidence = queries.bug_page(seeded, 3, now=NOW).evidence
    assert evidence is not None
    run = {"name": "base", "outcome": "passed", "tests": [], "sandbox": sandbox}
    assert told in [made.text for made in evidence_lines(replace(evidence, runs=(run,)), 80)]


async def test_a_fix_without_evidence_says_that_nothing_was_run(seeded: Engine, deciding: Any) -> None:
    with Session(seeded) as session:
        session.delete(session.exec(select(EvidenceRow)).one())
        session.commit()
    async with deciding(size=(100, 40)) as shown:
        assert "None was collected: no test was run." in shown.text


async def test_while_words_are_typed_nothing_else_is_asked_and_the_footer_names_the_keys_of_the_box(
    seeded: Engine, deciding: Any
) -> None:
    async with deciding(size=(100, 30)) as shown:
        await shown.press("x", "y")
        text = shown.text
        assert "(y/N)" not in text
        assert "y sign off" not in text
        assert text.splitlines()[-1].split() == ["enter", "done", "esc", "leave"]
        await shown.press("escape")
        assert "(y/N)" in shown.text
        assert "y sign off" in shown.text
        await shown.press("n", "o", "k")
        await shown.pilot.click("#keys", offset=(2, 0))
        await shown.settle()
        assert "with the note: ok" in shown.text
    assert decisions(seeded) == []


async def test_before_the_proposal_is_read_a_decision_says_why_it_can_t_be_made(seeded: Engine, visit: Any) -> None:
    async with visit(size=(100, 30)) as shown:
        await shown.app.push_screen(SignOffScreen(1))
        await shown.settle()
        await shown.press("y")
        assert "B-001 is fixing, not in review." in shown.text.splitlines()[-2]


async def test_a_refusal_stays_in_sight_when_somebody_writes_to_the_store(seeded: Engine, deciding: Any) -> None:
    with Session(seeded) as session:
        session.exec(select(EvidenceRow)).one().verdict = "partial"
        session.commit()
    async with deciding(size=(100, 30)) as shown:
        await shown.press("y")
        shown.app.on_store_changed()
        await shown.settle()
        assert "so signing it needs a reason." in shown.text


async def test_u_takes_the_decision_back_and_asks_for_it_again(seeded: Engine, deciding: Any) -> None:
    async with deciding() as shown:
        await shown.press("u")
        assert "No decision was made here that can be taken back." in shown.text
        await shown.press("y")
        assert "u take the decision back" in shown.text
        await shown.press("u")
        text = shown.text
        assert "Undone: sign-off of B-003." in text
        assert "(y/N)" in text
    assert state(seeded) == "review"
    assert [(row.decision, row.undone_by) for row in decisions(seeded)] == [
        ("verified", "Ada Tester <ada@example.com>")
    ]


async def test_a_refused_undo_says_why_and_leaves_the_decision(seeded: Engine, deciding: Any) -> None:
    async with deciding() as shown:
        await shown.press("y")
        with Session(seeded) as session:
            session.exec(select(Bug).where(Bug.number == 3)).one().state = "open"
            session.commit()
        await shown.press("u")
        assert "cannot be undone: its state was changed since." in shown.text
        assert "Signed off" in shown.text
        assert "u take the decision back" not in shown.text


async def test_a_worktree_is_removed_after_a_question_that_names_what_would_be_lost(
    seeded: Engine, checkout: tuple[str, str], clinic: Path, deciding: Any
) -> None:
    tree = clinic.parent / "B-003-1"
    base, result = checkout
    subprocess.run(["git", "worktree", "add", "-q", "-b", "workbench/B-003-1", str(tree), base], cwd=clinic, check=True)
    fixed = subprocess.run(["git", "show", f"{result}:pet_detail.html"], cwd=clinic, check=True, capture_output=True)
    (tree / "pet_detail.html").write_bytes(fixed.stdout)  # as it is in the fix
    (tree / "scratch.txt").write_text("mine")
    with Session(seeded) as session:
        for fix in session.exec(select(FixSession).where(FixSession.bug_id == 3)):
            fix.worktree = str(tree)
        session.commit()
    async with deciding() as shown:
        await shown.press("W")
        assert "The worktree stays until the decision is made." in shown.text
        await shown.press("y")
        await shown.press("W")
        text = shown.text
        assert "Remove the worktree?" in text
        assert "scratch.txt" in text
        assert "pet_detail.html" not in str(shown.screen._facts)  # type: ignore[attr-defined]
        await shown.press("n")
        assert tree.is_dir()
        await shown.press("W", "y")
        assert "Removed the worktree" in shown.text
        assert not tree.exists()
        await shown.press("W")
        assert "The fix has no worktree (any more)." in shown.text


async def test_what_is_proposed_not_to_be_a_bug_is_closed_as_none(seeded: Engine, deciding: Any) -> None:
    with Session(seeded) as session:
        session.get_one(FixSession, FINISHED).not_a_bug = "A scanner asks for\nwhat never was."
        session.commit()
    async with deciding() as shown:
        text = shown.text
        assert "Proposal: not a bug" in text
        assert "what never was." in text
        assert "Close as not a bug: B-003" in text
        await shown.press("y")
        text = shown.text
        assert "✓ B-003 is closed." in text
        assert "git merge" not in text
        assert "u takes the decision back" in text
    assert [row.decision for row in decisions(seeded)] == ["not a bug"]


async def test_what_was_done_with_the_fix_and_what_was_not_stands_among_what_follows(
    seeded: Engine, clinic: Path, deciding: Any
) -> None:
    (clinic / "workbench.toml").write_text('signoff.then = "pull_request"\nsignoff.tag = "always"\n')
    async with deciding() as shown:
        assert "a pull request for main is opened" in shown.text
        await shown.press("y")
        text = shown.text
        assert "✓ made the tag workbench/B-003/" in text
        assert "! no pull request: there is no repository on GitHub" in text
