"""A frame's file in the editor of the person: the right words, the right file, and never a shell."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from workbench.tui import editor
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.bug import BugScreen

FILE = Path("/repo/a b.py")


@pytest.mark.parametrize(
    ("words", "argv"),
    [
        (["vim"], ["vim", "+7", "/repo/a b.py"]),
        (["/usr/bin/nvim", "-p"], ["/usr/bin/nvim", "-p", "+7", "/repo/a b.py"]),
        (["code", "--wait"], ["code", "--wait", "-g", "/repo/a b.py:7"]),
        (["subl"], ["subl", "/repo/a b.py:7"]),
        (["ed"], ["ed", "/repo/a b.py"]),
    ],
)
def test_editors_are_told_the_line_in_their_own_way(words: list[str], argv: list[str]) -> None:
    assert editor.argv(words, FILE, 7) == argv


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, []),
        ({"EDITOR": "vim"}, ["vim"]),
        ({"EDITOR": "vim", "VISUAL": "code --wait"}, ["code", "--wait"]),
        ({"EDITOR": "vim", "VISUAL": "'open"}, ["vim"]),
        ({"EDITOR": "vim; rm -rf /"}, ["vim;", "rm", "-rf", "/"]),
    ],
)
def test_the_editor_is_the_person_s(environ: dict[str, str], words: list[str]) -> None:
    assert editor.command(environ) == words


@pytest.mark.anyio
async def test_without_an_editor_it_says_how_to_set_one(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VISUAL", "EDITOR"):
        monkeypatch.delenv(name, raising=False)
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        await app.push_screen(BugScreen(1))
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        assert "No editor is set." in text_of(app.screen)
