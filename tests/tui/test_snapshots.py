"""How the screens look: dark, light and in the terminal's colours, on the same story, with the clock standing still.

After a wanted change: `pytest tests/tui/test_snapshots.py --snapshot-update`, and look at every picture.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session
from tui.seeded_store import FINISHED

from capture.store.tables import Bug, FixSession, IssueFeed, TrackerWrite
from capture.testing import NOW
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
        app.desk.sessions.terms = lambda _number: Terms(rehearse="happy")  # type: ignore[method-assign]

        async def press(pilot: Any) -> None:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)

        return bool(snap_compare(app, terminal_size=size, run_before=press))

    return compare


LOOKS: dict[str, tuple[tuple[int, int], str]] = {
    "dark": (WIDE, "workbench"),
    "light": (NARROW, "workbench-light"),
    "ansi": (NARROW, "ansi-dark"),
    "ansi wide": (WIDE, "ansi-dark"),
}
SCREENS: dict[str, list[str]] = {
    "list": [],
    "typing": ["slash", "s", "t"],
    "columns": ["C", "j"],
    "question": ["j", "m"],
    "bug": ["enter", "2"],
    "compare": ["j", "enter", "c", "right_square_bracket", "c"],
    "dashboard": ["d"],
    "session": ["s"],
    "evidence": ["j", "j", "e"],
    "sign_off": ["j", "j", "v"],
    "launch": ["j", "f"],
    "help": ["question_mark"],
    "sessions": ["A"],
}
# A box in front of the list, and a list in the colours of the other.
FEWER: dict[str, tuple[str, ...]] = {"columns": ("dark",), "sessions": ("dark", "light")}
# Every screen in three colourings and two sizes, in as few pictures as can be.
SHOWN = [
    (name, look)
    for place, name in enumerate(SCREENS)
    for look in FEWER.get(name, ("dark", "light", "ansi wide" if place % 2 else "ansi"))
]


@pytest.mark.parametrize(("name", "shown_in"), SHOWN, ids=[f"{name} {look}" for name, look in SHOWN])
def test_screen(seeded: Engine, clinic: Path, checkout: tuple[str, str], look: Any, name: str, shown_in: str) -> None:
    size, theme = LOOKS[shown_in]
    if name == "dashboard":
        _several_sites(seeded, clinic)
    assert look(size, SCREENS[name], theme=theme)


def _several_sites(engine: Engine, clinic: Path) -> None:
    """Let the story be that of two projects, and one list on GitHub be late."""
    (clinic / "workbench.toml").write_text('[github]\nrepository = "clinic/site"\n')
    with Session(engine) as session:
        bug = session.get_one(Bug, 4)
        bug.project, bug.environment = "shop", "staging"
        for kind, late in (("comments", 0), ("commits", 0), ("issues", 25)):
            session.add(IssueFeed(repository="clinic/site", kind=kind, next_at=NOW - timedelta(minutes=late)))
        session.add(TrackerWrite(minute=NOW - timedelta(minutes=5), count=12))
        session.commit()


def test_an_empty_list(store: Engine, look: Any) -> None:
    assert look(NARROW, [])


def test_nothing_matches(seeded: Engine, look: Any) -> None:
    assert look(NARROW, ["slash", "x", "x", "enter"])


def test_words_looked_for_in_a_page(seeded: Engine, look: Any) -> None:
    assert look(NARROW, ["enter", "slash", *"price", "enter", "n"])


def test_an_interrupted_session(seeded: Engine, look: Any) -> None:
    with Session(seeded) as session:
        session.get_one(FixSession, FINISHED).state = "interrupted"
        session.commit()
    assert look(NARROW, ["j", "j", "s"])
