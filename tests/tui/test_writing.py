"""What is written goes on when its screen is left, in the order of its keys, and what fails is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from sqlalchemy.engine import Engine
from textual.events import Key
from textual.widgets import TextArea

from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event
from workbench.bugs import queries
from workbench.bugs.rows import BugRow
from workbench.errors import DatabaseError
from workbench.tui import app as app_module
from workbench.tui import loading, writing
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.bugs import BugsScreen

pytestmark = pytest.mark.anyio

BUSY = "Another process writes."


class Gate(NamedTuple):
    """An app whose acts wait until they may be done; the first so many `fail`."""

    app: WorkbenchApp
    begun: list[str]
    may_end: threading.Event
    fail: list[bool]


@pytest.fixture
def three(store: Engine) -> Engine:
    """A store with B-001 to B-003."""
    take_in(store, Batch("j", 0, 1, 3, [make_event(key=key, title=key) for key in ("aa", "bb", "cc")]), now=NOW)
    return store


@pytest.fixture
def gate(make_app: Callable[..., WorkbenchApp], three: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """An app whose acts wait."""
    made = Gate(make_app(), [], threading.Event(), [])
    real = made.app.desk.act

    def act(kind: str, *given: Any, **words: Any) -> Any:
        made.begun.append(kind)
        made.may_end.wait(20)
        if made.fail:
            made.fail.pop()
            raise DatabaseError(BUSY, cure="Try again.")
        return real(kind, *given, **words)

    monkeypatch.setattr(made.app.desk, "act", act)
    yield made
    made.may_end.set()


def type_in(app: WorkbenchApp, *keys: str) -> None:
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


def toasts(app: WorkbenchApp) -> list[str]:
    return [notification.message.splitlines()[0] for notification in app._notifications]


def row(engine: Engine, number: int) -> BugRow:
    return queries.bug_page(engine, number, now=NOW).row


async def test_an_act_whose_page_is_left_at_once_is_told_and_can_be_undone(
    gate: Gate, settle: Any, eventually: Any, text_of: Any
) -> None:
    app = gate.app
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("7", "enter")
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        type_in(app, "m", "d", "escape")
        await eventually(lambda: gate.begun and isinstance(app.screen, BugsScreen))
        gate.may_end.set()
        await settle(pilot)
        assert [toast.split(" until")[0] for toast in toasts(app)] == [f"B-{number:03} muted"]
        assert len(app.undoable) == 1
        shown = next(one for one in app.screen.bugs.rows if one.number == number)  # type: ignore[attr-defined]
        assert shown.state == "muted", "the list was read again"
        await pilot.press("u")
        await settle(pilot)
        assert toasts(app) == [f"Undone: mute of B-{number:03}."]


async def test_acts_typed_in_one_go_are_all_done_in_their_order_and_undone_one_by_one(
    gate: Gate, three: Engine, settle: Any
) -> None:
    app = gate.app
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await settle(pilot)
        gate.may_end.set()
        type_in(app, "m", "d", "j", "t", "p", "9", "enter", "m", "d")
        await settle(pilot)
        assert gate.begun == ["mute", "label", "mute"]
        assert len(app.undoable) == 3
        type_in(app, "u", "u")
        await settle(pilot)
        assert len(app.undoable) == 1
        type_in(app, "t", "p", "8", "enter", "u", "u")
        await settle(pilot)
        assert app.undoable == [], "what was still to be written when its undo was typed was undone first"


async def test_what_is_undone_while_nothing_came_of_the_act_before_is_said(
    gate: Gate, settle: Any, text_of: Any
) -> None:
    app = gate.app
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await settle(pilot)
        gate.fail.append(True)
        type_in(app, "m", "d", "u")
        gate.may_end.set()
        await settle(pilot)
        assert "Nothing was done in this session that can be undone." in text_of(app.screen)


async def test_an_act_that_fails_after_its_page_was_left_is_told_on_the_list(
    gate: Gate, settle: Any, eventually: Any, text_of: Any
) -> None:
    app = gate.app
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        gate.fail.append(True)
        type_in(app, "m", "d", "escape")
        await eventually(lambda: gate.begun and isinstance(app.screen, BugsScreen))
        gate.may_end.set()
        await settle(pilot)
        assert toasts(app) == [f"✗ mute of B-{number:03}: {BUSY}"]
        await pilot.press("g")
        await settle(pilot)
        assert f"✗ mute of B-{number:03}" in text_of(app.screen), "the next key does not take it away"


async def test_a_page_that_was_left_before_its_bug_was_deleted_takes_no_other_screen_along(
    gate: Gate, settle: Any, eventually: Any
) -> None:
    app = gate.app
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        type_in(app, "D", *f"b-{number:03}", "enter", "escape")
        await eventually(lambda: gate.begun and isinstance(app.screen, BugsScreen))
        gate.may_end.set()
        await settle(pilot)
        assert isinstance(app.screen, BugsScreen)
        assert len(toasts(app)) == 1


async def test_a_note_that_cannot_be_kept_is_offered_again(
    gate: Gate, three: Engine, settle: Any, text_of: Any
) -> None:
    app = gate.app
    gate.may_end.set()
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        gate.fail.append(True)
        await pilot.press("n", "a", "b", "ctrl+s")
        await settle(pilot)
        shown = text_of(app.screen)
        assert f"note of B-{number:03}: {BUSY}" in shown
        assert "n offers its text again" in shown
        await pilot.press("j", "n")
        await settle(pilot)
        assert app.screen.query_one(TextArea).text == "", "another bug has notes of its own"
        await pilot.press("escape", "k", "n")
        await settle(pilot)
        assert app.screen.query_one(TextArea).text == "ab"
        await pilot.press("escape", "n", "c", "ctrl+s")
        await settle(pilot)
        assert [note.text for note in queries.bug_page(three, number, now=NOW).notes][-1] == "abc"
        await pilot.press("n")
        await settle(pilot)
        assert app.screen.query_one(TextArea).text == "", "it is kept now"


async def test_a_note_that_is_left_is_offered_again_until_it_is_kept_or_emptied(
    gate: Gate, three: Engine, settle: Any, text_of: Any
) -> None:
    app = gate.app
    gate.may_end.set()
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]

        async def press(*keys: str) -> str:
            await pilot.press(*keys)
            await settle(pilot)
            return str(text_of(app.screen))

        assert "n offers it again" in await press("n", "a", "enter", "b", "escape")
        assert queries.bug_page(three, number, now=NOW).notes == ()
        assert await press("j", "n", "escape"), "another bug has notes of its own"
        await press("k", "n")
        assert app.screen.query_one(TextArea).text == "a\nb"
        assert "offers it again" not in await press("escape"), "what is unchanged needs no word"
        await press("n")
        assert app.screen.query_one(TextArea).text == "a\nb"
        assert "dropped" in await press(*["backspace"] * 3, "escape")
        await press("n")
        assert app.screen.query_one(TextArea).text == ""
        await press("c", "escape", "n", "d", "ctrl+s")
        assert [note.text for note in queries.bug_page(three, number, now=NOW).notes] == ["cd"]
        await press("n")
        assert app.screen.query_one(TextArea).text == "", "it is kept now"


async def test_a_note_that_fails_while_the_next_is_typed_stays_beside_it(
    gate: Gate, three: Engine, settle: Any, eventually: Any
) -> None:
    app = gate.app
    gate.fail.append(True)
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        type_in(app, "n", "a", "ctrl+s", "n", "b")
        await eventually(lambda: gate.begun and app.screen.query(TextArea) and app.screen.query_one(TextArea).text)
        gate.may_end.set()
        await eventually(lambda: app.writing.draft((number,)))
        await pilot.press("escape", "n")
        await settle(pilot)
        assert app.screen.query_one(TextArea).text == "b\n\na"


async def test_leaving_waits_for_what_is_being_written(
    gate: Gate, three: Engine, settle: Any, eventually: Any, text_of: Any
) -> None:
    app = gate.app
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        type_in(app, "m", "d", "q")
        await eventually(lambda: f"Leaving once it is written: mute of B-{number:03}" in text_of(app.screen))
        assert not app._exit
        gate.may_end.set()
        await eventually(lambda: app._exit)
    assert (app.return_code, app.failure) == (0, None)
    assert row(three, number).state == "muted"


async def test_leaving_tells_what_failed_meanwhile(gate: Gate, settle: Any, eventually: Any) -> None:
    app = gate.app
    gate.fail.append(True)
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        type_in(app, "n", "a", "b", "ctrl+s")
        await eventually(lambda: gate.begun)
        type_in(app, "m", "d", "q", "q")
        await eventually(lambda: app.writing.is_leaving)
        gate.may_end.set()
        await eventually(lambda: app._exit)
    assert app.return_code == 5
    assert str(app.failure) == f"Not kept: note of B-{number:03} ({BUSY[:-1]})."
    assert "ab" in app.failure.cure  # type: ignore[union-attr]
    assert gate.begun == ["note", "mute"]


async def test_leaving_waits_no_longer_than_it_has_to(
    gate: Gate, settle: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "LEAVE_SECONDS", 0.2)
    app = gate.app
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        number = app.screen.bug.number  # type: ignore[attr-defined]
        began = time.monotonic()
        type_in(app, "m", "d", "t", "x", "enter", "q")
        await eventually(lambda: app._exit)
        assert time.monotonic() - began < 10
    assert app.return_code == 5
    assert str(app.failure).startswith(f"Not written in time: mute of B-{number:03}, label of B-{number:03}.")
    assert gate.begun == ["mute"]


def test_what_was_not_kept_is_told_on_stderr(
    clinic: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from workbench import config

    def leave(app: WorkbenchApp) -> None:
        app.failure = writing.not_kept([("note of B-001", DatabaseError(BUSY), "ab\ncd")], [])

    monkeypatch.setattr(WorkbenchApp, "run", leave)
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(getattr(app_module.sys, name), "isatty", lambda: True, raising=False)
    monkeypatch.setattr(app_module.signal, "signal", lambda *_: None)
    assert app_module.run(config.load(start=clinic, environ={})) == 5
    said = capsys.readouterr().err
    assert f"Not kept: note of B-001 ({BUSY[:-1]})." in said
    assert "The text of the note of B-001: ab cd" in said


async def test_an_act_that_takes_long_is_said_on_the_screen_that_is_in_front(
    gate: Gate, settle: Any, eventually: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.2)
    app = gate.app
    async with app.run_test(size=(110, 30)) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        type_in(app, "m", "d", "escape")
        await eventually(lambda: isinstance(app.screen, BugsScreen) and "Still at it" in text_of(app.screen))
        gate.may_end.set()
        await settle(pilot)
        assert "Still at it" not in text_of(app.screen)
