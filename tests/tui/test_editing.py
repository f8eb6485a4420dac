"""A frame's file in the editor of the person: the right words, the right file, and never a shell."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import Engine

from capture.testing import NOW, make_event
from workbench import config
from workbench.bugs.source_files import Source
from workbench.errors import NotFound
from workbench.tui import editor
from workbench.tui.app import WorkbenchApp
from workbench.tui.desk import Desk
from workbench.tui.screens import editing
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


@pytest.fixture
def opened(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Return a coroutine function that presses keys on a bug whose frame is in `paths`; what was run, what is said."""

    async def play(*keys: str, paths: tuple[str, ...], ends: int | OSError = 0, suspends: bool = True) -> Any:
        ran: list[list[str]] = []

        def call(argv: list[str]) -> int:
            ran.append(argv)
            if isinstance(ends, OSError):
                raise ends
            return ends

        monkeypatch.setenv("VISUAL", "vim")
        monkeypatch.setattr(editing, "subprocess", SimpleNamespace(call=call))
        app = make_app()
        if suspends:
            monkeypatch.setattr(app, "suspend", nullcontext)
        monkeypatch.setattr(app.desk, "sources", lambda *_: [Source(Path("/repo"), path, 7) for path in paths])
        async with app.run_test(size=(120, 36)) as pilot:
            await settle(pilot)
            await app.push_screen(BugScreen(1))
            for key in keys:
                await settle(pilot)
                await pilot.press(key)
            await settle(pilot)
            return ran, text_of(app.screen)

    return play


@pytest.mark.anyio
async def test_a_frame_of_one_file_is_opened_at_its_line(opened: Any) -> None:
    ran, said = await opened("e", paths=("a.py",))
    assert ran == [["vim", "+7", "/repo/a.py"]]
    assert "Opened a.py at line 7." in said
    _ran, said = await opened("e", paths=("a.py",), ends=1)
    assert "Opened a.py at line 7; the editor ended with 1." in said


@pytest.mark.anyio
async def test_of_several_files_one_is_chosen_or_none(opened: Any) -> None:
    ran, _said = await opened("e", "2", paths=("a.py", "b/a.py"))
    assert ran == [["vim", "+7", "/repo/b/a.py"]]
    ran, _said = await opened("e", "escape", paths=("a.py", "b/a.py"))
    assert ran == []


@pytest.mark.anyio
async def test_an_editor_that_does_not_start_and_a_terminal_that_cannot_be_given_away_are_said(opened: Any) -> None:
    _ran, said = await opened("e", paths=("a.py",), ends=FileNotFoundError(2, "No such file or directory"))
    assert "The editor vim did not start: No such file or directory." in said
    ran, said = await opened("e", paths=("a.py",), suspends=False)
    assert ran == []
    assert "This terminal cannot be given to an editor." in said
    assert "a.py, line 7" in said


def test_the_files_of_a_frame_are_those_of_the_checkout_that_end_like_it(seeded: Engine, clinic: Path) -> None:
    for name in ("clinic/pricing.py", "old/clinic/pricing.py"):
        (clinic / name).parent.mkdir(parents=True)
        (clinic / name).write_text("def price_of(pet):\n    return 1\n")
    for words in (["init", "-q"], ["add", "clinic", "old"], ["commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=clinic, check=True)
    desk = Desk(config.load(start=clinic, environ={}), clock=lambda: NOW)
    event = make_event()
    surfaced = event.surfaced
    assert surfaced is not None
    found = desk.sources(event, None)
    assert "clinic/pricing.py" in [source.path for source in found]
    with pytest.raises(NotFound, match="belongs to a library"):
        desk.sources(event, surfaced.frames[0])
    with pytest.raises(NotFound, match="No frame of the application"):
        desk.sources(make_event(exceptions=()), None)
    with pytest.raises(NotFound, match="No file of the checkout is"):
        desk.sources(event, msgspec.structs.replace(surfaced.frames[1], filename="/srv/app/other.py"))


def test_an_editor_with_a_window_needs_no_terminal() -> None:
    assert all(map(editor.has_window, (["code", "--wait"], ["/usr/bin/gvim"], ["Subl.exe"])))
    assert not any(map(editor.has_window, (["vim"], ["nano"], ["hx"], ["emacsclient", "-t"], ["something"])))


def test_one_that_hangs_is_left_to_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = tmp_path / "code"
    waits.write_text("#!/bin/sh\necho $$ > pid\nexec sleep 60\n")
    waits.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(editing, "WINDOW_SECONDS", 0.3)
    began = time.monotonic()
    assert editing._started([str(waits)]) is None
    assert time.monotonic() - began < 10
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    assert editing._started(["/bin/sh", "-c", "exit 3"]) == 3
