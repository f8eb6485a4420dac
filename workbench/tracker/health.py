"""Whether GitHub is written to and read as it should be: the hour's budget, and how far behind each list is."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from capture.store import schema
from workbench.bugs.store import reading
from workbench.config import Config
from workbench.errors import ConfigurationError
from workbench.tracker import budget, inbound
from workbench.tracker.routing import read_rules

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
    """`written` counts the writes of the last hour; `most` is the budget, or 0 without one.

    `is_read` is False where the settings switch reading off; then no list is late.
    """

    written: int
    most: int
    feeds: tuple[FeedHealth, ...]
    is_read: bool = True

    @property
    def is_spent(self) -> bool:
        """Return whether further writes wait."""
        return 0 < self.most <= self.written

    @property
    def problems(self) -> dict[tuple[str, str], list[str]]:
        """Why lists could not be read, each once: their kinds, by repository and reason."""
        found: dict[tuple[str, str], list[str]] = {}
        for feed in self.feeds:
            if feed.problem:
                found.setdefault((feed.repository, feed.problem), []).append(feed.kind)
        return found

    @property
    def late(self) -> tuple[FeedHealth, ...]:
        """The lists that nobody seems to read."""
        return tuple(feed for feed in self.feeds if feed.is_late) if self.is_read else ()


def of_settings(config: Config, engine: Engine, *, now: datetime) -> Health | None:
    """Return how it stands with GitHub by the settings, or None where no repository gets issues."""
    repository = str(config["github.repository"]).strip()
    if not repository:
        return None
    repositories = {repository}
    with suppress(ConfigurationError):  # told where the settings are looked at
        repositories |= {rule.repository for rule in read_rules(config.github_rules)}
    is_read = int(config["github.poll_seconds"]) > 0
    return health(engine, repositories, most=int(config["github.hourly_writes"]), is_read=is_read, now=now)


def health(engine: Engine, repositories: Collection[str], *, most: int, now: datetime, is_read: bool = True) -> Health:
    """Return how it stands with GitHub, from the database alone; `repositories` are those that get issues."""
    feed = schema.ISSUE_FEED
    with reading(engine) as connection:
        followed = sa.select(feed).where(inbound.followed(repositories))
        rows = connection.execute(followed.order_by(feed.c.repository, feed.c.kind)).all()
    feeds = tuple(
        FeedHealth(row.repository, row.kind, max(now - row.next_at, timedelta()), row.problem) for row in rows
    )
    return Health(budget.spent(engine, now), most, feeds, is_read)
