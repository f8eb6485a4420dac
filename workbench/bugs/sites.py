"""The sites that share a database, each with its bugs in figures: a project in an environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from workbench.bugs.lines import BUG
from workbench.bugs.store import reading

MOST = 50


@dataclass(frozen=True)
class Site:
    """`bugs` are those that are neither closed nor merged into others; `new` ones were first seen within a day."""

    project: str
    environment: str
    bugs: int
    new: int
    last_seen: datetime


def sites(engine: Engine, *, now: datetime) -> tuple[Site, ...]:
    """Return the sites with the most bugs that stand, the most first. Goes through all bugs, in one statement."""
    stands = sa.func.sum(sa.case((BUG.c.state != "closed", 1), else_=0))
    new = sa.func.sum(sa.case((BUG.c.first_seen > now - timedelta(days=1), 1), else_=0))
    site = (BUG.c.project, BUG.c.environment)
    statement = (
        sa.select(*site, stands, new, sa.func.max(BUG.c.last_seen))
        .where(BUG.c.merged_into.is_(None))
        .group_by(*site)
        .order_by(stands.desc(), *site)
        .limit(MOST)
    )
    with reading(engine) as connection:
        return tuple(Site(row[0], row[1], int(row[2]), int(row[3]), row[4]) for row in connection.execute(statement))
