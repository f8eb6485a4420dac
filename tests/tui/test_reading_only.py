"""A screen on a database that may only be read: it shows everything, does nothing, and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from workbench import config
from workbench.tui.actions import ACTIONS
from workbench.tui.app import WorkbenchApp

pytestmark = pytest.mark.anyio


@pytest.fixture
def said(seeded: Engine, clinic: Any, clock: Any, settle: Any) -> Callable[..., Any]:
    async def said(*keys: str) -> str:
        given = config.load(flags={"database.read_only": "on"}, environ={}, start=clinic)
        app = WorkbenchApp(given, clock=clock)
        async with app.run_test(size=(100, 30)) as pilot:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            assert [thread.name for thread in app._background._threads if thread.is_alive()] == ["workbench-watch"]
            return "\n".join(one.text for one in app.screen.query_one("#status").lines)

    return said


async def test_it_says_so_when_it_opens(said: Any) -> None:
    assert "open to read only" in await said()


@pytest.mark.parametrize("keys", [("m",), ("f",), ("D",), ("enter", "n"), ("u",), ("x",)])
async def test_an_act_is_refused_with_the_reason(said: Any, keys: tuple[str, ...]) -> None:
    assert "open to read only" in await said("escape", *keys)


def test_what_changes_is_known() -> None:
    changing = {action.id for action in ACTIONS if action.changes}
    assert changing == {
        "mute", "assign", "label", "note", "link", "merge", "unmerge", "split", "close", "reopen", "delete", "undo",
        "fix", "allow", "always", "deny", "message", "interrupt", "unlock", "send_back", "resume",
        "take_over", "shell", "end",
        "sign", "reject", "worktree", "retry",
    }  # fmt: skip
