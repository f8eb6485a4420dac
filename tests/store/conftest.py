"""What the tests of the store share: empty it, look at all of it, put events into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from emptied import empty
from sqlalchemy.engine import Engine

from capture.event import Event
from capture.store import intake
from capture.store.tables import metadata
from capture.testing import NOW


@pytest.fixture
def wipe(any_engine: Engine) -> Callable[[], Engine]:
    """A function that empties the store, for tests that try many examples on one database."""

    def wipe() -> Engine:
        with any_engine.begin() as connection:
            empty(connection)
        return any_engine

    return wipe


@pytest.fixture
def rows(any_engine: Engine) -> Callable[..., list[Any]]:
    """A function that returns all rows of a table, or of one of its columns, in the order of the primary key."""

    def rows(table: str, column: str | None = None) -> list[Any]:
        of_it = metadata.tables[table]
        # Without an order PostgreSQL gives a row that was written again where it found room for it.
        with any_engine.connect() as connection:
            found = connection.execute(sa.select(of_it).order_by(*of_it.primary_key)).mappings().all()
        return [row[column] if column else dict(row) for row in found]

    return rows


@pytest.fixture
def carry(any_engine: Engine) -> Callable[..., intake.Intake]:
    """A function that takes events in as the next batch of a journal."""
    ends: dict[str, int] = {}

    def carry(*events: Event, journal: str = "journal-1", now: Any = NOW, **more: Any) -> intake.Intake:
        start = ends.get(journal, 0)
        counted, dropped = more.get("counted", ()), more.get("dropped", {})
        ends[journal] = start + len(events) + sum(c.count for c in counted) + sum(dropped.values())
        batch = intake.Batch(journal, start, ends[journal], ends[journal], [*events, *counted], dropped)
        return intake.take_in(any_engine, batch, now=now)

    return carry
