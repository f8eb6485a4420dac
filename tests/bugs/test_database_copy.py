"""A database is copied whole into an empty one, and back, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store import migrate
from capture.store.engine import open_engine, writing
from capture.store.tables import Bug, metadata
from capture.testing import NOW, make_event
from workbench.bugs import database_copy, queries
from workbench.bugs.downgrading import losses
from workbench.errors import DatabaseError, Refused


@pytest.fixture
def filled(engine: Engine, carry_into: Callable[..., Any]) -> Engine:
    """A SQLite store with bugs, a hostile text, a fix and a hole in the ids."""
    carry_into(engine, make_event(), make_event(key="bb", title="naïve \u202e \x1b[31m", user_id="7"))
    with writing(engine).begin() as connection:
        connection.execute(sa.update(Bug).where(Bug.number == 1).values(mute_releases=["a", "b"], mute_until=NOW))
        for table, values in (
            ("note", {"id": 41, "bug_id": 1, "at": NOW, "by": "Ada", "text": "größer\n"}),
            ("release", {"project": "shop", "name": "v1", "first_seen": NOW}),
            ("act", {"id": 9, "bug_id": None, "number": 77, "at": NOW, "actor_kind": "person", "actor": "Ada",
                     "kind": "delete", "before": {"a": [1, None]}, "after": {}, "reason": "x", "undone_at": None}),
        ):  # fmt: skip
            connection.execute(sa.insert(metadata.tables[table]).values(values))
    return engine


def contents(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


@pytest.mark.postgres
def test_sqlite_to_postgresql_and_back(filled: Engine, postgres_engine: Engine, tmp_path: Path) -> None:
    there = database_copy.copy(filled, postgres_engine)
    assert contents(postgres_engine) == contents(filled)
    assert {one.table for one in there.tables} == set(metadata.tables)
    assert not there.has_moved
    home = open_engine(f"sqlite:///{tmp_path}/home/again.db", create=True)
    back = database_copy.copy(postgres_engine, home)
    assert contents(home) == contents(filled)
    assert back.tables == there.tables
    home.dispose()


@pytest.mark.postgres
def test_ids_and_numbers_go_on_where_they_were(
    filled: Engine, postgres_engine: Engine, carry_into: Callable[..., Any]
) -> None:
    database_copy.copy(filled, postgres_engine)
    assert carry_into(postgres_engine, make_event(key="cc")).new_bugs == (78,)
    with postgres_engine.begin() as connection:
        note = metadata.tables["note"]
        row = {"bug_id": 1, "at": NOW, "by": "Ada", "text": ""}
        assert connection.scalar(sa.insert(note).values(row).returning(note.c.id)) == 42


def test_a_database_without_tables_gets_them(filled: Engine, tmp_path: Path) -> None:
    target = open_engine(f"sqlite:///{tmp_path}/new.db", create=True)
    database_copy.copy(filled, target)
    migrate.check(target)
    assert [row.number for row in queries.list_bugs(target, now=NOW)] == [
        row.number for row in queries.list_bugs(filled, now=NOW)
    ]
    target.dispose()


@pytest.mark.parametrize("size", [1, 2])
def test_it_goes_in_pieces_and_says_how_far_it_is(
    filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(database_copy, "BATCH", size)
    monkeypatch.setattr(database_copy, "PAYLOAD_BATCH", size)
    target = open_engine(f"sqlite:///{tmp_path}/new.db", create=True)
    steps: list[database_copy.Step] = []
    copied = database_copy.copy(filled, target, tell=steps.append)
    for what in ("copying", "checking"):
        done = [step.done for step in steps if step.what == what]
        assert done == sorted(done)
        assert done[-1] == copied.rows == steps[0].total
        assert max(after - before for before, after in pairwise(done)) <= size
    target.dispose()


def test_a_database_with_rows_is_refused_and_stays_as_it_is(filled: Engine, any_engine: Engine) -> None:
    with Session(writing(any_engine)) as session:
        session.add(Bug(number=5, title="mine", kind="status", first_seen=NOW, last_seen=NOW, changed_at=NOW))
        session.commit()
    before = contents(any_engine)
    with pytest.raises(Refused, match="is not empty: its table bug has rows"):
        database_copy.copy(filled, any_engine)
    assert contents(any_engine) == before


@pytest.mark.postgres
@pytest.mark.parametrize("moment", ["copying", "checking"])
def test_an_interrupted_copy_leaves_nothing_and_can_be_begun_again(
    filled: Engine, postgres_url: str, moment: str
) -> None:
    target = open_engine(postgres_url)

    def interrupt(step: database_copy.Step) -> None:
        if step.what == moment and step.table == "occurrence":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database_copy.copy(filled, target, tell=interrupt)
    assert sa.inspect(target).get_table_names() == []
    database_copy.copy(filled, target)
    assert contents(target) == contents(filled)
    target.dispose()


def test_a_copy_that_differs_is_not_kept(filled: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = open_engine(f"sqlite:///{tmp_path}/new.db", create=True)

    def spoil(step: database_copy.Step) -> None:
        if step.table == "tally" and step.what == "copying":
            monkeypatch.setattr(database_copy, "_digest", lambda row: 1)

    with pytest.raises(DatabaseError, match="is not the same after copying"):
        database_copy.copy(filled, target, tell=spoil)
    assert sa.inspect(target).get_table_names() == []
    target.dispose()


def test_what_is_written_meanwhile_is_told_and_not_half_copied(
    filled: Engine, tmp_path: Path, carry_into: Callable[..., Any]
) -> None:
    target = open_engine(f"sqlite:///{tmp_path}/new.db", create=True)
    before = contents(filled)
    written: list[Any] = []

    def write(step: database_copy.Step) -> None:
        if not written:
            written.append(carry_into(filled, make_event(key="cc")))

    assert database_copy.copy(filled, target, tell=write).has_moved
    assert contents(target) == before
    target.dispose()


def test_an_older_source_is_named(filled: Engine, tmp_path: Path) -> None:
    migrate.downgrade(filled, migrate.REVISIONS[-2])
    target = open_engine(f"sqlite:///{tmp_path}/new.db", create=True)
    with pytest.raises(DatabaseError, match="made by an earlier version"):
        database_copy.copy(filled, target)
    target.dispose()


def test_a_downgrade_loses_what_it_says_and_keeps_the_rest(any_engine: Engine, carry_into: Callable[..., Any]) -> None:
    carry_into(any_engine, make_event())
    issue = {"bug_id": 1, "repository": "a/b", "number": 1, "url": "u", "state": "open", "synced_at": NOW}
    with any_engine.begin() as connection:
        connection.execute(sa.insert(metadata.tables["issue"]).values(issue | {"is_locked": True, "labels": ["bug"]}))
    told = {str(loss) for loss in losses(any_engine, "0007")}
    assert "the column is_locked of issue, filled in 1 rows" in told
    assert "the column labels of issue, filled in 1 rows" in told
    assert "the column note of issue, filled in 0 rows" in told
    assert "the table mention with 0 rows" in told
    migrate.downgrade(any_engine, "0007")
    assert migrate.current(any_engine) == "0007"
    assert "mention" not in sa.inspect(any_engine).get_table_names()
    migrate.upgrade(any_engine)
    migrate.check(any_engine)
    assert [row.number for row in queries.list_bugs(any_engine, now=NOW)] == [1]
