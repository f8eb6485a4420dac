"""What the tests of bugs share: put events into a store, and read them back as a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from capture.event import Event
from capture.store.intake import Batch, Intake, take_in
from capture.testing import NOW
from workbench.bugs import queries
from workbench.bugs.rows import BugPage


@pytest.fixture
def carry_into() -> Callable[..., Intake]:
    """A function that takes events into an engine's database."""
    taken = iter(range(1_000))

    def carry_into(engine: Engine, *events: Event, now: Any = NOW) -> Intake:
        return take_in(engine, Batch(f"journal-{next(taken)}", 0, 1, len(events), events), now=now)

    return carry_into


@pytest.fixture
def page_of(engine: Engine, carry_into: Callable[..., Intake]) -> Callable[[Event], BugPage]:
    """A function that stores an event and returns the page of its bug."""

    def page_of(event: Event) -> BugPage:
        (number,) = carry_into(engine, event).new_bugs
        return queries.bug_page(engine, number, now=NOW)

    return page_of
