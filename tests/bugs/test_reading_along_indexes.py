"""What is read while nothing happens, and what the dashboard adds up, walks through no table of SQLite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.testing import NOW
from workbench.bugs import listing, stats
from workbench.bugs.acts import wake_due
from workbench.bugs.listing import Question


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


@pytest.mark.parametrize("filter_", ["count:>100", "first:<10d", "seen:<24h", "state:open count:>100"])
def test_a_filter_of_what_the_indexes_know_is_counted_along_one(any_engine: Engine, filter_: str) -> None:
    asked: list[tuple[str, Any]] = []
    sa.event.listen(any_engine, "before_cursor_execute", lambda *given: asked.append((given[2], given[3])))
    listing.counts(any_engine, Question(filter_), now=NOW)
    statement, values = asked[-1]
    with any_engine.connect() as connection:
        if any_engine.dialect.name == "postgresql":
            # Where there are no bugs all ways are as good: the others are taken away, until the transaction ends.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            connection.exec_driver_sql("SET LOCAL enable_bitmapscan = off")
            others = (f"ix_bug_listed_{order}" for order in ("count", "first_seen", "last_seen"))
            connection.exec_driver_sql(f"DROP INDEX {', '.join(others)}")
            plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", values).scalars())
            assert "Index Only Scan using ix_bug_listed_state on bug" in plan
        else:
            plan = "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values))
            assert "bug USING INDEX ix_bug_listed_state" in plan
