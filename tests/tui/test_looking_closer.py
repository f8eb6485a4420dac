"""What the page of a bug and the dashboard do by keys: walk, compare, plot, open an editor, retry."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store.intake import Batch, take_in
from capture.store.tables import Bug, OutboxRow
from capture.testing import NOW, make_event
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.compare import CompareScreen
from workbench.tui.screens.dashboard import DashboardScreen

pytestmark = pytest.mark.anyio


@pytest.fixture
def many(store: Engine) -> Engine:
    """A bug with more stored events than one window holds, the latest of another release."""
    events = [make_event(at=NOW - timedelta(minutes=n), release="two" if n == 0 else "one") for n in range(130)]
    take_in(store, Batch("many", 0, 1, len(events), events), now=NOW)
    return store


async def test_keys_on_the_page_of_a_bug(
    many: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    app = make_app()
    async with app.run_test(size=(140, 50)) as pilot:
        await settle(pilot)
        screen = BugScreen(1)
        await app.push_screen(screen)
        await settle(pilot)
        latest = screen.event
        await pilot.press("left_square_bracket")
        await settle(pilot)
        assert "This is the newest occurrence." in text_of(screen)
        await pilot.press("c")
        await settle(pilot)
        assert "Kept for comparison" in text_of(screen)
        await pilot.press("right_square_bracket")
        await settle(pilot)
        assert screen.event is not None
        assert latest is not None
        assert screen.event.id != latest.id
        await pilot.press("c")
        await settle(pilot)
        assert isinstance(app.screen, CompareScreen)
        shown = text_of(app.screen)
        assert "two" in shown
        assert "one" in shown
        await pilot.press("z", "escape")
        await settle(pilot)
        await pilot.press("p")
        await settle(pilot)
        assert "day" in text_of(screen)
        await pilot.press("e")
        await settle(pilot)
        assert " ✗ " in text_of(screen), "this folder is no repository, and that is said"
        for _ in range(101):
            screen.do_older()
            await settle(pilot)
        assert screen.event.at < NOW - timedelta(minutes=99)


async def test_a_parked_action_is_retried_from_the_dashboard(
    many: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    with Session(many) as session:
        bug = session.exec(select(Bug)).one()
        owed = {"bug_id": bug.id, "kind": "close_issue", "due_at": NOW, "created_at": NOW, "attempts": 9}
        session.add(OutboxRow(**owed, key="x", state="parked", outcome="no rights"))
        session.commit()
    app = make_app()
    async with app.run_test(size=(140, 70)) as pilot:
        await settle(pilot)
        screen = DashboardScreen()
        await app.push_screen(screen)
        await settle(pilot)
        assert "no rights" in text_of(screen)
        document = screen.document
        place = next(n for n, made in enumerate(document.lines) if made.key.startswith("parked"))
        await pilot.press("enter")
        await settle(pilot)
        assert "There is nothing behind this line" in text_of(screen)
        document.move_to(place)
        await settle(pilot)
        await pilot.press("r")
        await settle(pilot)
    with Session(many) as session:
        row = session.exec(select(OutboxRow).where(OutboxRow.key == "x")).one()
        assert (row.state, row.attempts) == ("due", 0)
