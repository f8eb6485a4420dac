"""Old lines of the ledger become one, and no sum of it ever changes by that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.folding import fold
from capture.store.intake import Batch, take_in
from capture.store.tables import JournalRow
from capture.testing import NOW, make_event

Rows = Callable[..., list[Any]]
HERE, ELSEWHERE = "web-1:/srv/.capture", "web-2:/srv/.capture"
LATER = NOW + timedelta(days=2)


@pytest.fixture
def sums(rows: Rows) -> Callable[[], tuple[int, int, int, dict[str, int]]]:
    def sums() -> tuple[int, int, int, dict[str, int]]:
        dropped: Counter[str] = Counter()
        for row in rows("journal"):
            dropped.update(row["dropped"])
        return (*(sum(rows("journal", column)) for column in ("seen", "stored", "counted")), dict(dropped))

    return sums


def enter(engine: Engine, name: str, *, folder: str = HERE, project: str = "clinic", dropped: int = 1) -> None:
    batch = Batch(
        name, 0, 10, 1 + dropped, [make_event(project=project)], dropped={"too_large": dropped}, folder=folder
    )
    take_in(engine, batch, now=NOW)


def test_lines_of_journals_that_are_gone_become_one_a_project(
    any_engine: Engine, rows: Rows, sums: Any, tmp_path: Path
) -> None:
    for number in range(4):
        enter(any_engine, f"{number}.journal", project="clinic" if number % 2 else "shop", dropped=number)
    (tmp_path / "3.journal").touch()
    before = sums()
    assert fold(any_engine, folder=tmp_path, place=HERE, now=LATER) == 3
    assert sums() == before
    lines = {row["name"]: (row["folded"], row["seen"], row["dropped"]) for row in rows("journal")}
    assert lines == {
        "3.journal": (0, 4, {"too_large": 3}),
        "folded clinic": (1, 2, {"too_large": 1}),
        "folded shop": (2, 4, {"too_large": 2}),
    }
    (tmp_path / "3.journal").unlink()
    assert fold(any_engine, folder=tmp_path, place=HERE, now=LATER) == 1
    assert fold(any_engine, folder=tmp_path, place=HERE, now=LATER + timedelta(days=300)) == 0
    assert sums() == before
    assert sorted(rows("journal", "folded")) == [2, 2]


def test_a_journal_that_may_come_again_keeps_its_line(any_engine: Engine, rows: Rows, tmp_path: Path) -> None:
    enter(any_engine, "1.journal")
    assert fold(any_engine, folder=tmp_path, place=HERE, now=NOW + timedelta(hours=23)) == 0, "too young"
    enter(any_engine, "2.journal", folder=ELSEWHERE)
    assert fold(any_engine, folder=tmp_path, place=HERE, now=LATER) == 1, "the one of the other folder cannot be seen"
    assert sorted(rows("journal", "name")) == ["2.journal", "folded clinic"]
    assert fold(any_engine, folder=tmp_path, place=HERE, now=NOW + timedelta(days=31)) == 1


def test_folding_goes_in_bounded_steps(any_engine: Engine, rows: Rows, sums: Any, tmp_path: Path) -> None:
    for number in range(5):
        enter(any_engine, f"{number}.journal")
    before = sums()
    folded = [fold(any_engine, folder=tmp_path, place=HERE, now=LATER, limit=2) for _ in range(4)]
    assert folded == [2, 2, 1, 0]
    assert sums() == before
    assert rows("journal", "folded") == [5]


@pytest.mark.parametrize("moment", ["SELECT", "INSERT", "UPDATE", "DELETE", "COMMIT"])
def test_killed_at_any_moment_nothing_is_counted_twice_or_lost(
    any_engine: Engine, sums: Any, tmp_path: Path, moment: str
) -> None:
    """The connection dies before the first statement of each kind: all of the transaction is undone by the database."""
    for number in range(3):
        enter(any_engine, f"{number}.journal")
    before = sums()

    def die(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    def die_at(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(moment):
            die()

    event, handler = ("commit", die) if moment == "COMMIT" else ("before_cursor_execute", die_at)
    sa.event.listen(any_engine, event, handler)
    with pytest.raises(KeyboardInterrupt):
        fold(any_engine, folder=tmp_path, place=HERE, now=LATER)
    sa.event.remove(any_engine, event, handler)
    assert sums() == before
    assert fold(any_engine, folder=tmp_path, place=HERE, now=LATER) == 3
    assert sums() == before


@pytest.mark.postgres
def test_a_line_that_somebody_works_on_is_left_alone(postgres_engine: Engine, tmp_path: Path) -> None:
    enter(postgres_engine, "1.journal")
    enter(postgres_engine, "2.journal")
    with Session(writing(postgres_engine)) as session:
        session.get(JournalRow, "1.journal", with_for_update=True)
        assert fold(postgres_engine, folder=tmp_path, place=HERE, now=LATER) == 1
    assert fold(postgres_engine, folder=tmp_path, place=HERE, now=LATER) == 1


def test_a_batch_for_a_line_that_was_folded_meanwhile_is_stale(any_engine: Engine, sums: Any, tmp_path: Path) -> None:
    enter(any_engine, "1.journal")
    fold(any_engine, folder=tmp_path, place=HERE, now=LATER)
    before = sums()
    assert take_in(any_engine, Batch("1.journal", 10, 20, 5, [make_event()]), now=LATER).stale
    assert sums() == before
