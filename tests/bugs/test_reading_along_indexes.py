"""What is read while nothing happens, and what the dashboard adds up, walks through no table of SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.testing import NOW
from workbench.bugs import stats
from workbench.bugs.acts import wake_due


@pytest.mark.parametrize("read", [stats.stats, wake_due], ids=["dashboard", "muted bugs that are due"])
def test_no_table_of_many_rows_is_walked_through(engine: Engine, read: Callable[..., Any]) -> None:
    asked: list[tuple[str, Any]] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    read(engine, now=NOW)
    narrow = ("is_recurrence", "mute_until", "tally")  # these find few rows among many; all states are counted in full
    plans = []
    with engine.connect() as connection:
        for statement, values in asked.copy():
            if any(word in statement.partition("WHERE")[2] for word in narrow):
                found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
                plans += [row[3] for row in found]
    assert plans
    assert [plan for plan in plans if plan.startswith(("SCAN bug", "SCAN tally"))] == []
