"""Whether GitHub is written to and read as it should be: the hour's budget, and how far behind each list is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store.tables import IssueFeed, table_of
from workbench.bugs.store import reading
from workbench.tracker import budget, inbound

# A list that nobody has taken up for so long after it was due: no worker runs, or none reaches GitHub.
LATE = timedelta(minutes=10)


@dataclass(frozen=True)
class FeedHealth:
    """One list of a repository: issues, comments or commits. `behind` is how long ago it should have been read."""

    repository: str
    kind: str
    behind: timedelta
    problem: str

    @property
    def is_late(self) -> bool:
        """Return whether nobody seems to read it."""
        return self.behind > LATE


@dataclass(frozen=True)
class Health:
    """`written` counts the writes of the last hour; `most` is the budget, or 0 without one."""

    written: int
    most: int
    feeds: tuple[FeedHealth, ...]

    @property
    def is_spent(self) -> bool:
        """Return whether further writes wait."""
        return 0 < self.most <= self.written


def health(engine: Engine, repositories: Collection[str], *, most: int, now: datetime) -> Health:
    """Return how it stands with GitHub, from the database alone; `repositories` are those that get issues."""
    feed = table_of(IssueFeed)
    with reading(engine) as connection:
        followed = sa.select(feed).where(inbound.followed(repositories))
        rows = connection.execute(followed.order_by(feed.c.repository, feed.c.kind)).all()
    feeds = tuple(
        FeedHealth(row.repository, row.kind, max(now - row.next_at, timedelta()), row.problem) for row in rows
    )
    return Health(budget.spent(engine, now), most, feeds)
