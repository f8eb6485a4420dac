"""Looking for words in a page: `/` types them, `n` and `N` go from match to match, esc lets go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from workbench.tui.app import WorkbenchApp
from workbench.tui.document import Document
from workbench.tui.lines import line, lit, places_of
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.bugs import BugsScreen


def test_capitals_count_only_where_some_are_typed() -> None:
    assert places_of("key", "KeyError: no key") == [(0, 3), (13, 16)]
    assert places_of("Key", "KeyError: no key") == [(0, 3)]
    assert places_of(".*", "a.*b") == [(1, 3)]
    assert places_of("", "anything") == []


def test_a_match_stands_out_across_runs_of_ink() -> None:
    made = lit(line(("one t", "muted"), ("wo three", "bad"), key="k"), "two")
    assert made.spans == (("one ", "muted"), ("t", "match"), ("wo", "match"), (" three", "bad"))
    assert (made.text, made.key) == ("one two three", "k")
    plain = line("nothing of it")
    assert lit(plain, "two") is plain


@pytest.fixture
def on_bug(seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> Callable[..., Any]:
    """Return a coroutine function that opens the first bug, presses keys, and hands the app to `look` after each."""

    async def play(*keys: str, look: Callable[[Any], Any]) -> list[Any]:
        app = make_app()
        seen = []
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(pilot)
            for key in ("enter", *keys):
                await pilot.press(key)
                await settle(pilot)
                seen.append(look(app))
        return seen

    return play


def _line(app: Any) -> str:
    document = app.screen.query_one("#main", Document)
    chosen = document.chosen
    return chosen.text if chosen else ""


@pytest.mark.anyio
async def test_the_cursor_follows_what_is_typed_and_n_goes_on(on_bug: Any) -> None:
    seen = await on_bug("slash", *"species", "enter", "n", "N", "n", "n", look=_line)
    matches = [text for text in seen[9:] if "species" in text.lower()]
    assert len(matches) == len(seen[9:]) == 5
    assert matches[0] == matches[2]
    assert matches[0] != matches[1]


@pytest.mark.anyio
async def test_esc_first_lets_go_of_the_words_and_then_goes_back(on_bug: Any) -> None:
    seen = await on_bug("slash", "p", "enter", "escape", "escape", look=lambda app: (type(app.screen), _is_on(app)))
    assert seen[2:] == [(BugScreen, True), (BugScreen, True), (BugScreen, False), (BugsScreen, False)]


def _is_on(app: Any) -> bool:
    return isinstance(app.screen, BugScreen) and app.screen.is_searched


@pytest.mark.anyio
async def test_n_writes_a_note_while_nothing_is_looked_for(on_bug: Any) -> None:
    seen = await on_bug("n", look=lambda app: type(app.screen).__name__)
    assert seen[-1] == "Text"
    seen = await on_bug("slash", "p", "enter", "n", look=lambda app: type(app.screen).__name__)
    assert seen[-1] == "BugScreen"


@pytest.mark.anyio
async def test_what_is_not_there_is_said(on_bug: Any, text_of: Any) -> None:
    shown = (await on_bug("slash", *"zz[/]q", look=lambda app: text_of(app.screen)))[-1]
    assert "Nothing that is shown says 'zz[/]q'." in shown
