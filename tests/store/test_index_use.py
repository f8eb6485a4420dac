"""What is asked with each batch finds its rows by an index, however many bugs there are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.event import Fingerprint
from capture.store.engine import writing
from capture.store.intake import Batch, Counted, take_in
from capture.store.retention import Pruner
from capture.store.tables import Bug, table_of
from capture.testing import NOW, make_event

LARGE = ("bug", "fingerprint", "occurrence", "tally", "transition", "outbox", "fix_release")


@contextmanager
def plans(engine: Engine) -> Iterator[list[str]]:
    """Collect how SQLite goes about each statement, as `EXPLAIN QUERY PLAN` says it."""
    found: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            cursor = connection.connection.cursor()
            one = parameters[0] if many else parameters
            found.extend(
                f"{row[3]} for {statement[:200]}" for row in cursor.execute(f"EXPLAIN QUERY PLAN {statement}", one)
            )
            cursor.close()

    sa.event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", explain)


def test_no_batch_reads_a_whole_table(engine: Engine) -> None:
    first = [make_event(key=key) for key in ("aa", "bb", "cc")]
    take_in(engine, Batch("j", 0, 1, 3, first), now=NOW)
    with writing(engine).begin() as connection:
        connection.execute(table_of(Bug).update().values(state="closed", fix_commit="f1x"))
    later = NOW + timedelta(hours=1)
    moved = make_event(at=later, fingerprint=Fingerprint(key="new", version="2", parts=(), earlier="aa"))
    batch: list[Any] = [make_event(key=key, at=later, release="next") for key in ("aa", "bb", "dd")]
    counted = [Counted("clinic", "cc", later, 5, "next")]
    with plans(engine) as found:
        outcome = take_in(engine, Batch("j", 1, 2, 12, [*batch, moved, *counted]), now=later)
        assert (outcome.stored, outcome.counted) == (4, 5)
    assert len(found) > 10
    assert [plan for plan in found if plan.startswith(tuple(f"SCAN {table}" for table in LARGE))] == []


def test_pruning_reads_no_event_of_another_bug(engine: Engine) -> None:
    take_in(engine, Batch("j", 0, 1, 40, [make_event(key="aa") for _ in range(40)]), now=NOW)
    with plans(engine) as found:
        assert Pruner(engine, keep=1).round(seconds=60).occurrences > 10
    assert [plan for plan in found if "occurrence" in plan] != []
    assert [plan for plan in found if plan.startswith("SCAN occurrence")] == []
