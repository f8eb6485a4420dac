"""What is known of issues after actions were done, written where the rest of the workbench reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session, col, select

from capture.store.tables import Bug, Issue, OutboxRow
from workbench.tracker.actions import Outcome
from workbench.tracker.outbox import Leased


def record(session: Session, done: Sequence[tuple[Leased, Outcome]], *, now: datetime) -> None:
    """Write what is now known of the bugs' issues; a first link owes a new bug file. Nothing is committed."""
    done = [(leased, outcome) for leased, outcome in done if outcome.issue is not None or outcome.told is not None]
    if not done:
        return
    ids = {leased.bug_id for leased, _outcome in done}
    rows = {row.bug_id: row for row in session.exec(select(Issue).where(col(Issue.bug_id).in_(ids)))}
    fresh: dict[int, Leased] = {}
    for leased, outcome in done:
        if outcome.issue is not None and leased.bug_id not in rows:
            rows[leased.bug_id] = Issue(bug_id=leased.bug_id, repository="", number=0, url="", state="", synced_at=now)
            fresh[leased.bug_id] = leased
        if (row := rows.get(leased.bug_id)) is not None:  # or else it was unlinked meanwhile
            _note(row, outcome, now)
            session.add(row)
    session.flush()
    _owe_files(session, fresh, now)
    session.execute(sa.update(Bug).where(col(Bug.id).in_(list(rows))).values(changed_at=now))


def _note(row: Issue, outcome: Outcome, now: datetime) -> None:
    issue = outcome.issue
    if issue is not None:
        row.repository, row.number, row.url, row.state = issue.repository, issue.number, issue.url, issue.state
        row.synced_at, row.closed_outside = now, False
        # A list that was read before this change tells of an earlier time, and is not believed.
        row.remote_at = max((at for at in (row.remote_at, issue.at) if at is not None), default=None)
    if outcome.told is not None:
        row.status_count, row.status_at = outcome.told, now
    if outcome.comment is not None:
        row.status_comment = outcome.comment


def _owe_files(session: Session, linked: Mapping[int, Leased], now: datetime) -> None:
    """Owe the files of several bugs as `capture.store.outbox.owe` owes one: once for each action that linked one."""
    if not linked:
        return
    waiting = select(OutboxRow.bug_id).where(
        col(OutboxRow.bug_id).in_(linked),
        OutboxRow.kind == "write_file",
        OutboxRow.state == "due",
        col(OutboxRow.leased_until).is_(None),
    )
    covered = set(session.exec(waiting.with_for_update(skip_locked=True)))
    session.add_all(
        OutboxRow(
            bug_id=bug_id,
            kind="write_file",
            key=f"write_file:{bug_id}:linked by {leased.id}",
            due_at=now,
            created_at=now,
        )
        for bug_id, leased in linked.items()
        if bug_id not in covered
    )
    session.flush()
