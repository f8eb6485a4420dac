"""The sites that share a database, each with its bugs in figures: a project in an environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.bugs.filters import term
from workbench.bugs.lines import BUG, FINGERPRINT, TALLY

MOST = 50
_DAY = timedelta(days=1)
_SITE = (BUG.c.project, BUG.c.environment)


@dataclass(frozen=True)
class Site:
    """`bugs` are those that are neither closed nor merged into others; `recurring` ones came back after a sign-off.

    `new` ones were first seen within a day, and `events` are those of that day.
    """

    project: str
    environment: str
    bugs: int
    new: int
    recurring: int
    events: int
    last_seen: datetime

    @property
    def filter(self) -> str:
        """The filter that shows its bugs that stand; "" where none tells it from the others."""
        given = [(field, name) for field, name in (("project", self.project), ("env", self.environment)) if name]
        terms = [term(field, name) for field, name in given]
        return " ".join(["!state:closed", *terms]) if terms and all(terms) else ""


def sites(connection: Connection, *, now: datetime) -> tuple[Site, ...]:
    """Return the sites with the most bugs that stand, the most first: one walk through all bugs, and the last tallies.

    An event counts for the environment that its bug was last seen in.
    """
    stands = sa.func.sum(sa.case((BUG.c.state != "closed", 1), else_=0))
    new = sa.func.sum(sa.case((BUG.c.first_seen > now - _DAY, 1), else_=0))
    back = sa.func.sum(sa.case((sa.and_(BUG.c.is_recurrence, BUG.c.state != "closed"), 1), else_=0))
    statement = (
        sa.select(*_SITE, stands, new, back, sa.func.max(BUG.c.last_seen))
        # Not `IS NULL`: SQLite would find these along an index, one bug at a time, which takes it twice as long.
        .where(sa.func.coalesce(BUG.c.merged_into, 0) == 0)
        .group_by(*_SITE)
        .order_by(stands.desc(), *_SITE)
        .limit(MOST)
    )
    events = _events(connection, now)
    return tuple(
        Site(project, environment, int(bugs), int(new_), int(back_), events.get((project, environment), 0), last_seen)
        for project, environment, bugs, new_, back_, last_seen in connection.execute(statement)
    )


def _events(connection: Connection, now: datetime) -> dict[tuple[str, str], int]:
    statement = (
        sa.select(*_SITE, sa.func.sum(TALLY.c.count))
        .select_from(TALLY)
        .join(FINGERPRINT, FINGERPRINT.c.id == TALLY.c.fingerprint_id)
        .join(BUG, BUG.c.id == FINGERPRINT.c.bug_id)
        .where(TALLY.c.hour > now - _DAY)
        .group_by(*_SITE)
    )
    return {(project, environment): int(count) for project, environment, count in connection.execute(statement)}
