"""Keys that arrive faster than they are handled: over a slow line, many come at once."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from terminal import Terminal
from textual.events import Key
from textual.widgets import Input

from workbench.bugs.acts import Done
from workbench.bugs.source_files import Source
from workbench.errors import DatabaseError
from workbench.fixing import Terms
from workbench.tui import loading
from workbench.tui.app import WorkbenchApp
from workbench.tui.bug_list import BugList
from workbench.tui.screens import editing
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.screens.launch import LaunchScreen
from workbench.tui.screens.prompts import YesNo
from workbench.tui.screens.session import SessionScreen
from workbench.tui.screens.signoff import SignOffScreen
from workbench.tui.typing_order import PAUSE_SECONDS

pytestmark = pytest.mark.anyio

OPEN = "import sys; from workbench import config; from workbench.tui.app import run; sys.exit(run(config.load()))"


@pytest.fixture
def opening(seeded: Engine, clinic: Path) -> Iterator[Terminal]:
    """A terminal in which the workbench begins to open."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_CORE")}
    with Terminal([sys.executable, "-c", OPEN], env=environment, cwd=clinic) as opened:
        yield opened


@pytest.fixture
def terminal(opening: Terminal) -> Terminal:
    """The list in a terminal."""
    opening.wait_for("B-001")
    return opening


def test_words_that_come_with_the_key_of_their_box_are_typed_into_it(terminal: Terminal) -> None:
    terminal.press("/state:review\r")
    shown = terminal.wait_for("filter: state:review")
    assert "B-003" in shown
    assert "B-001" not in shown


def test_words_that_come_before_anything_is_drawn_are_typed_into_their_box(opening: Terminal) -> None:
    opening.press("/state:review\r")
    opening.wait_for(lambda text: "filter: state:review" in text and "B-003" in text and "B-001" not in text)


def test_words_that_come_with_the_key_of_their_question_are_its_answer(terminal: Terminal) -> None:
    terminal.press("aGrace\r")
    terminal.wait_for("assigned to .*Grace")


def test_what_is_typed_in_one_go_is_done_in_its_order(terminal: Terminal) -> None:
    terminal.press("jaGrace Hopper\rja\x15Ada\r/state:review\r")  # ctrl+u empties the box: it held the name of before
    terminal.wait_for("filter: state:review")
    terminal.press("escape", "j", "enter")
    terminal.wait_for("assigned to Grace Hopper")
    terminal.press("escape", "j", "enter")
    terminal.wait_for("assigned to Ada")


def test_what_is_pasted_with_the_key_of_a_question_is_its_answer(terminal: Terminal) -> None:
    terminal.press("a\x1b[200~Grace Hopper\x1b[201~\r")
    terminal.wait_for("assigned to .*Grace Hopper")


def test_words_that_come_with_the_key_that_looks_for_them_are_looked_for(terminal: Terminal) -> None:
    terminal.press("enter")
    terminal.wait_for("Why these events")
    terminal.press("/price\r")
    terminal.wait_for("'price': line 1 of")


def test_a_reason_that_comes_with_the_key_that_rejects_is_typed(checkout: tuple[str, str], terminal: Terminal) -> None:
    terminal.press("j", "j", "v")
    terminal.wait_for("y sign off")
    terminal.press("xyes and no")
    terminal.wait_for(lambda text: "yes and no" in text and "enter done" in text)


@pytest.mark.usefixtures("checkout")
def test_words_that_come_with_the_key_of_a_form_that_is_looked_up_are_typed_into_it(terminal: Terminal) -> None:
    """What the form says is read in a thread; the letters used to be acts on the list: copy, mute, open."""
    terminal.press("jjjfymo on fees")
    terminal.wait_for(lambda text: "ymo on fees" in text and "Fix B-002" in text)


def test_where_the_form_does_not_open_its_words_are_no_acts(terminal: Terminal) -> None:
    terminal.press("jjjfm on fees")
    terminal.wait_for("not in a git repository")
    time.sleep(2 * PAUSE_SECONDS)
    terminal.press("k")
    terminal.wait_for("▌B-003")
    assert "marked" not in terminal.text


def test_the_choice_that_comes_with_the_key_of_a_menu_is_made_there(terminal: Terminal) -> None:
    terminal.press("yn")
    terminal.wait_for("Copied|copied")
    assert "Note" not in terminal.text


Slow = tuple[WorkbenchApp, threading.Event]


@pytest.fixture
def slow(make_app: Callable[..., WorkbenchApp], monkeypatch: pytest.MonkeyPatch) -> Slow:
    """An app that does not know what a form says before the event is set, and has patience for 0.3 s."""
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.3)
    app, is_read = make_app(), threading.Event()

    def terms(_number: int) -> Terms:
        is_read.wait(10)
        return Terms(rehearse=None)

    app.desk.sessions.terms = terms  # type: ignore[method-assign]
    return app, is_read


def type_in(app: WorkbenchApp, *keys: str) -> None:
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


async def test_keys_for_what_does_not_open_in_time_are_no_keys_of_the_list(
    seeded: Engine, slow: Slow, settle: Any
) -> None:
    app, is_read = slow
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "j", "f")
        for _ in range(8):  # a sentence that goes on while the patience ends
            type_in(app, "m")
            await pilot.pause(0.1)
        assert isinstance(app.screen, BugsScreen)  # and not the question of how long to mute
        await pilot.pause(2 * PAUSE_SECONDS)
        await pilot.press("k")  # keys work again
        assert app.screen.query_one(BugList).cursor == 0
        is_read.set()
        await settle(pilot)
        assert isinstance(app.screen, LaunchScreen)
        assert app.screen.query_one("#note", Input).value == ""


async def test_nobody_launches_by_a_form_that_they_have_not_seen(seeded: Engine, slow: Slow, settle: Any) -> None:
    app, is_read = slow
    launched: list[int] = []
    app.desk.sessions.launch = lambda number, _wanted: launched.append(number)  # type: ignore[method-assign,assignment,return-value]
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "j", "f", "o", "k", "enter", "j")
        await pilot.pause(0.05)
        is_read.set()
        await settle(pilot)
        await pilot.pause(0.1)
        assert isinstance(app.screen, LaunchScreen)
        assert app.screen.query_one("#note", Input).value == "ok"
        assert launched == []


async def test_the_second_of_two_keys_decides_as_little_as_the_first_that_nobody_could_mean(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first comes before the question is there and is dropped; the second came right after it, and answered."""
    app, acts = make_app(), []

    def act(*given: Any, **_words: Any) -> Done:
        acts.append(given)
        return Done("done", ())

    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        monkeypatch.setattr(app.desk, "act", act)
        await pilot.press("space", "j", "space")
        type_in(app, "M", "y")
        await settle(pilot)
        assert isinstance(app.screen, YesNo)
        type_in(app, "y")
        await settle(pilot)
        assert isinstance(app.screen, YesNo)
        assert acts == []
        await pilot.pause(2 * PAUSE_SECONDS)
        await pilot.press("y")
        await settle(pilot)
        assert len(acts) == 1


async def test_nobody_merges_by_a_question_that_they_have_not_seen(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, acts = make_app(), []
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        monkeypatch.setattr(app.desk, "act", lambda *given, **_words: acts.append(given))
        await pilot.press("space", "j", "space")
        type_in(app, "M", "y")
        await settle(pilot)
        await pilot.pause(0.1)
        assert isinstance(app.screen, YesNo)
        assert acts == []


async def test_nobody_lets_a_command_run_that_they_have_not_seen(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app, answered = make_app(), []
    app.desk.sessions.answer = lambda *given, **_words: answered.append(given)  # type: ignore[method-assign]
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "s", "y")
        await settle(pilot)
        await pilot.pause(0.2)
        assert isinstance(app.screen, SessionScreen)
        assert answered == []


async def test_what_is_typed_for_an_editor_that_opens_is_no_key_of_the_page(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, ran, is_found = make_app(), [], threading.Event()

    def sources(*_asked: object) -> list[Source]:
        is_found.wait(10)
        return [Source(Path("/repo"), "a.py", 7)]

    monkeypatch.setenv("VISUAL", "vim")
    monkeypatch.setattr(editing, "subprocess", SimpleNamespace(call=lambda argv: ran.append(argv) or 0))
    monkeypatch.setattr(app, "suspend", nullcontext)
    monkeypatch.setattr(app.desk, "sources", sources)
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        type_in(app, "e", "j", "j", "m")
        await pilot.pause(0.05)
        is_found.set()
        await settle(pilot)
        await pilot.pause(0.1)
        assert len(ran) == 1
        assert isinstance(app.screen, BugScreen)  # and not the question of how long to mute
        assert app.screen.document.cursor == 0


async def test_a_list_that_is_left_with_the_mouse_keeps_no_keys(seeded: Engine, slow: Slow, settle: Any) -> None:
    app, is_read = slow
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        type_in(app, "f")
        await pilot.pause(0.05)
        app.screen.dismiss()
        await pilot.pause(2 * PAUSE_SECONDS)
        await pilot.press("j")
        assert app.screen.query_one(BugList).cursor == 1
        is_read.set()


@pytest.fixture
def slow_page(make_app: Callable[..., WorkbenchApp], monkeypatch: pytest.MonkeyPatch) -> Slow:
    """An app that does not know what a page shows before the event is set."""
    app, is_read = make_app(), threading.Event()
    real = app.desk.page

    def page(number: int) -> Any:
        is_read.wait(10)
        return real(number)

    app.desk.page = page  # type: ignore[method-assign]
    return app, is_read


async def test_keys_that_come_with_the_one_that_opens_a_page_are_for_the_page(
    seeded: Engine, slow_page: Slow, settle: Any, eventually: Any, text_of: Any
) -> None:
    app, is_read = slow_page
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "enter", "j", "a", *"Grace", "enter")
        await pilot.pause(0.1)
        assert app.undoable == []
        is_read.set()
        await eventually(lambda: app.undoable)
        await settle(pilot)
        assert "Grace" in text_of(app.screen)


async def test_who_leaves_a_page_does_not_wait_for_what_it_has_to_show(
    seeded: Engine, slow_page: Slow, eventually: Any, settle: Any
) -> None:
    app, is_read = slow_page
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "enter", "m", "escape", "j")
        await eventually(lambda: isinstance(app.screen, BugsScreen) and app.screen.query_one(BugList).cursor == 1)
        assert not is_read.is_set()
        is_read.set()


async def test_who_quits_from_a_page_that_stays_empty_is_let_go(
    seeded: Engine, slow_page: Slow, eventually: Any, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.2)
    app, is_read = slow_page
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "enter", "q")
        await eventually(lambda: app._exit)
        assert not is_read.is_set()
        is_read.set()


async def test_nobody_signs_by_a_page_that_they_have_not_seen(
    seeded: Engine, checkout: tuple[str, str], slow_page: Slow, settle: Any
) -> None:
    app, is_read = slow_page
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        type_in(app, "j", "j", "v", "y")
        await pilot.pause(0.1)
        is_read.set()
        await settle(pilot)
        await pilot.pause(0.1)
        assert isinstance(app.screen, SignOffScreen)
        assert app.undoable == []
        await pilot.pause(2 * PAUSE_SECONDS)
        await pilot.press("y")
        await settle(pilot)
        assert len(app.undoable) == 1


@pytest.fixture
def slow_list(
    make_app: Callable[..., WorkbenchApp], monkeypatch: pytest.MonkeyPatch
) -> tuple[WorkbenchApp, threading.Event, list[Any]]:
    """An app that knows the bugs of another view or filter only while the event is set; and what was done to bugs."""
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 10.0)  # a busy machine takes more than the second that there is
    app, may_read, done = make_app(), threading.Event(), []
    real = app.desk.listed
    may_read.set()

    def listed(*given: Any, **words: Any) -> Any:
        may_read.wait(10)
        return real(*given, **words)

    app.desk.listed = listed  # type: ignore[method-assign]

    def act(kind: str, numbers: Any, *_given: Any, **_words: Any) -> Done:
        done.append((kind, numbers))
        return Done("done", ())

    app.desk.act = act  # type: ignore[method-assign]
    return app, may_read, done


@pytest.mark.parametrize(
    "change", [["4"], ["slash", *"state:review", "enter"], ["4", "1", "4"]], ids=["view", "filter", "views"]
)
async def test_keys_that_come_after_a_change_of_the_list_are_for_the_new_one(
    seeded: Engine, slow_list: Any, settle: Any, eventually: Any, change: list[str]
) -> None:
    """They used to act on the bug under the cursor of the list before."""
    app, may_read, done = slow_list
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        before = app.screen.bugs.selected.number
        may_read.clear()
        type_in(app, *change, "a", *"Grace", "enter")
        await pilot.pause(0.3)
        assert done == []
        may_read.set()
        await eventually(lambda: done)
        shown = app.screen.bugs.selected
        assert shown.state == "review"
        assert shown.number != before
        assert done == [("assign", (shown.number,))]


async def test_a_list_that_is_sorted_anew_takes_the_next_key_for_what_it_shows_then(
    seeded: Engine, slow_list: Any, settle: Any, eventually: Any
) -> None:
    app, may_read, done = slow_list
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        before = app.screen.bugs.selected.number
        may_read.clear()
        type_in(app, "equals_sign", "a", *"Grace", "enter")
        await pilot.pause(0.3)
        may_read.set()
        await eventually(lambda: done)
        assert app.screen.bugs.selected.number != before
        assert done == [("assign", (app.screen.bugs.selected.number,))]


async def test_keys_for_a_list_that_does_not_come_are_no_acts_on_the_one_before(
    seeded: Engine, slow_list: Any, settle: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.2)
    app, may_read, done = slow_list
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        may_read.clear()
        type_in(app, "4", "a", *"Grace", "enter")
        await pilot.pause(0.3 + 2 * PAUSE_SECONDS)
        assert isinstance(app.screen, BugsScreen)
        type_in(app, "q")  # what is typed after a pause is a key again
        await eventually(lambda: app._exit)
        may_read.set()
    assert done == []


async def test_keys_for_a_list_that_cannot_be_read_are_no_acts_on_the_one_before(
    seeded: Engine, slow_list: Any, settle: Any, eventually: Any, text_of: Any
) -> None:
    app, may_read, done = slow_list

    def fails(*_given: Any, **_words: Any) -> Any:
        may_read.wait(10)
        raise DatabaseError("It is away.")

    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        may_read.clear()
        app.desk.listed = fails
        type_in(app, "4", "a", *"Grace", "enter")
        await pilot.pause(0.1)
        may_read.set()
        await eventually(lambda: "It is away." in text_of(app.screen))
        await pilot.pause(2 * PAUSE_SECONDS)
        assert isinstance(app.screen, BugsScreen)
    assert done == []
