"""What is owed to the outside, and what the outside said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from capture.store.tables import columns


class Issue(columns.Row, table=True):
    """The GitHub issue linked to a bug."""

    __table_args__ = (sa.UniqueConstraint("repository", "number"),)

    bug_id: int = Field(foreign_key="bug.id", primary_key=True)
    repository: str = columns.text()  # owner/name
    number: int
    url: str = columns.text()
    state: str = columns.text()  # open, closed
    synced_at: datetime = columns.time()
    is_pull: bool = False  # a pull request: it is neither closed nor reopened by us
    is_locked: bool = False
    closed_outside: bool = False  # somebody closed it there, and nobody has signed the bug off
    closed_by: str | None = columns.text(default=None)  # who closed it, as GitHub names them
    labels: list[str] = columns.json(default_factory=list)  # those it has there
    comments: int = 0  # how many it has there
    note: str = columns.text(default="")  # what became of it, in words: deleted, transferred from …
    remote_at: datetime | None = columns.time(default=None)  # its last change, by GitHub's clock
    # Of the one comment that tells how often the bug was seen: its id, and the count and time that it was told.
    status_comment: int | None = Field(default=None, sa_type=sa.BigInteger)
    status_count: int | None = Field(default=None, sa_type=sa.BigInteger)
    status_at: datetime | None = columns.time(default=None)


class IssueComment(columns.Row, table=True):
    """What somebody wrote on the issue of a bug. `id` is GitHub's. The latest of each bug are kept."""

    __tablename__ = "issue_comment"

    bug_id: int = Field(foreign_key="bug.id", primary_key=True)
    id: int = Field(primary_key=True, sa_type=sa.BigInteger)
    author: str = columns.text()
    at: datetime = columns.time()
    text: str = columns.text()


class Mention(columns.Row, table=True):
    """A commit or pull request on GitHub that names a bug. `kind` is commit or pull; `state` that of the pull."""

    bug_id: int = Field(foreign_key="bug.id", primary_key=True)
    url: str = columns.text(primary_key=True)
    kind: str = columns.text()
    title: str = columns.text()
    author: str = columns.text(default="")
    state: str = columns.text(default="")
    at: datetime = columns.time()


class IssueFeed(columns.Row, table=True):
    """How far one list of a repository (issues, comments, commits) was read, and when it is read again."""

    __tablename__ = "issue_feed"

    repository: str = columns.text(primary_key=True)
    kind: str = columns.text(primary_key=True)
    since: datetime | None = columns.time(default=None)  # by GitHub's clock: the last change that was read
    etag: str = columns.text(default="")  # of the answer that had nothing after it
    next_at: datetime = columns.time()
    problem: str = columns.text(default="")  # why it could not be read the last time


class Delivery(columns.Row, table=True):
    """A webhook's delivery: that something has changed, for a worker to look at. GitHub's id makes replays harmless."""

    id: str = columns.text(primary_key=True)
    repository: str = columns.text()
    event: str = columns.text()
    action: str = columns.text(default="")
    number: int | None = None  # of the issue
    received_at: datetime = columns.time()
    done_at: datetime | None = columns.time(default=None, index=True)


class TrackerWrite(columns.Row, table=True):
    """How many writes to GitHub one minute saw: all workers share one hourly budget."""

    __tablename__ = "tracker_write"

    minute: datetime = columns.time(primary_key=True)
    count: int = columns.count()


class OutboxRow(columns.Row, table=True):
    """An action owed to the outside, done by a worker. `key` makes owing it twice harmless.

    `state` is due, done or parked; a due row with a lease in the future is in a worker's hands.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_state_due_at_id", "state", "due_at", "id"),
        # Whether an earlier row of the bug is unfinished, asked of every row that is due. Without it a database that
        # has not counted its rows yet compares all that are due with each other.
        sa.Index(
            *("ix_outbox_unfinished", "bug_id", "id"),
            **columns.where("state = 'due'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    bug_id: int = Field(foreign_key="bug.id", index=True)
    kind: str = columns.text()  # see capture.store.outbox
    key: str = columns.text(unique=True)
    body: dict[str, Any] = columns.json(default_factory=dict)
    state: str = columns.text(default="due")
    attempts: int = 0
    due_at: datetime = columns.time()
    leased_by: str | None = columns.text(default=None)
    leased_until: datetime | None = columns.time(default=None)
    outcome: str = columns.text(default="")  # what was done, or the readable reason it was not
    created_at: datetime = columns.time()
    done_at: datetime | None = columns.time(default=None)
