"""The colours: chosen with the screen behind wearing them, remembered, and none of them where NO_COLOR is set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from textual.color import Color
from textual.command import CommandList
from textual.theme import BUILTIN_THEMES

from workbench.fixing import Terms
from workbench.tui.app import WorkbenchApp
from workbench.tui.inks import styles

pytestmark = pytest.mark.anyio
Make = Callable[..., WorkbenchApp]


async def test_the_screen_behind_wears_what_the_cursor_is_on(seeded: Engine, make_app: Make, settle: Any) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        worn = []
        for key in ("T", "j", "escape", "T", "j", "j", "enter"):
            await pilot.press(key)
            await settle(pilot)
            worn.append(app.theme)
    assert worn[:3] == ["workbench", "workbench-light", "workbench"]
    assert worn[-1].startswith("ansi")


async def test_the_chosen_one_is_worn_at_the_next_start(
    seeded: Engine, make_app: Make, settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def start(*keys: str) -> str:
        app = make_app()
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            return app.theme

    await start("T", "j", "enter")
    assert await start() == "workbench-light"
    monkeypatch.setenv("TEXTUAL_THEME", "nord")
    assert await start() != "workbench-light"


@pytest.mark.parametrize("theme", ["", "workbench", "workbench-light", "ansi-dark"])
async def test_no_color_is_honoured_and_states_are_words(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch, theme: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    if theme:
        app.theme = theme
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await pilot.press("1")
        await settle(pilot)
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert color is None or color.is_default, f"{color} in {segment.text!r}"
        shown = text_of(app.screen)
    assert all(word in shown for word in ("● open", "◆ fixing", "◇ review"))


def _styled(app: Any, words: str) -> set[str]:
    """Return how the line that shows these words, or what is around them, is set off from the rest."""
    row = next(strip for strip in app.screen._compositor.render_strips() if words in strip.text)
    styles_ = [segment.style for segment in row if segment.style is not None and segment.text.strip(" │╭╮")]
    return {name for name in ("reverse", "underline", "bold") for style in styles_ if getattr(style, name)}


async def test_without_colours_cursor_selection_and_choice_can_be_told(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("a")
        await settle(pilot)
        assert "reverse" in _styled(app, "Ada Tester"), "what the next letter replaces"
        await pilot.press("escape", "n", *"hello", "shift+left")
        await settle(pilot)
        assert "reverse" in _styled(app, "hello")
        await pilot.press("escape", "j", "m", "t")
        await settle(pilot)
        assert "reverse" in _styled(app, "30min, 8h"), "the cursor in its box"
        await pilot.press("escape", "ctrl+p", *"sort by", "down")
        await pilot.pause(0.5)
        await settle(pilot)
        chosen = app.screen.query_one(CommandList).highlighted
        told = ["sort by the next column", "sort by the column before"]
        assert [index for index, words in enumerate(told) if "bold" in _styled(app, words)] == [chosen]


@pytest.mark.parametrize("name", ["ansi-dark", "ansi-light"])
async def test_in_the_terminal_s_own_colours_what_is_muted_is_dim_and_labels_can_be_read(name: str) -> None:
    variables = BUILTIN_THEMES[name].to_color_system().generate()
    mixed = styles(variables, Color.parse("ansi_default"))
    assert mixed["muted"].dim
    assert not mixed["strong"].dim
    label = mixed["rehearsal"]
    assert label.color is not None
    assert label.bgcolor is not None
    assert label.color.number == 0  # black
    assert label.bgcolor.number not in (None, 0)


@pytest.mark.parametrize("name", ["ansi-dark", "ansi-light"])
@pytest.mark.parametrize("keys", [("T",), ("question_mark",), ("j", "m"), ("C",), ("j", "n"), ("j", "f")])
async def test_in_the_terminal_s_own_colours_a_box_leaves_what_is_behind_it_in_sight(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any, name: str, keys: tuple[str, ...]
) -> None:
    app = make_app()
    app.theme = name
    app.desk.sessions.terms = lambda _number: Terms(rehearse="happy")  # type: ignore[method-assign]
    async with app.run_test(size=(120, 44)) as pilot:
        await settle(pilot)
        for key in keys[:-1]:
            await pilot.press(key)
        await settle(pilot)
        before = text_of(app.screen).splitlines()
        await pilot.press(keys[-1])
        await settle(pilot)
        assert app.screen.is_modal
        app.theme = name  # the list of themes puts on what its cursor is on
        await settle(pilot)
        shown = text_of(app.screen).splitlines()
        sheet = app.screen.query_one(".sheet").region
        for row, line in enumerate(before):
            if row not in range(sheet.y, sheet.bottom):
                assert shown[row] == line
            else:
                assert shown[row].ljust(120)[: sheet.x] == line.ljust(120)[: sheet.x]
        inside = [shown[row].ljust(120)[sheet.x : sheet.right] for row in range(sheet.y, sheet.bottom)]
        assert all(line[0] + line[-1] in ("╭╮", "││", "╰╯") for line in inside), "the box covers what is behind it"
        assert not any(
            line.strip(" │") and line.strip(" │") in before[row + sheet.y] for row, line in enumerate(inside)
        )


async def test_so_does_a_box_that_is_open_while_they_are_put_on(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 44)) as pilot:
        await settle(pilot)
        for key in ("T", "j", "j"):
            await pilot.press(key)
            await settle(pilot)
        assert app.theme.startswith("ansi")
        assert "Bug workbench" in text_of(app.screen)
