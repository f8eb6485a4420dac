"""All fix sessions of all bugs, watched and steered from one screen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from tui.hostile import FORBIDDEN, HOSTILE
from tui.seeded_store import FINISHED, WORKING, seed

from capture.store.tables import Bug, FixSession, SessionRequest
from capture.testing import NOW
from workbench.bugs.overview import Overview, SessionLine, overview
from workbench.bugs.rows import ApprovalRow, SessionRow
from workbench.tui.app import WorkbenchApp
from workbench.tui.documents.sessions import columns, detail_lines, head_line, heading_line, question, row_line
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.session import SessionScreen
from workbench.tui.screens.sessions import ENDED, SessionsScreen

MINUTE = timedelta(minutes=1)


def row(**fields: Any) -> SessionRow:
    standard: dict[str, Any] = {
        "id": WORKING, "bug": 1, "state": "working", "activity": "reads pricing.py", "rehearsal": None,
        "model": "claude-sonnet", "launched_by": "Ada Tester <ada@example.com>", "cost_usd": 0.5, "tokens": 1_000,
        "turns": 3, "repository": "/srv/checkout", "branch": "b", "worktree": "/w", "base_commit": "4f2d",
        "result_commit": None, "host": "laptop", "pid": 1, "heartbeat_at": None, "started_at": NOW - 4 * MINUTE,
        "ended_at": None, "phase": "test",
    }  # fmt: skip
    return SessionRow(**(standard | fields))


def shown(width: int, line: SessionLine) -> str:
    return row_line(line, columns(width), NOW).text


ASKED = ApprovalRow(
    id=1, session_id=WORKING, asked_at=NOW - 3 * MINUTE, body={"tool": "Bash", "input": {"command": "pip install\nx"}}
)


def add(engine: Engine, **fields: Any) -> str:
    """Add a session of B-002, or of the bug given, and return its id."""
    bug = fields.pop("bug", 2)
    with Session(engine) as session:
        number = len(session.exec(select(FixSession.id)).all())
        standard = {
            "id": f"{number:08x}-0000-4000-8000-00000000000a", "launched_by": "Grace <grace@example.com>",
            "repository": "/srv/checkout", "branch": f"workbench/{number}", "worktree": "/w", "base_commit": "4f2d",
            "bug_id": session.exec(select(Bug.id).where(Bug.number == bug)).one(), "started_at": NOW - 9 * MINUTE,
        }  # fmt: skip
        fix = FixSession(**(standard | fields))
        session.add(fix)
        session.commit()
        return fix.id


def ids(rows: tuple[SessionLine, ...]) -> list[str]:
    return [each.session.id for each in rows]


def look(engine: Engine, *, ended: int = ENDED) -> Overview:
    return overview(engine, ended=ended, host="laptop", claim="claim")


# --- what is read ------------------------------------------------------------------------------------------------


def test_who_asks_comes_first_then_what_stopped_then_who_works_then_who_waits(seeded: Engine) -> None:
    working = add(seeded, state="working", host="laptop")
    queued = add(seeded, state="queued", bug=4)
    failed = add(seeded, state="failed", bug=4, started_at=NOW - 99 * MINUTE, ended_at=NOW - 90 * MINUTE)
    found = look(seeded)
    assert ids(found.needs_you) == [WORKING, FINISHED]  # B-003 waits for a decision
    assert ids(found.at_work) == [working, queued]
    assert ids(found.ended) == [failed]
    assert (found.at_work_here, found.earlier) == (2, 0)
    assert found.by_state == {"needs_input": 1, "done": 1, "working": 1, "queued": 1, "failed": 1}


def test_a_question_comes_with_its_age_and_a_session_with_its_cap(any_engine: Engine) -> None:
    seed(any_engine)
    with Session(any_engine) as session:
        session.get_one(FixSession, WORKING).options = {"max_cost_usd": 5}
        later = SessionRequest(session_id=WORKING, kind="approval", asked_at=NOW, asked_by="agent", body={"tool": "B"})
        session.add(later)
        session.commit()
    asks = look(any_engine).needs_you[0]
    assert asks.question is not None
    assert (asks.question.body["tool"], asks.question.asked_at, asks.cap_usd) == ("Bash", NOW - 3 * MINUTE, 5.0)


def test_an_interrupted_session_needs_a_person_as_long_as_it_keeps_its_bug(seeded: Engine) -> None:
    with Session(seeded) as session:
        fix = session.get_one(FixSession, WORKING)
        fix.state, fix.ended_at = "interrupted", NOW
        session.commit()
    assert WORKING in ids(look(seeded).needs_you)
    add(seeded, bug=1, state="working", started_at=NOW)  # somebody went on with another
    assert WORKING in ids(look(seeded).ended)


def test_what_is_read_is_bounded_however_many_ended(seeded: Engine, count_statements: Any) -> None:
    for number in range(6):
        add(seeded, state="failed", started_at=NOW - 99 * MINUTE, ended_at=NOW - number * MINUTE)
    with count_statements(seeded) as statements:
        found = look(seeded, ended=2)
    assert [each.session.ended_at for each in found.ended] == [NOW, NOW - MINUTE]
    assert found.earlier == 4
    assert len([each for each in statements if each.startswith("SELECT")]) == 5


# --- how it is said ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, ["▸ working", "4:00", "$0.50/5", "reads pricing.py"]),
        ({"state": "queued", "activity": "waits for a place"}, ["· queued", "waits for a place"]),
        ({"state": "waiting", "activity": "until 12:30"}, ["▸ waiting", "until 12:30"]),
        ({"state": "failed", "ended_at": NOW, "activity": "the cap is spent"}, ["✗ failed", "now · the cap is"]),
        ({"state": "interrupted", "ended_at": NOW}, ["‖ interrupted"]),
        ({"state": "done", "ended_at": NOW}, ["✓ done"]),
        ({"is_cost_estimated": True}, ["~$0.50/5"]),
        ({"alarm": "hooks changed"}, ["⚠ hooks changed"]),
        ({"rehearsal": "happy"}, [" R  KeyError"]),
    ],
)
def test_every_state_says_what_it_waits_for_in_80_columns(fields: dict[str, Any], words: list[str]) -> None:
    text = shown(78, SessionLine(row(**fields), "KeyError", "fixing", 5.0))
    assert [word for word in words if word not in text] == []


def test_a_question_stands_in_its_line_with_its_age() -> None:
    text = shown(78, SessionLine(row(state="needs_input"), "KeyError", "fixing", None, ASKED))
    assert "? asks you 3m" in text
    assert "Bash: pip install" in text
    assert "◇ to decide" in shown(78, SessionLine(row(state="done"), "KeyError", "review"))


def test_what_a_narrow_line_has_no_room_for_stands_below_the_list() -> None:
    line = SessionLine(row(activity=f"the API is overloaded {'x' * 60} until 12:30"), "KeyError", "fixing", 5.0)
    text = "\n".join(made.text for made in detail_lines(line, 76))
    for words in (
        "B-001  KeyError",
        "until 12:30",
        "claude-sonnet · 1 test · 3 turns · 1.0k tokens · Ada Tester on laptop",
    ):
        assert words in text


@pytest.mark.parametrize("width", [20, 40, 58, 78, 98, 118, 138, 178, 298])
def test_heading_and_line_fill_the_same_cells_in_any_width(width: int) -> None:
    fitted = columns(width)
    line = SessionLine(row(), "KeyError", "fixing", 5.0)
    assert heading_line(fitted).width == row_line(line, fitted, NOW).width
    assert width < 40 or heading_line(fitted).width == width


def test_a_wide_line_has_all_columns() -> None:
    text = shown(178, SessionLine(row(rehearsal="happy"), "KeyError", "fixing", 5.0))
    for word in (" REHEARSAL ", "1 test", "claude-sonnet", "Ada Tester", "laptop", "  3 "):
        assert word in text


def test_the_first_line_of_a_question_is_its_tool_and_what_it_does() -> None:
    assert question(ASKED.body) == "Bash: pip install"
    assert question({"tool": "Odd", "input": {"a": "b"}}) == "Odd: b"
    assert question({"title": "Skip the test?"}) == "a tool: Skip the test?"
    assert question({"tool": "Odd", "input": "text"}) == "Odd: text"


def test_the_totals_are_told_against_their_limits() -> None:
    found = Overview(by_state={"needs_input": 1, "working": 3, "quiet": 1, "queued": 2}, at_work_here=4)
    text = head_line(found, places=8, today_usd=1.5, daily_usd=20.0).text.rstrip()
    assert text == "? 1 asks  ◇ 0 to decide  ▸ 4 at work  · 2 queued  4/8 places  $1.50/20 today"
    assert " $1.50 today" in head_line(found, places=8, today_usd=1.5, daily_usd=0.0).text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_in_any_field_is_dead(text: str) -> None:
    names = ("activity", "model", "host", "launched_by", "alarm", "rehearsal", "phase", "state", "branch")
    said = dict.fromkeys(names, text)
    asked = ApprovalRow(id=1, session_id="s", asked_at=NOW, body={"tool": text, "input": {text: text}})
    for line in (SessionLine(row(**said), text, text), SessionLine(row(**said), text, text, None, asked)):
        assert not FORBIDDEN & set(shown(178, line))
        assert not any(FORBIDDEN & set(made.text) for made in detail_lines(line, 80))


# --- the screen --------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_a_key_of_the_list_shows_all_sessions_and_enter_opens_one(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("A")
        await settle(pilot)
        text = text_of(app.screen)
        for words in ("? 1 asks  ", "Needs you", "? asks you 3m", "Bash: pip install", "◇ to decide", "B-003"):
            assert words in text
        assert "May the agent use Bash?" in text  # the whole question of the selected one
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, SessionScreen)
        await pilot.press("A")
        assert isinstance(app.screen, SessionsScreen)
        await pilot.press("b")
        await settle(pilot)
        assert isinstance(app.screen, BugScreen)
        assert app.screen.bug is not None
        assert app.screen.bug.number == 1


async def opened(app: WorkbenchApp, pilot: Any, settle: Any) -> SessionsScreen:
    await settle(pilot)
    await app.push_screen(screen := SessionsScreen())
    await settle(pilot)
    return screen


def requests(engine: Engine) -> list[tuple[str, str, str | None]]:
    with Session(engine) as session:
        return [(each.session_id, each.kind, each.answer) for each in session.exec(select(SessionRequest))]


@pytest.mark.anyio
async def test_a_question_is_answered_and_a_session_steered_from_here(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(app, pilot, settle)
        await pilot.press("m", *"hi", "enter")
        await settle(pilot)
        await pilot.press("i")
        await settle(pilot)
        await pilot.press("n", *"no", "enter")
        await settle(pilot)
        assert requests(seeded) == [
            (WORKING, "approval", "deny"), (WORKING, "message", None), (WORKING, "interrupt", None)
        ]  # fmt: skip
        assert "May the agent use" not in text_of(screen)
        await pilot.press("y")
        await settle(pilot)
        assert "The agent asks for nothing now." in text_of(screen)


@pytest.mark.anyio
async def test_nobody_says_yes_to_a_question_that_is_not_shown_whole(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    with Session(seeded) as session:
        asked = session.exec(select(SessionRequest)).one()
        asked.body = {"tool": "Bash", "input": {"command": "\n".join(f"line {number}" for number in range(20))}}
        session.commit()
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, settle)
        assert "enter shows the whole question" in text_of(screen)
        await pilot.press("y")
        await settle(pilot)
        assert "The question has no room here" in text_of(screen)
    assert requests(seeded) == [(WORKING, "approval", None)]


@pytest.mark.anyio
async def test_the_cursor_stays_on_its_session_while_others_come_and_move(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        mine = add(seeded, state="working", started_at=NOW)
        screen = await opened(app, pilot, settle)
        await pilot.press("G")
        assert screen.selected is not None
        assert screen.selected.session.id == mine
        for _ in range(3):
            add(seeded, state="working", bug=4, started_at=NOW - 20 * MINUTE)
        screen.reload()
        await settle(pilot)
        assert screen.selected.session.id == mine
        with Session(seeded) as session:
            fix = session.get_one(FixSession, mine)
            fix.state, fix.ended_at = "failed", NOW
            session.commit()
        screen.reload()
        await settle(pilot)
        assert screen.selected.session.id == mine


@pytest.mark.anyio
async def test_more_that_ended_is_read_when_the_last_is_reached(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.tui.screens.sessions.ENDED", 3)
    for number in range(8):
        add(seeded, state="failed", started_at=NOW - 99 * MINUTE, ended_at=NOW - number * MINUTE)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, settle)
        counts = [screen.list.line_count]
        for _ in range(3):
            await pilot.press("G")
            await settle(pilot)
            counts.append(screen.list.line_count)
    assert [after - before for before, after in pairwise(counts)] == [3, 2, 0]


@pytest.mark.anyio
async def test_an_empty_screen_says_what_fills_it(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, settle)
        assert "No fix session yet." in text_of(screen)
        assert "tick the rehearsal in its form" in " ".join(text_of(screen).split())
        assert "workbench fix" not in text_of(screen), "there is a key for it"
        assert "f on a bug" in " ".join(text_of(screen).split())
        await pilot.press("enter", "i")
        assert "The session is not at work." in text_of(screen)
