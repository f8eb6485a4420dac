"""Owe what a database from before GitHub was set up does not owe yet."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from capture.store.engine import writing
from capture.store.outbox import owe
from capture.store.tables import Bug, Issue, OutboxRow


def owe_missing_issues(engine: Engine, *, now: datetime) -> int:
    """Owe an issue for every bug that is not closed, has none and is owed none; return how many there were."""
    with Session(engine) as session:
        missing = list(session.execute(_missing()).all())
    for bug_id, earlier in missing:
        with Session(writing(engine)) as session:
            try:
                owe(session, "open_issue", bug_id, occasion=f"reconciled {earlier}", now=now)
                session.commit()
            except IntegrityError:  # another worker has just owed the same
                session.rollback()
    return len(missing)


def _missing() -> sa.Select[tuple[int, int]]:
    """The bugs without issue, each with how many rows it had for one: that makes the new row's key its own."""
    rows = sa.select(sa.func.count()).where(col(OutboxRow.bug_id) == col(Bug.id), col(OutboxRow.kind) == "open_issue")
    unfinished = (
        sa.select(col(OutboxRow.id))
        .where(
            col(OutboxRow.bug_id) == col(Bug.id),
            col(OutboxRow.kind) == "open_issue",
            col(OutboxRow.state) != "done",
        )
        .exists()
    )
    linked = sa.select(col(Issue.bug_id)).where(col(Issue.bug_id) == col(Bug.id)).exists()
    return sa.select(col(Bug.id), rows.scalar_subquery()).where(col(Bug.state) != "closed", ~linked, ~unfinished)
