"""What people did to issues on GitHub, written down at their bugs. It changes no state of any bug."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from capture.store.engine import upsert
from capture.store.outbox import owe
from capture.store.tables import Bug, Issue, IssueComment, OutboxRow, table_of
from workbench.tracker.locks import lock_bugs
from workbench.tracker.markers import markers_in
from workbench.tracker.port import Remote, Said

GONE = "deleted there, or no longer for the token to see"
_KEPT = 20  # comments of a bug
_CHARACTERS = 2_000  # of a comment
# What a bug file says of its issue.
_FILED = ("repository", "number", "url", "closed_outside", "note")
_COMMENT = table_of(IssueComment)


def linked(session: Session, repository: str, numbers: Iterable[int], *, also: Iterable[int] = ()) -> dict[int, Issue]:
    """Return the linked issues of a repository by number, their bugs locked in order until the transaction ends.

    `also` are the ids of further bugs that will be written to.
    """
    which = sa.and_(col(Issue.repository) == repository, col(Issue.number).in_(set(numbers)))
    bug_ids = lock_linked(session, which, also=also)
    # Read now, and not before the lock: whoever held it may have written what is newer than any list.
    found = session.exec(select(Issue).where(which, col(Issue.bug_id).in_(bug_ids)))
    return {row.number: row for row in found}


def lock_linked(session: Session, which: sa.ColumnElement[bool], *, also: Iterable[int] = ()) -> list[int]:
    """Return the ids of the bugs of issues, locked: whoever settles actions locks the bugs before their issues too."""
    bug_ids = list(session.exec(select(Issue.bug_id).where(which)))
    lock_bugs(session, {*bug_ids, *also})
    return bug_ids


def note_issue(session: Session, row: Issue, seen: Remote, *, now: datetime) -> bool:
    """Write down how an issue looks now, and return whether that is news. What is older than what is known is not."""
    row.synced_at = now
    if row.remote_at is not None and seen.at < row.remote_at:
        return False
    bug = session.get_one(Bug, row.bug_id)
    values: dict[str, Any] = {
        "state": seen.found.state,
        "is_pull": seen.is_pull,
        "is_locked": seen.is_locked,
        "labels": list(seen.labels),
        "comments": seen.comments,
        "closed_by": seen.closed_by if seen.found.state == "closed" else None,
        "closed_outside": seen.found.state == "closed" and bug.state != "closed" and not _is_ours(session, row),
        "url": seen.found.url,
    }
    if row.note == GONE:
        values["note"] = ""
    if (seen.found.repository, seen.found.number) != (row.repository, row.number):
        values |= _moved(session, row, seen)
    return _put(session, row, values | {"remote_at": seen.at}, now=now)


def note_gone(session: Session, row: Issue, *, now: datetime) -> bool:
    """Write down that the issue is no more, and return whether that is news."""
    row.synced_at = now
    return _put(session, row, {"note": GONE}, now=now)


def note_comments(session: Session, bug_id: int, comments: Iterable[Said], *, is_all: bool = False) -> bool:
    """Write down what people wrote, the latest of it; our own comments are left out. Return whether that is news.

    `is_all`: what is not among `comments` was deleted.
    """
    connection = session.connection()
    known = dict(
        tuple(row)
        for row in connection.execute(sa.select(_COMMENT.c.id, _COMMENT.c.text).where(_COMMENT.c.bug_id == bug_id))
    )
    theirs = {said.id: said for said in comments if not markers_in(said.body)}
    fresh = [said for said in theirs.values() if known.get(said.id) != said.body[:_CHARACTERS]]
    gone = set(known) - set(theirs) if is_all else set()
    for said in fresh:
        insert = upsert(connection, _COMMENT).values(
            bug_id=bug_id, id=said.id, author=said.author, at=said.written_at, text=said.body[:_CHARACTERS]
        )
        connection.execute(
            insert.on_conflict_do_update(
                index_elements=[_COMMENT.c.bug_id, _COMMENT.c.id], set_={"text": insert.excluded.text}
            )
        )
    gone |= set(sorted((set(known) | set(theirs)) - gone, reverse=True)[_KEPT:])
    if gone:
        connection.execute(sa.delete(_COMMENT).where(_COMMENT.c.bug_id == bug_id, _COMMENT.c.id.in_(gone)))
    return bool(fresh) or bool(gone & set(known))


def touch(session: Session, bug_ids: Iterable[int], *, now: datetime) -> None:
    """Let screens read the bugs anew."""
    session.execute(sa.update(Bug).where(col(Bug.id).in_(sorted(set(bug_ids)))).values(changed_at=now))


def _put(session: Session, row: Issue, values: dict[str, Any], *, now: datetime) -> bool:
    changed = {name for name, value in values.items() if getattr(row, name) != value}
    for name in changed:
        setattr(row, name, values[name])
    session.add(row)
    session.flush()
    if changed.intersection(_FILED):
        owe(session, "write_file", row.bug_id, occasion=f"seen {now.isoformat()}", now=now)
    if changed - {"remote_at"}:
        touch(session, [row.bug_id], now=now)
    return bool(changed - {"remote_at"})


def _is_ours(session: Session, row: Issue) -> bool:
    """Say whether the issue is closed because its bug was, and has only not been reopened yet."""
    owed = select(OutboxRow.id).where(
        OutboxRow.bug_id == row.bug_id,
        col(OutboxRow.kind).in_(("close_issue", "reopen_issue")),
        OutboxRow.state != "done",
    )
    return session.exec(owed.limit(1)).first() is not None


def _moved(session: Session, row: Issue, seen: Remote) -> dict[str, Any]:
    """An issue that was transferred has a number of its own there."""
    there = seen.found
    other = select(Issue.bug_id).where(Issue.repository == there.repository, Issue.number == there.number)
    if session.exec(other).first() is not None:
        return {"note": f"transferred to {there.repository}#{there.number}, which is another bug's"}
    return {
        "repository": there.repository,
        "number": there.number,
        "note": f"transferred from {row.repository}#{row.number}",
    }
