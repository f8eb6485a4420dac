"""A fix session, watched."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from textual.events import Key
from textual.widgets import Input
from tui.seeded_store import FINISHED, WORKING, entry

from capture.store.tables import FixSession, SessionRequest
from capture.testing import NOW
from workbench.bugs.rows import ApprovalRow, TranscriptRow
from workbench.errors import DatabaseError, OutsideError
from workbench.sessions import terminal
from workbench.tui.app import WorkbenchApp
from workbench.tui.document import TAIL, Document
from workbench.tui.documents.transcript import approval_lines, as_text, entry_lines
from workbench.tui.screens import editing
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.screens.session import SessionScreen

pytestmark = pytest.mark.anyio


def shown(kind: str, **body: Any) -> list[str]:
    return [made.text for made in entry_lines(TranscriptRow(id=1, at=NOW, kind=kind, body=body), 60) if made.text]


def test_each_kind_of_entry_has_its_form() -> None:
    assert shown("text", text="I look.") == ["  I look."]
    assert shown("thinking", text="hm") == ["  hm"]
    assert shown("prompt", text="Fix it.", by="Ada") == ["› Ada", "  Fix it."]
    assert shown("prompt", text="Fix it.") == ["› brief", "  Fix it."]
    assert shown("notice", text="careful") == ["  · careful"]
    assert shown("notice", text=f"careful {'x' * 50}") == ["  · careful", f"    {'x' * 50}"]
    assert shown("tool_use", tool="Bash", input={"command": "ls"}) == ["  ▸ Bash  ls"]
    assert shown("tool_use", tool="Edit", input={"file_path": "a.py", "new_string": "x = 1"})[1] == "    + x = 1"
    assert shown("tool_use", name="Odd", input=None) == ["  ▸ Odd  "]
    assert shown("tool_result", text="one\n\ntwo", is_error=True) == ["    │ one", "    │ two"]
    assert shown("evidence", verdict="refuted", reason="It fails.") == ["  Evidence: ✗ refuted", "  It fails."]
    assert shown("evidence", text="collecting") == ["  ⚖ collecting"]
    assert shown("result", ok=True, cost_usd=0.5, turns=2, text="bye") == [
        "  ■ the agent's turn ended  $0.50 · 2 turns",
    ]
    assert shown("result", ok=False, interrupted=True, text="by Ada") == [
        "  ■ the agent's turn ended  interrupted",
        "  by Ada",
    ]
    assert shown("unheard of", a=[1, {"text": "b"}], c=None) == ["  a: 1", "  b", "  c: null"]


def test_paths_are_shown_from_the_worktree() -> None:
    row = TranscriptRow(id=1, at=NOW, kind="tool_use", body={"tool": "Read", "input": {"file_path": "/w/t/a.py"}})
    assert entry_lines(row, 60, worktree="/w/t")[0].text == "  ▸ Read  a.py"


def test_plain_data_of_any_shape_becomes_text() -> None:
    assert as_text([{"text": "a"}, "b", 3]) == "a\nb\n3"


def test_an_approval_shows_the_exact_tool_and_its_whole_input() -> None:
    given = {"command": "a\nb", "timeout": 5}
    body = {"tool": "Bash", "title": "Run", "reason": "outside the worktree", "input": given}
    row = ApprovalRow(id=1, session_id="s", asked_at=NOW, body=body)
    text = [made.text for made in approval_lines(row, 80)]
    assert text[0] == " ASKS YOU  May the agent use Bash?  Run"
    assert text[1:5] == ["  outside the worktree", "  command: a", "    b", "  timeout: 5"]
    odd = ApprovalRow(id=1, session_id="s", asked_at=NOW, body={"input": "text"})
    assert "  input: text" in [made.text for made in approval_lines(odd, 80)]


async def open_session(app: WorkbenchApp, pilot: Any, settle: Any, session_id: str = WORKING) -> Document:
    await settle(pilot)
    await app.push_screen(SessionScreen(session_id))
    await settle(pilot)
    return app.screen.query_one("#main", Document)


async def test_the_screen_says_rehearsal_state_cost_tokens_turns_and_time(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_session(app, pilot, settle)
        assert " REHEARSAL  happy  ? asks you  4:00  $0.04  18k tokens  3 turns" in text_of(app.screen)
        clock.now = NOW + timedelta(seconds=5)
        app.screen._draw_head()  # type: ignore[attr-defined]
        await pilot.pause()
        assert "4:05" in text_of(app.screen)


async def test_new_entries_are_followed_by_who_is_at_the_end(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_session(app, pilot, settle)
        with Session(seeded) as session:
            for number in range(50):
                entry(session, WORKING, "text", NOW, text=f"word {number}")
            session.commit()
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "word 49" in text_of(app.screen)
        assert document.at_end


async def test_who_has_scrolled_up_stays_there(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_session(app, pilot, settle)
        await pilot.press("g")
        with Session(seeded) as session:
            entry(session, WORKING, "text", NOW, text="\n".join(f"line {number}" for number in range(100)))
            session.commit()
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert (document.cursor, document.scroll_offset.y) == (0, 0)


async def test_the_tail_is_bounded(seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_session(app, pilot, settle)
        with Session(seeded) as session:
            for _ in range(60):
                entry(session, WORKING, "text", NOW, text="\n".join(["line"] * 150))
            session.commit()
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert len(document.lines) == TAIL
        assert document.at_end
        await pilot.press("g")
        with Session(seeded) as session:
            entry(session, WORKING, "text", NOW, text="one more")
            session.commit()
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert len(document.lines) == TAIL


async def test_a_transcript_is_laid_out_anew_for_a_new_width(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        document = await open_session(app, pilot, settle)
        await pilot.resize_terminal(40, 24)
        await eventually(lambda: max(line.width for line in document.lines if "touch" in line.text) <= 40)


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        ("y", ("allow", "")),
        ("a", ("always", "")),
        (("n", "enter"), ("deny", "")),
        (("n", *"use q", "enter"), ("deny", "use q")),
    ],
)
async def test_y_a_and_n_answer_what_the_agent_asks(
    seeded: Engine,
    make_app: Callable[..., WorkbenchApp],
    settle: Any,
    text_of: Any,
    keys: tuple[str, ...],
    answer: tuple[str, str],
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_session(app, pilot, settle)
        assert "command: pip install hutch" in text_of(app.screen)
        await pilot.press(*keys)
        await settle(pilot)
        assert "ASKS YOU" not in text_of(app.screen)
        await pilot.press("y")
        assert "The agent asks for nothing now." in text_of(app.screen)
    with Session(seeded) as session:
        asked = session.exec(select(SessionRequest)).one()
        assert ((asked.answer, asked.answer_note), asked.answered_by) == (answer, "Ada Tester <ada@example.com>")


async def test_n_answers_a_question_and_goes_from_match_to_match_where_there_is_none(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_session(app, pilot, settle)
        await pilot.press("slash", *"the", "enter")
        assert "n no" in text_of(app.screen)
        await pilot.press("n", "escape")  # leaves the question open
        await settle(pilot)
        assert "ASKS YOU" in text_of(app.screen)
        await pilot.press("y")
        await settle(pilot)
        assert "n next match" in text_of(app.screen)
        await pilot.press("n")
        assert "'the': line" in text_of(app.screen)


class Taken:
    """A session that was taken over, in the place of the one with a Claude Code."""

    def __init__(self, ran: list[str], fails: bool, hand_back: Callable[[], Any]) -> None:
        self.ran, self.fails, self.handed_back = ran, fails, hand_back

    def play(self) -> int:
        self.ran.append("play")
        if self.fails:
            raise OutsideError("claude does not start: no memory.", cure="See whether it is there.")
        return 0

    def hand_back(self) -> Any:
        self.ran.append("hand back")
        return self.handed_back()


@pytest.mark.parametrize(
    ("keys", "suspends", "fails", "ran", "told"),
    [
        (("t", "n"), True, False, [], ""),
        (("t", "y"), True, False, ["take", "play", "hand back"], "The session is handed back; r lets its agent go on."),
        (("t", "y"), True, True, ["take", "play", "hand back"], "claude does not start: no memory."),
        (("t", "y"), False, False, ["take", "hand back"], "This terminal cannot be given to another program."),
    ],
)
async def test_t_gives_the_terminal_to_claude_code_and_always_hands_the_session_back(
    seeded: Engine,
    make_app: Callable[..., WorkbenchApp],
    settle: Any,
    text_of: Any,
    monkeypatch: Any,
    keys: tuple[str, ...],
    suspends: bool,
    fails: bool,
    ran: list[str],
    told: str,
) -> None:
    here(seeded)
    app = make_app()
    done: list[str] = []

    def interrupted() -> Any:
        with Session(seeded) as session:
            session.get_one(FixSession, WORKING).state = "interrupted"
            session.commit()
        return app.desk.sessions.session(WORKING)

    def take_over(session_id: str) -> Taken:
        assert session_id == WORKING
        done.append("take")
        return Taken(done, fails, interrupted)

    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.desk.sessions, "take_over", take_over)
        if suspends:
            monkeypatch.setattr(app, "suspend", nullcontext)
        await open_session(app, pilot, settle)
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        await settle(pilot)
        assert done == ran
        assert told in text_of(app.screen)


async def test_k_ends_a_session_that_runs_after_a_yes_and_else_goes_up(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: Any
) -> None:
    here(seeded)
    app = make_app()
    ended: list[str] = []

    def end(session_id: str) -> Any:
        ended.append(session_id)
        with Session(seeded) as session:
            fix = session.get_one(FixSession, WORKING)
            fix.state, fix.activity, fix.ended_at = "interrupted", "ended by Ada", NOW
            session.commit()
        return app.desk.sessions.session(session_id)

    async with app.run_test(size=(100, 30)) as pilot:
        monkeypatch.setattr(app.desk.sessions, "end", end)
        document = await open_session(app, pilot, settle)
        await pilot.press("m", "k", "escape")
        await pilot.press("k", "n")
        assert ended == []
        await pilot.press("k")
        assert f"End session {WORKING[:8]}? (y/N)" in text_of(app.screen)
        await pilot.press("y")
        await settle(pilot)
        assert ended == [WORKING]
        assert f"Session {WORKING[:8]} is over: ended by Ada." in text_of(app.screen)
        at = document.cursor
        await pilot.press("k")
        assert document.cursor == at - 1


async def test_o_opens_a_shell_and_e_the_changed_file_in_the_worktree(
    seeded: Engine,
    make_app: Callable[..., WorkbenchApp],
    settle: Any,
    text_of: Any,
    monkeypatch: Any,
    tmp_path: Path,
) -> None:
    here(seeded, worktree=str(tmp_path))
    (tmp_path / "a.py").write_text("")
    app = make_app()
    ran: list[Any] = []
    monkeypatch.setenv("EDITOR", "vim")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(editing.subprocess, "call", lambda argv: ran.append(argv) or 0)
    monkeypatch.setattr(terminal, "open_shell", lambda folder, environ: ran.append(folder) or 0)
    monkeypatch.setattr(app, "suspend", nullcontext)
    with Session(seeded) as session:
        entry(session, WORKING, "tool_use", NOW, tool="Edit", input={"file_path": "a.py", "new_string": "x = 1"})
        session.commit()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_session(app, pilot, settle)
        await pilot.press("o")
        await settle(pilot)
        assert "Back from the shell." in text_of(app.screen)
        await pilot.press("e")
        await settle(pilot)
        assert "Opened a.py at line 1." in text_of(app.screen)
    assert ran == [tmp_path, ["vim", "+1", str(tmp_path / "a.py")]]


def here(seeded: Engine, **changes: str) -> None:
    """Let the session that is at work run on this machine."""
    with Session(seeded) as session:
        fix = session.get_one(FixSession, WORKING)
        fix.host = socket.gethostname()
        for name, value in changes.items():
            setattr(fix, name, value)
        session.commit()


def type_in(app: WorkbenchApp, *keys: str) -> None:
    for key in keys:
        app.post_message(Key(key, None))


async def test_a_message_is_typed_and_sent_and_escape_keeps_it_back(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_session(app, pilot, settle)
        await pilot.press("m", *"never", "escape")
        assert isinstance(app.screen, SessionScreen)
        await pilot.press("m", "enter")
        await settle(pilot)
        assert "the message to the agent needs words; esc leaves it." in text_of(app.screen)
        await pilot.press(*"look at q", "enter")
        await settle(pilot)
        assert "Sent." in text_of(app.screen)
    with Session(seeded) as session:
        said = session.exec(select(SessionRequest).where(SessionRequest.kind == "message")).one()
        assert said.body == {"text": "look at q"}


async def test_a_message_whose_screen_is_left_at_once_is_told_of_where_one_is(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, text_of: Any, monkeypatch: Any
) -> None:
    app, may_end = make_app(), threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        real = app.desk.sessions.say
        monkeypatch.setattr(app.desk.sessions, "say", lambda *given: may_end.wait(20) and real(*given))
        await open_session(app, pilot, settle)
        await pilot.press("m", *"look")
        type_in(app, "enter", "escape")
        await eventually(lambda: not isinstance(app.screen, SessionScreen))
        may_end.set()
        await settle(pilot)
        assert "Sent." in text_of(app.screen)


async def test_words_that_could_not_be_sent_are_in_their_box_again(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, monkeypatch: Any
) -> None:
    app, may_end, errors = make_app(), threading.Event(), [DatabaseError("Another process writes.")] * 2

    def say(*_given: Any) -> None:
        may_end.wait(20)
        raise errors.pop()

    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        monkeypatch.setattr(app.desk.sessions, "say", say)
        await open_session(app, pilot, settle)
        may_end.set()
        await pilot.press("m", *"look", "enter")
        await settle(pilot)
        assert app.screen.query_one("#say", Input).value == "look"
        assert app.focused is app.screen.query_one("#say", Input)
        may_end.clear()
        type_in(app, "enter", "escape")
        await eventually(lambda: not isinstance(app.screen, SessionScreen))
        may_end.set()
        await settle(pilot)
        told = [each.message.splitlines() for each in app._notifications]
    assert [lines[0] for lines in told] == ["✗ message to the agent: Another process writes."] * 2
    assert "What you wrote is in the box again." in told[0][1]
    assert "What you wrote: look" in told[1][1]


async def test_i_asks_the_session_to_stop(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_session(app, pilot, settle)
        await pilot.press("i")
        await settle(pilot)
        assert "Asked the session to stop" in text_of(app.screen)
    with Session(seeded) as session:
        assert session.exec(select(SessionRequest).where(SessionRequest.kind == "interrupt")).one()


async def test_an_interrupted_session_offers_to_resume(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: Any
) -> None:
    with Session(seeded) as session:
        session.get_one(FixSession, WORKING).state = "interrupted"
        session.commit()
    app = make_app()
    resumed: list[str] = []

    def resume(session_id: str) -> Any:
        resumed.append(session_id)
        return app.desk.sessions.session(session_id)

    async with app.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr(app.desk.sessions, "resume", resume)
        await open_session(app, pilot, settle)
        assert "‖ interrupted" in text_of(app.screen)
        assert "r resume" in text_of(app.screen)
        await pilot.press("r")
        await settle(pilot)
        assert "The session goes on." in text_of(app.screen)
        await pilot.press("escape")
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
        assert isinstance(app.screen, SessionScreen)
    assert resumed == [WORKING, WORKING]


async def test_escape_goes_back_and_the_session_goes_on(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await settle(pilot)
        assert isinstance(app.screen, SessionScreen)
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.screen, BugsScreen)
    with Session(seeded) as session:
        assert session.get_one(FixSession, WORKING).state == "needs_input"
        assert len(session.exec(select(SessionRequest)).all()) == 1


async def test_the_clock_of_a_session_stops_with_it(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_session(app, pilot, settle)
        screen = app.screen
        assert isinstance(screen, SessionScreen)
        assert screen._seconds is not None
        with Session(seeded) as session:
            fix = session.get_one(FixSession, WORKING)
            fix.state, fix.ended_at = "done", NOW
            session.commit()
        screen.reload()
        await settle(pilot)
        assert screen._seconds is None
        await pilot.press("Y")
        assert app.clipboard == f"workbench/B-001-{WORKING[:8]}"


async def test_a_finished_session_leads_to_its_evidence(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await open_session(app, pilot, settle, FINISHED)
        await pilot.press("E")
        await settle(pilot)
        text = text_of(app.screen)
        assert "✓ demonstrated" in text
        assert "REHEARSAL" in text
        assert "$ python -m pytest tests/test_owner.py" in text
        assert "tests/test_owner.py::test_a_pet_without_an_owner_is_shown  failed" in text
        assert "fixed" not in text
        await pilot.press("y")
        assert app.clipboard == "9d3b77e1" * 5


async def test_without_evidence_its_screen_says_when_there_will_be_some(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        assert "No evidence yet." in text_of(app.screen)
        assert "A fix session is at work" in text_of(app.screen)
        assert "launches" not in text_of(app.screen)
        await pilot.press("y")


async def test_what_was_said_of_a_live_session_goes_when_it_ends(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_session(app, pilot, settle)
        await pilot.press("i")
        await settle(pilot)
        assert "Asked the session to stop" in text_of(app.screen)
        with Session(seeded) as session:
            row = session.exec(select(FixSession).where(FixSession.id == WORKING)).one()
            row.state, row.ended_at = "interrupted", NOW
            session.commit()
        app.on_store_changed()
        await settle(pilot)
        assert "Asked the session to stop" not in text_of(app.screen)
