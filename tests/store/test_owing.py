"""Owing an action to the outside: once for each occasion, and one write for many changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.outbox import KINDS, owe, owe_all
from capture.store.tables import Bug, OutboxRow, table_of
from capture.testing import NOW


@pytest.fixture
def session(any_engine: Engine) -> Iterator[Session]:
    with Session(writing(any_engine)) as session:
        times = {"first_seen": NOW, "last_seen": NOW, "changed_at": NOW}
        session.add_all([Bug(number=number, title="x", kind="message", **times) for number in (1, 2)])
        session.flush()
        yield session


def kinds(session: Session) -> list[tuple[int, str]]:
    table = table_of(OutboxRow)
    return [tuple(row) for row in session.execute(sa.select(table.c.bug_id, table.c.kind).order_by(table.c.id))]


@pytest.mark.parametrize("kind", KINDS)
def test_an_action_is_owed_once_for_an_occasion(session: Session, kind: Any) -> None:
    owe(session, kind, 1, occasion="sign-off 7", now=NOW, body={"note": "good"})
    owe(session, kind, 1, occasion="sign-off 7", now=NOW + timedelta(hours=1))
    assert kinds(session) == [(1, kind)]
    (row,) = session.scalars(sa.select(OutboxRow)).all()
    assert (row.state, row.due_at, row.body, row.attempts) == ("due", NOW, {"note": "good"}, 0)


def test_another_occasion_or_bug_owes_it_again(session: Session) -> None:
    owe(session, "comment_issue", 1, occasion="sign-off 7", now=NOW)
    owe(session, "comment_issue", 1, occasion="sign-off 8", now=NOW)
    owe(session, "comment_issue", 2, occasion="sign-off 7", now=NOW)
    assert kinds(session) == [(1, "comment_issue"), (1, "comment_issue"), (2, "comment_issue")]


def test_a_file_that_waits_to_be_written_covers_later_changes(session: Session) -> None:
    owe(session, "write_file", 1, occasion="a", now=NOW)
    owe(session, "write_file", 1, occasion="b", now=NOW)
    owe(session, "write_file", 2, occasion="b", now=NOW)
    assert kinds(session) == [(1, "write_file"), (2, "write_file")]


@pytest.mark.parametrize("begun", [{"state": "done"}, {"state": "parked"}, {"leased_until": NOW}])
def test_a_file_whose_writing_has_begun_is_owed_again(session: Session, begun: dict[str, Any]) -> None:
    owe(session, "write_file", 1, occasion="a", now=NOW)
    session.execute(sa.update(OutboxRow).values(**begun))
    owe(session, "write_file", 1, occasion="b", now=NOW)
    assert kinds(session) == [(1, "write_file"), (1, "write_file")]


@pytest.mark.postgres
def test_no_worker_begins_a_file_before_the_change_that_it_covers_is_committed(postgres_engine: Engine) -> None:
    waiting = sa.select(OutboxRow).with_for_update(skip_locked=True)
    with Session(postgres_engine) as change, Session(postgres_engine) as worker:
        times = {"first_seen": NOW, "last_seen": NOW, "changed_at": NOW}
        change.add(Bug(id=1, number=1, title="x", kind="message", **times))
        change.flush()
        owe(change, "write_file", 1, occasion="a", now=NOW)
        change.commit()
        owe(change, "write_file", 1, occasion="b", now=NOW)
        assert worker.scalars(waiting).first() is None
        worker.rollback()
        change.commit()
        assert worker.scalars(waiting).one().key == "write_file:1:a"
        owe(change, "write_file", 1, occasion="c", now=NOW)  # waits for nobody, since that one is being begun
        change.commit()
        assert kinds(change) == [(1, "write_file"), (1, "write_file")]


def test_many_are_owed_in_one_statement(session: Session, count_statements: Callable[..., Any]) -> None:
    with count_statements(session.connection()) as statements:
        owe_all(session, tuple(f"kind {number}" for number in range(32)), [1, 2], occasion="created", now=NOW)
        owe_all(session, ("write_file",), [], occasion="created", now=NOW)
    assert len(statements) <= 1, "the COPY of PostgreSQL goes past what counts them"
    assert len(kinds(session)) == 64
    assert {row.body == {} and row.state == "due" for row in session.scalars(sa.select(OutboxRow))} == {True}
