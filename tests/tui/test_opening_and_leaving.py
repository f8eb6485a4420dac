"""Opening the workbench, leaving it, and what goes on in the background meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session
from terminal import Terminal
from tui.seeded_store import WORKING

from capture.errors import StoreBusy
from capture.store.intake import Batch, take_in
from capture.store.tables import FixSession
from capture.testing import NOW, make_event
from workbench import config
from workbench.errors import DatabaseError
from workbench.tui import app as app_module
from workbench.tui.app import Told, WorkbenchApp, run
from workbench.tui.background import NUDGED_SECONDS, Background, Ending, Tell
from workbench.tui.desk import Desk
from workbench.tui.failures import told
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.help import HelpScreen
from workbench.tui.themes import DARK

pytestmark = pytest.mark.anyio
OPEN = "import sys; from workbench import config; from workbench.tui.app import run; sys.exit(run(config.load()))"


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("COV_CORE")}


def test_the_first_paint_waits_for_no_database_github_or_git(clinic: Path) -> None:
    """The slow libraries are not imported when the first screen is drawn."""
    program = """
import asyncio, sys
from workbench import config
from workbench.tui.app import WorkbenchApp

async def main():
    app = WorkbenchApp(config.load())
    app._open = lambda: None
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "Opening the database" in "".join(strip.text for strip in app.screen._compositor.render_strips())
        slow = {"sqlmodel", "sqlalchemy", "github", "git", "django", "claude_agent_sdk"}
        print(sorted(slow & {name.partition(".")[0] for name in sys.modules}))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=clinic, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_the_first_frame_is_drawn_before_the_list_is_loaded(clinic: Path) -> None:
    """Nor is a frozen dataclass of ours made for it: each takes as long as ten named tuples."""
    program = """
import asyncio, sys
from workbench import config
from workbench.tui.app import WorkbenchApp

async def main():
    WorkbenchApp.on_ready = lambda self: None
    app = WorkbenchApp(config.load())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "Opening the database" in "".join(strip.text for strip in app.screen._compositor.render_strips())
        loaded = {name: module for name, module in sys.modules.items() if name.startswith("workbench.tui")}
        print([name for name in loaded if name.endswith(("bugs", "columns", "prompts", "remembered", "background"))])
        made = {each for module in loaded.values() for each in vars(module).values() if isinstance(each, type)}
        ours = [each for each in made if each.__module__ in loaded and hasattr(each, "__dataclass_params__")]
        print([each.__name__ for each in ours if each.__dataclass_params__.frozen])

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=clinic, capture_output=True, text=True, check=False)
    assert (done.stdout.split("\n"), done.stderr) == (["[]", "[]", ""], "")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_list_takes_the_place_of_the_first_frame_unseen(
    make_app: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    frames = []
    monkeypatch.setattr(WorkbenchApp, "_open", lambda self: None)
    for changes in ({}, {"on_ready": lambda self: None}):
        for name, change in changes.items():
            monkeypatch.setattr(WorkbenchApp, name, change)
        app = make_app()
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            frames.append((type(app.screen).__name__, text_of(app.screen)))
    (listed, first), (opening, second) = frames
    assert (listed, opening) == ("BugsScreen", "OpeningScreen")
    assert first == second


def test_a_missing_database_ends_with_message_cure_and_exit_code(clinic: Path) -> None:
    with Terminal([sys.executable, "-c", OPEN], env=environment(), cwd=clinic) as terminal:
        shown = terminal.wait_for("workbench db upgrade")
        assert terminal.wait_for_exit() == 5
    assert "workbench: There is no database at" in shown
    assert "workbench db upgrade" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
def test_a_database_that_does_not_answer_keeps_nobody_from_leaving(clinic: Path, key: str) -> None:
    waits = "import threading; from workbench.tui.desk import Desk; Desk.open = lambda self: threading.Event().wait(); "
    with Terminal([sys.executable, "-c", waits + OPEN], env=environment(), cwd=clinic) as terminal:
        terminal.wait_for("Opening the database")
        terminal.press(key)
        assert terminal.wait_for_exit() == 0


def test_a_hangup_ends_it_even_where_hangups_are_ignored(clinic: Path, store: Engine) -> None:
    argv = [sys.executable, "-c", "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); " + OPEN]
    with Terminal(argv, env=environment(), cwd=clinic) as terminal:
        terminal.wait_for("No bugs yet")
        os.kill(terminal.pid, signal.SIGHUP)
        assert terminal.wait_for_exit() == 130


def test_a_key_typed_ahead_of_the_first_paint_keeps_the_store_from_nothing(clinic: Path, store: Engine) -> None:
    """What was put in front before anything was drawn is read all the same."""
    with Terminal([sys.executable, "-c", OPEN], env=environment(), cwd=clinic) as terminal:
        terminal.press("A")  # the terminal keeps it until somebody reads
        terminal.wait_for("No fix session yet")


def test_without_a_terminal_the_commands_are_named(
    clinic: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config.load(start=clinic, environ={})) == 2
    assert "workbench bugs list" in capsys.readouterr().err


def test_in_a_dumb_terminal_the_commands_are_named(clinic: Path) -> None:
    program = "import os, sys; os.environ['TERM'] = 'dumb'; from workbench.__main__ import main; sys.exit(main())"
    with Terminal([sys.executable, "-c", program], env=environment(), cwd=clinic) as terminal:
        assert terminal.wait_for_exit() == 2
        assert "(TERM=dumb) cannot show the screen." in terminal.text
        assert "workbench bugs list" in terminal.text


@pytest.mark.parametrize(("failure", "code"), [(None, 0), (DatabaseError("It is locked.", cure="Wait."), 5)])
def test_run_gives_back_the_exit_code(
    clinic: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failure: DatabaseError | None,
    code: int,
) -> None:
    def fake_run(self: WorkbenchApp) -> None:
        self.failure = failure

    for stream in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    monkeypatch.setattr(WorkbenchApp, "run", fake_run)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert run(config.load(start=clinic, environ={})) == code
    assert capsys.readouterr().err == ("workbench: It is locked.\n  Wait.\n" if failure else "")


async def test_a_store_that_cannot_be_opened_leaves_the_screen(
    clinic: Path, make_app: Callable[..., WorkbenchApp], eventually: Any
) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await eventually(lambda: app.failure is not None)
        await pilot.pause()
    assert isinstance(app.failure, DatabaseError)
    assert app.return_code == 5


async def test_q_leaves_at_once(seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> None:
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("q")
    assert app.return_code == 0


async def test_the_key_that_copies_in_a_browser_does_not_leave_there(
    seeded: Engine, visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorkbenchApp, "is_web", True)
    async with visit("ctrl+c") as shown:
        assert "B-001" in shown.text
        assert not shown.app._exit
        await shown.press("q")
        assert shown.app._exit


async def test_the_help_sheet_opens_and_closes(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        assert "Bug list" in text_of(app.screen)
        await pilot.press("j", "escape")
        assert not isinstance(app.screen, HelpScreen)


async def test_the_palette_offers_every_action_and_does_it(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 120)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await eventually(lambda: "decide: sign-off" in text_of(app.screen))
        await pilot.press(*"helx", "backspace", *"p")
        await eventually(lambda: "go: help" in text_of(app.screen) and "theme" not in text_of(app.screen))
        await pilot.press("enter")
        await eventually(lambda: isinstance(app.screen, HelpScreen))
        await pilot.press("escape")


async def test_the_palette_of_a_dialog_offers_only_the_theme(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark", "ctrl+p")
        await eventually(lambda: "theme: choose" in text_of(app.screen))
        assert "fix: fix" not in text_of(app.screen)
        await pilot.press("escape")


def test_the_theme_may_come_from_the_environment(clinic: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = config.load(start=clinic, environ={})
    assert WorkbenchApp(settings).theme == DARK.name
    monkeypatch.setenv("TEXTUAL_THEME", "nord")
    monkeypatch.setattr(app_module.constants, "DEFAULT_THEME", "nord")
    assert WorkbenchApp(settings).theme == "nord"


async def test_the_background_reports_changes_lost_sessions_and_trouble(
    seeded: Engine, clinic: Path, eventually: Any
) -> None:
    """Also: it does what is owed, and ends when it is told to."""
    with Session(seeded) as session:
        fix = session.get_one(FixSession, WORKING)
        fix.host, fix.pid, fix.pid_started = socket.gethostname(), 2**22 + 1, 1.0
        session.commit()
    desk = Desk(config.load(start=clinic, environ={}), clock=lambda: NOW)
    desk.open()
    heard: list[Any] = []
    background = Background(
        desk,
        Tell(
            changed=lambda: heard.append("changed"),
            swept=lambda lost: heard.append(lost),
            trouble=lambda text: heard.append(text),
            failed=lambda error: heard.append(error),
        ),
    )
    background.start()
    try:
        await eventually(lambda: "changed" in heard and [WORKING] in heard, seconds=10)
    finally:
        background.stop()
        desk.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("workbench-")]
    assert not [one for one in heard if isinstance(one, BaseException)]


async def test_a_worker_is_loaded_once_something_is_owed(store: Engine, clinic: Path, eventually: Any) -> None:
    desk = Desk(config.load(start=clinic, environ={}), clock=lambda: NOW)
    desk.open()
    background = Background(desk, Tell(print, print, print, print))
    background.start()
    try:
        await asyncio.sleep(0.5)
        assert background._worker is None
        take_in(store, Batch(journal="j", start=0, end=1, seen=1, events=[make_event()]), now=NOW)
        await eventually(lambda: (clinic / "bugs" / "B-001.md").exists(), seconds=10)
    finally:
        background.stop()
        desk.close()


def test_many_nudges_are_few_looks_and_the_first_of_them_is_taken_at_once() -> None:
    """A session at work writes all the time; and to be told to end comes through at any time."""
    ending, looks, began = Ending(), [], time.monotonic()

    def look() -> None:
        while not ending.wait(30):
            looks.append(time.monotonic() - began)

    thread = threading.Thread(target=look)
    thread.start()
    while time.monotonic() < began + 1.5 * NUDGED_SECONDS:
        ending.nudge()
        time.sleep(0.01)
    ending.set()
    thread.join(5)
    assert not thread.is_alive()
    assert len(looks) == 2
    assert looks[0] < NUDGED_SECONDS / 2
    assert looks[1] - looks[0] >= 0.99 * NUDGED_SECONDS


def test_a_worker_is_loaded_where_nobody_can_tell_whether_anything_is_owed() -> None:
    """It says why the store cannot be read."""
    background = Background(SimpleNamespace(config=None), Tell(print, print, print, print))  # type: ignore[arg-type]
    assert background._has_work()


def test_a_thread_that_fails_says_so_and_goes_on() -> None:
    class Broken:
        config = None

        def watcher(self) -> Any:
            raise StoreBusy("locked", cure="wait")

    heard: list[BaseException] = []
    background = Background(Broken(), Tell(print, print, print, heard.append))  # type: ignore[arg-type]
    thread = threading.Thread(target=background._watch)
    thread.start()
    until = time.monotonic() + 5
    while not heard and time.monotonic() < until:
        time.sleep(0.02)
    background.stop()
    thread.join(5)
    assert isinstance(heard[0], StoreBusy)


async def test_what_a_thread_says_is_shown(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        tell = app._background._tell
        tell.swept(["x"])
        await pilot.pause()
        assert "1 fix session(s) lost their runner" in text_of(app.screen)
        tell.failed(DatabaseError("It is gone.", cure="Wait."))
        await pilot.pause()
        assert "✗ It is gone." in text_of(app.screen)
        tell.trouble("")
        tell.changed()
        await settle(pilot)
        assert "It is gone" not in text_of(app.screen)


def test_any_failure_is_told_with_what_to_do_next() -> None:
    from sqlalchemy.exc import OperationalError

    assert told(DatabaseError("No.", cure="Do.")) == ("No.", "Do.")
    message, cure = told(OperationalError("select 1", {}, Exception("disk I/O error\x1b[2J")))
    assert message == "The database does not answer: disk I/O error␛[2J"
    assert "by itself" in cure
    assert told(KeyError("x"))[0] == "KeyError: 'x'"


def test_someone_without_a_repository_signs_with_their_login_name(
    seeded: Engine, clinic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    desk = Desk(config.load(start=clinic, environ={}), clock=lambda: NOW)
    desk.open()
    assert desk.person == "ada"
    assert desk.ledger().balanced
    desk.close()


async def test_a_tick_and_a_word_in_the_moment_a_screen_opens_hurt_nobody(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    """A screen is on the stack before its parts are there."""
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        app.push_screen(BugScreen(1))
        app._tick()
        app.on_told(Told("said meanwhile"))
        app.on_store_changed()
        await settle(pilot)
        assert isinstance(app.screen, BugScreen)
        assert app.screen.query_one("#title").is_mounted
