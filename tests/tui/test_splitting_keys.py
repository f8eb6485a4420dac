"""Splitting a bug on its page: by what varies, from the line of a value, and from two occurrences side by side."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event
from workbench.bugs import acts, queries
from workbench.bugs.differing import Difference
from workbench.tui.app import WorkbenchApp

pytestmark = pytest.mark.anyio
HOSTILE = "[@click=app.quit]r[/]\x1b[2J"


@pytest.fixture
def mixed(store: Engine) -> Engine:
    """B-001 with three events in two releases."""
    events = [make_event(release=release, id=f"{place:032x}") for place, release in enumerate(("r1", HOSTILE, "r1"))]
    take_in(store, Batch("j", 0, 1, 3, events), now=NOW)
    return store


@pytest.fixture
def play(mixed: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any) -> Callable[..., Any]:
    """Return a coroutine function that opens the bug, presses keys, and returns what is shown and the toasts."""

    async def play(*keys: str) -> tuple[str, list[str]]:
        app = make_app()
        async with app.run_test(size=(100, 40), notifications=True) as pilot:
            await settle(pilot)
            for key in ("enter", *keys):
                await pilot.press(key)
                await settle(pilot)
            return text_of(app.screen), [toast.message for toast in app._notifications]

    return play


def counts(engine: Engine) -> list[int]:
    page = [queries.bug_page(engine, 1, now=NOW)]
    page += [queries.bug_page(engine, 2, now=NOW)] if page[0].row.count < 3 else []
    return [each.row.count for each in page]


def page_of(shown: Any) -> str:
    """The whole page, be it in sight or not."""
    return "\n".join(line.text for line in shown.screen.document.lines)


async def test_b_offers_what_varies_and_asks(mixed: Engine, play: Any) -> None:
    shown, _ = await play("b")
    assert "1  release r1  (2)" in shown
    assert "release [@click=app.quit]r[/]␛[2J  (1)" in shown
    shown, _ = await play("b", "2")
    assert "off B-001? (y/N)" in shown
    assert "Only what is stored moves" in shown
    assert counts(mixed) == [3]


async def test_a_split_is_done_told_and_undone(mixed: Engine, play: Any) -> None:
    _, toasts = await play("b", "2", "y")
    assert counts(mixed) == [2, 1]
    assert "B-002" in toasts[-1]
    assert "Only stored events moved" in toasts[-1]
    assert "u undoes it" in toasts[-1]


async def test_a_split_is_undone_by_u(mixed: Engine, play: Any) -> None:
    await play("b", "2", "y", "u")
    assert counts(mixed) == [3]


async def test_what_was_undone_is_split_off_again(mixed: Engine, play: Any) -> None:
    shown, toasts = await play("b", "2", "y", "u", "b", "2", "y")
    assert "✗" not in shown
    assert "B-002" in toasts[-1]
    assert counts(mixed) == [2, 1]


async def test_a_bug_that_was_merged_in_is_refused_with_the_key_that_takes_it_out(mixed: Engine, play: Any) -> None:
    done = acts.split(mixed, 1, Difference("release", "r1"), by="Ada", now=NOW)
    acts.merge(mixed, done.numbers, by="Ada", now=NOW)
    shown, _ = await play("b", "1", "y")
    assert "These are the events of B-002, which was merged in." in shown
    assert "Take it out instead: S on B-002" in shown
    assert "workbench bugs" not in shown


async def test_enter_on_a_value_of_what_varies_splits_it_off(mixed: Engine, play: Any) -> None:
    shown, _ = await play("5", "j", "j", "enter")
    assert "Split release r1 off B-001? (y/N)" in shown


async def test_two_occurrences_side_by_side_offer_what_differs(mixed: Engine, play: Any) -> None:
    shown, _ = await play("c", "]", "c", "b")
    assert "Split off the events of B-001 with" in shown
    assert "release r1" in shown
    await play("c", "]", "c", "b", "1", "y")
    assert sorted(counts(mixed)) == [1, 2]


async def test_after_a_split_what_varies_is_read_at_once(mixed: Engine, visit: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("workbench.tui.screens.bug.FIGURES_SECONDS", 600.0)
    async with visit("enter") as shown:
        assert "over 3 stored events" in page_of(shown)
        await shown.press("b", "2", "y")
        assert "2 events" in shown.text
        assert "over 3 stored events" not in page_of(shown)


async def test_figures_are_read_one_reading_at_a_time_and_once_more_for_what_changed_meanwhile(
    mixed: Engine, visit: Any, monkeypatch: Any, eventually: Any
) -> None:
    begun: list[int] = []
    ended: list[int] = []
    together: list[int] = []
    may_end = threading.Event()
    async with visit("enter") as shown:
        real = shown.app.desk.figures

        def slow(number: int) -> Any:
            begun.append(number)
            together.append(len(begun) - len(ended))
            may_end.wait(20)
            found = real(number)
            ended.append(number)
            return found

        monkeypatch.setattr(shown.app.desk, "figures", slow)
        for _ in range(3):
            shown.screen._read_figures()
        await eventually(lambda: begun)
        may_end.set()
        await shown.settle()
        assert (len(begun), together) == (2, [1, 1])
