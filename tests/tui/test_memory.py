"""What an open workbench does not keep in memory."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandPalette
from textual.widget import Widget

from workbench.tui import tidying
from workbench.tui.app import WorkbenchApp
from workbench.tui.place import PlaceScreen

pytestmark = pytest.mark.anyio


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No look of the collector but those that are asked for."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("seeded")
def test_who_looks_at_bugs_loads_no_sqlmodel(clinic: Path) -> None:
    """Rows are for who writes: list, filter, page and palette make do with tables, in 16 MiB less."""
    program = """
import asyncio, sys
from workbench import config
from workbench.tui.app import WorkbenchApp

async def main():
    app = WorkbenchApp(config.load())
    app._background.start = lambda: None
    async with app.run_test(size=(120, 36)) as pilot:
        for key in ("j", "slash", "a", "escape", "escape", "enter", "escape", "ctrl+p", "escape"):
            await pilot.press(key)
            await app.workers.wait_for_complete()
            await pilot.pause()
        assert "B-0" in "".join(strip.text for strip in app.screen._compositor.render_strips())
        print("workbench.tui.screens.bug" in sys.modules, "workbench.tui.palette" in sys.modules)
        print(sorted({"sqlmodel", "pydantic", "sqlalchemy.orm", "capture.store.tables"} & sys.modules.keys()))

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=clinic, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True True\n[]\n", "")


@pytest.mark.usefixtures("seeded", "uncollected")
async def test_an_answer_is_gone_once_nobody_shows_it(
    make_app: Callable[..., WorkbenchApp], settle: Callable[..., Any]
) -> None:
    """Textual's worker does not hold it until the collector comes."""

    class Answer:
        pass

    shown: list[weakref.ref[Answer]] = []
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        assert isinstance(app.screen, PlaceScreen)
        app.screen.load(Answer, lambda answer: shown.append(weakref.ref(answer)), group="test")
        await settle(pilot)
        assert [each() for each in shown] == [None]


@pytest.mark.usefixtures("seeded", "uncollected")
async def test_a_screen_that_was_left_is_gone(
    make_app: Callable[..., WorkbenchApp], settle: Callable[..., Any]
) -> None:
    """With its widgets and the lines that were drawn of them, which Textual holds on to."""
    app = make_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await settle(pilot)
        assert isinstance(app.screen, CommandPalette)
        drawn = [weakref.ref(widget._styles_cache) for widget in app.screen.query(Widget)]
        assert len(drawn) > 3
        await pilot.press("escape")
        await settle(pilot)
        await pilot.pause(5 * tidying.AFTER_SCREEN_SECONDS)
        assert [each() for each in drawn if each() is not None] == []
