"""The one comment on an issue that tells how its bug stands: written once, and edited from then on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col

from capture.store.engine import writing
from capture.store.outbox import owe
from capture.store.tables import Bug, Issue, OutboxRow
from workbench.tracker.failures import Gone
from workbench.tracker.noting import GONE
from workbench.tracker.once import comment_once
from workbench.tracker.port import Issues

_MOST = 100  # owed at a time; those that were told longest ago come first


def tell(
    issues: Issues, number: int, known: int | None, marker: str, body: str, *, since: datetime
) -> tuple[int | None, bool]:
    """Make `body` the one comment with `marker`; return its id, and whether it was written or changed.

    `known` is the id that it had the last time.
    """
    if known is not None:
        try:
            return known, issues.edit_comment(number, known, body)
        except Gone:
            pass  # somebody deleted it, or the issue was transferred, and has it under another id
    is_new = comment_once(issues, number, marker, body, since=since)
    found: Sequence[int] = issues.comments(number, marker, since=since)
    if not found:
        return None, is_new  # not listed yet: looked for the next time
    return found[0], issues.edit_comment(number, found[0], body) or is_new


def owe_standing(engine: Engine, *, every: timedelta, now: datetime) -> int:
    """Owe the comment of each open bug whose count its issue does not tell; return how many.

    At most one for a bug at a time, and one within `every`: a bug that fails a thousand times a minute is told of as
    often as one that fails twice.
    """
    with Session(engine) as session:
        bug_ids = [bug_id for bug_id in session.scalars(_untold(now - every)) if bug_id is not None]
    if not bug_ids:
        return 0
    with Session(writing(engine)) as session:
        for bug_id in bug_ids:
            owe(session, "status_issue", bug_id, occasion=now.isoformat(), now=now)
        session.commit()
    return len(bug_ids)


def _untold(before: datetime) -> sa.Select[Any]:
    owed = (
        sa.select(col(OutboxRow.id))
        .where(
            col(OutboxRow.bug_id) == col(Bug.id),
            col(OutboxRow.kind) == "status_issue",
            col(OutboxRow.state) != "done",
        )
        .exists()
    )
    return (
        sa.select(col(Bug.id))
        .join(Issue, col(Issue.bug_id) == col(Bug.id))
        .where(
            col(Issue.state) == "open",
            col(Issue.note) != GONE,
            col(Bug.state).not_in(("closed", "muted")),
            sa.func.coalesce(col(Issue.status_count), 1) != col(Bug.count),
            sa.or_(col(Issue.status_at).is_(None), col(Issue.status_at) <= before),
            ~owed,
        )
        .order_by(col(Issue.status_at).is_not(None), col(Issue.status_at), col(Bug.id))
        .limit(_MOST)
    )
