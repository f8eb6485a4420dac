"""The bugs of owed actions as they are now: those of many actions that are done together, read together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col

from capture.store.lifecycle import label
from capture.store.tables import Bug, Issue, OutboxRow
from workbench.bugs import facts
from workbench.bugs.rows import BugFacts
from workbench.errors import NotFound
from workbench.tracker.outbox import LAST_KINDS, Leased
from workbench.tracker.port import Found


@dataclass(frozen=True)
class OwedBug:
    """The bug of an owed action, and the issue that it is linked to."""

    number: int
    state: str
    issue: Found | None
    first_owed: datetime  # when its issue was first owed: no issue of ours is older
    closed_as: str | None = None
    is_pull: bool = False
    status_comment: int | None = None
    read: BugFacts | None = None  # where the action tells it

    @property
    def facts(self) -> BugFacts:
        """What files and issues say of it. Raises `NotFound` where the bug was deleted meanwhile."""
        if self.read is None:
            raise NotFound(f"There is no bug {label(self.number)}.")
        return self.read


def read(engine: Engine, batch: Sequence[Leased], *, now: datetime) -> dict[int, OwedBug]:
    """Return the bug of each leased row, by the row's id. One that was deleted is not in it."""
    owed = (
        sa.select(sa.func.min(col(OutboxRow.created_at)))
        .where(col(OutboxRow.bug_id) == col(Bug.id), col(OutboxRow.kind) == "open_issue")
        .scalar_subquery()
    )
    both = (
        sa.select(col(Bug.id), col(Bug.number), col(Bug.state), col(Bug.closed_as), Issue, owed)
        .join(Issue, col(Issue.bug_id) == col(Bug.id), isouter=True)
        .where(col(Bug.id).in_({leased.bug_id for leased in batch}))
    )
    with Session(engine) as session:
        rows: dict[int, Any] = {row[0]: row for row in session.execute(both)}
        told = [leased for leased in batch if _tells(leased)]
        ids = sorted({leased.bug_id for leased in told})
        counted = any(_counts(leased) for leased in told)
        read = facts.of_ids(session.connection(), ids, now=now, users=counted) if ids else {}
        return {
            leased.id: _owed(leased, rows[leased.bug_id], read.get(leased.bug_id))
            for leased in batch
            if leased.bug_id in rows
        }


def _owed(leased: Leased, row: Any, read: BugFacts | None) -> OwedBug:
    _id, number, state, closed_as, linked, first_owed = row
    return OwedBug(
        number,
        state,
        Found(linked.repository, linked.number, linked.url, linked.state) if linked else None,
        min(first_owed or leased.created_at, leased.created_at),
        closed_as,
        is_pull=linked.is_pull if linked else False,
        status_comment=linked.status_comment if linked else None,
        read=read,
    )


def _tells(leased: Leased) -> bool:
    """Say whether the action tells more of its bug than it was owed with."""
    if leased.kind == "comment_issue":
        return leased.body.get("evidence") is not None or _counts(leased)
    return leased.kind != "close_issue"


def _counts(leased: Leased) -> bool:
    """Say whether it tells how many users met the bug, which takes long to count."""
    return leased.kind in LAST_KINDS or (leased.kind == "comment_issue" and "release" in leased.body)
