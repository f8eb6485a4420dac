"""A list that cannot be read, or takes long: no bugs stand under the heading of a list that is not theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from textual.events import Key

from workbench.errors import DatabaseError
from workbench.tui import loading, place
from workbench.tui.app import WorkbenchApp
from workbench.tui.bug_list import BugList
from workbench.tui.screens.bugs import BugsScreen

pytestmark = pytest.mark.anyio
Make = Callable[..., WorkbenchApp]


def numbers(app: WorkbenchApp) -> list[int]:
    return [row.number for row in app.screen.query_one(BugList).rows]


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> Callable[[WorkbenchApp], None]:
    """Return what takes the database away from an app; it looks for it again at once."""
    monkeypatch.setattr(place, "RETRY_SECONDS", 0.05)

    def take(app: WorkbenchApp) -> None:
        def listed(*_given: Any, **_words: Any) -> Any:
            raise DatabaseError("The database does not answer.", cure="Start it.")

        monkeypatch.setattr(app.desk, "listed", listed)

    return take


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["4"], "The bugs in the view Review could not be read."),
        (["slash", *"price", "enter"], "The bugs that match “price” in the view All open could not be read."),
        (["less_than_sign"], "The bugs in the view All open could not be read."),
    ],
    ids=["view", "filter", "order"],
)
async def test_bugs_of_another_list_are_not_shown_where_the_one_asked_for_cannot_be_read(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any, eventually: Any, gone: Any, change: list[str], told: str
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        assert len(numbers(app)) == 4
        await pilot.press("space")
        gone(app)
        await pilot.press(*change)
        await eventually(lambda: told in text_of(app.screen))
        assert "The database does not answer." in text_of(app.screen)
        assert "every two seconds" in text_of(app.screen)
        assert numbers(app) == []
        assert "4 bugs" not in text_of(app.screen)
        assert isinstance(app.screen, BugsScreen)
        assert app.screen.here().bug is None
        assert "✔ 1 marked" in text_of(app.screen), "keys act on what is marked"
        app.screen.acted()
        await pilot.press("m")  # no menu: there is nothing to mute
        await pilot.pause(0.1)
        assert isinstance(app.screen, BugsScreen)
        del app.desk.listed  # type: ignore[attr-defined]
        await eventually(lambda: numbers(app))
        await settle(pilot)
        assert "does not answer" not in text_of(app.screen)
        assert app.screen.bugs.cursor == 0  # type: ignore[attr-defined]
        assert "could not be read" not in text_of(app.screen)


async def test_bugs_stay_where_only_a_later_reading_of_their_list_fails(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any, eventually: Any, gone: Any
) -> None:
    """They are those of the filter that is shown; what they say is told to be old."""
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        gone(app)
        app.screen.reload()  # type: ignore[attr-defined]
        await eventually(lambda: "The database does not answer." in text_of(app.screen))
        assert len(numbers(app)) == 4
        assert "4 bugs" in text_of(app.screen)


async def test_a_list_that_takes_long_says_so_in_the_place_of_the_one_before(
    seeded: Engine, make_app: Make, settle: Any, text_of: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "PATIENCE_SECONDS", 0.2)
    app, may_read = make_app(), threading.Event()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        real = app.desk.listed

        def listed(*given: Any, **words: Any) -> Any:
            may_read.wait(20)
            return real(*given, **words)

        monkeypatch.setattr(app.desk, "listed", listed)
        app.post_message(Key("4", "4"))
        await asyncio.sleep(0.05)
        assert len(numbers(app)) == 4  # those of before do not flicker where it comes soon
        await eventually(lambda: "The bugs in the view Review are being read …" in text_of(app.screen))
        assert numbers(app) == []
        may_read.set()
        await settle(pilot)
        assert numbers(app) == [3]
