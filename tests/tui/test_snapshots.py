"""How the screens look: one picture each, on the same story, with the clock standing still.

After a wanted change: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at every picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session
from tui.seeded_store import FINISHED

from capture.store.tables import FixSession
from workbench.fixing import Terms
from workbench.tui.app import WorkbenchApp

WIDE, NARROW = (120, 36), (80, 24)


@pytest.fixture
def look(
    make_app: Callable[..., WorkbenchApp], settle: Any, snap_compare: Any
) -> Callable[[tuple[int, int], list[str]], bool]:
    """Press keys, waiting after each until the screen has settled, and compare with the picture."""

    def compare(size: tuple[int, int], keys: list[str], theme: str = "workbench") -> bool:
        app = make_app()
        app.theme = theme
        app.desk.terms = lambda _number: Terms(rehearse="happy")  # type: ignore[method-assign]

        async def press(pilot: Any) -> None:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)

        return bool(snap_compare(app, terminal_size=size, run_before=press))

    return compare


SCREENS: dict[str, tuple[tuple[int, int], list[str]]] = {
    "list": (WIDE, []),
    "list_narrow": (NARROW, ["j"]),
    "bug": (WIDE, ["enter"]),
    "bug_narrow": (NARROW, ["j", "j", "enter", "2"]),
    "session": (WIDE, ["s"]),
    "session_narrow": (NARROW, ["s"]),
    "evidence": (WIDE, ["j", "j", "e"]),
    "launch": (NARROW, ["j", "f"]),
    "help": (NARROW, ["question_mark"]),
    "nothing_matches": (NARROW, ["slash", "x", "x", "enter"]),
}


@pytest.mark.parametrize("name", SCREENS)
def test_screen(seeded: Engine, look: Any, name: str) -> None:
    size, keys = SCREENS[name]
    assert look(size, keys)


def test_an_empty_list(store: Engine, look: Any) -> None:
    assert look(NARROW, [])


def test_the_terminal_s_own_colours(seeded: Engine, look: Any) -> None:
    assert look(WIDE, [], theme="ansi-dark")


def test_sign_off(seeded: Engine, checkout: tuple[str, str], look: Any) -> None:
    assert look(WIDE, ["j", "j", "v"])


def test_an_interrupted_session(seeded: Engine, look: Any) -> None:
    with Session(seeded) as session:
        session.get_one(FixSession, FINISHED).state = "interrupted"
        session.commit()
    assert look(NARROW, ["j", "j", "s"])
