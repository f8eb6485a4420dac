"""When events happened, hour by hour, and when each release was first seen: of one bug, or of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store import schema
from workbench.bugs.lines import BUG, FINGERPRINT, TALLY
from workbench.bugs.store import reading

HOURS = 48
DAYS = 30
_RELEASES = 200  # the latest; a plot has no room to mark more
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Deploy:
    """A release, and when the first event from it happened: the nearest that is known to its deploy."""

    release: str
    at: datetime


@dataclass(frozen=True)
class Span:
    """A stretch of time in equal parts of `step`, with the events of each; the part of now is the last."""

    start: datetime
    step: timedelta
    counts: tuple[int, ...]
    deploys: tuple[Deploy, ...]

    def part(self, moment: datetime) -> int:
        """Return the number of the part that a moment lies in."""
        return (moment - self.start) // self.step


@dataclass(frozen=True)
class OverTime:
    """The last two days by the hour, and the last thirty by the day."""

    hours: Span
    days: Span


def of_bug(engine: Engine, number: int, *, now: datetime) -> OverTime:
    """Return when the events of a bug happened, also those that are not stored any more. Three statements."""
    with reading(engine) as connection:
        bug = connection.execute(sa.select(BUG.c.id, BUG.c.project).where(BUG.c.number == number)).first()
        if bug is None:
            return _spans([], [], now)
        return _spans(_tallies(connection, bug.id, now), _deploys(connection, bug.project, now), now)


def by_hour(connection: Connection, *, now: datetime) -> Span:
    """Return when the events of all bugs happened in the last two days. One statement."""
    start = _hour(now) - (HOURS - 1) * _HOUR
    statement = sa.select(TALLY.c.hour, sa.func.sum(TALLY.c.count)).where(TALLY.c.hour >= start).group_by(TALLY.c.hour)
    found = [(hour, int(count)) for hour, count in connection.execute(statement)]
    return _span(found, [], start, _HOUR, HOURS)


def _tallies(connection: Connection, bug_id: int, now: datetime) -> list[tuple[datetime, int]]:
    statement = (
        sa.select(TALLY.c.hour, sa.func.sum(TALLY.c.count))
        .join(FINGERPRINT, FINGERPRINT.c.id == TALLY.c.fingerprint_id)
        .where(FINGERPRINT.c.bug_id == bug_id, TALLY.c.hour >= _first_day(now))
        .group_by(TALLY.c.hour)
    )
    return [(hour, int(count)) for hour, count in connection.execute(statement)]


def _deploys(connection: Connection, project: str, now: datetime) -> list[Deploy]:
    table = schema.RELEASE
    statement = (
        sa.select(table.c.name, table.c.first_seen)
        .where(table.c.project == project, table.c.first_seen.between(_first_day(now), now))
        .order_by(table.c.first_seen.desc())
        .limit(_RELEASES)
    )
    return [Deploy(name, at) for name, at in connection.execute(statement)]


def _spans(found: Sequence[tuple[datetime, int]], deploys: Sequence[Deploy], now: datetime) -> OverTime:
    return OverTime(
        hours=_span(found, deploys, _hour(now) - (HOURS - 1) * _HOUR, _HOUR, HOURS),
        days=_span(found, deploys, _first_day(now), _DAY, DAYS),
    )


def _span(
    found: Sequence[tuple[datetime, int]], deploys: Sequence[Deploy], start: datetime, step: timedelta, parts: int
) -> Span:
    counts = [0] * parts
    for at, count in found:
        part = (at - start) // step
        if 0 <= part < parts:  # a site whose clock is ahead sends events of hours to come
            counts[part] += count
    return Span(start, step, tuple(counts), tuple(each for each in deploys if each.at >= start))


def _hour(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _first_day(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - (DAYS - 1) * _DAY
