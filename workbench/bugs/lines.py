"""Bugs and fix sessions as the lines of a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from capture.store import schema
from workbench.bugs.rows import BugRow, IssueLink, SessionRow

BUG, FINGERPRINT, ISSUE, TALLY = schema.BUG, schema.FINGERPRINT, schema.ISSUE, schema.TALLY
LABEL, OCCURRENCE, SESSION = schema.BUG_LABEL, schema.OCCURRENCE, schema.FIX_SESSION
TREND_HOURS, TREND_DAYS = 24, 14
_NAMED = 1_000  # so many ids are named in a statement; for more, reading all of the day's tallies costs no more

# Its own, also while it is merged into another bug.
_FIRST_KEY = (
    sa.select(FINGERPRINT.c.key)
    .where(FINGERPRINT.c.home_id == BUG.c.id)
    .order_by(FINGERPRINT.c.id)
    .limit(1)
    .scalar_subquery()
)
_ISSUE_MORE = ("closed_outside", "closed_by", "is_pull", "is_locked", "labels", "comments", "note")
_SESSION_STATE, _SESSION_REHEARSAL = (
    sa.select(column)
    .where(SESSION.c.bug_id == BUG.c.id)
    .order_by(SESSION.c.started_at.desc(), SESSION.c.id.desc())
    .limit(1)
    .scalar_subquery()
    for column in (SESSION.c.state, SESSION.c.rehearsal)
)
_LINES = sa.select(
    BUG,
    sa.func.coalesce(_FIRST_KEY, "").label("fingerprint"),
    _SESSION_STATE.label("session_state"),
    _SESSION_REHEARSAL.label("session_rehearsal"),
    ISSUE.c.repository.label("issue_repository"),
    ISSUE.c.number.label("issue_number"),
    ISSUE.c.url.label("issue_url"),
    ISSUE.c.state.label("issue_state"),
    *(ISSUE.c[name].label(f"issue_{name}") for name in _ISSUE_MORE),
).select_from(BUG.outerjoin(ISSUE, ISSUE.c.bug_id == BUG.c.id))
# What a line takes as it is read.
_NAMES = tuple(name for name in BugRow.__dataclass_fields__ if name in _LINES.selected_columns)

SESSIONS = sa.select(
    BUG.c.number.label("bug"),
    *(SESSION.c[name] for name in SessionRow.__dataclass_fields__ if name != "bug"),
).join(BUG, BUG.c.id == SESSION.c.bug_id)


def bugs(connection: Connection, condition: sa.ColumnElement[bool], *, now: datetime) -> list[BugRow]:
    """Return the bugs for which `condition` holds, the last seen first, in four statements."""
    statement = _LINES.where(condition).order_by(BUG.c.last_seen.desc(), BUG.c.number.desc())
    return _lines(connection, connection.execute(statement).mappings().all(), now)


def of_ids(
    connection: Connection, ids: Sequence[int], *, now: datetime, days: bool = False, users: bool = True
) -> list[BugRow]:
    """Return the bugs with these ids, in their order, in four statements; with `days`, in one more.

    Without `users` nobody is counted, which takes longer than all the rest where a bug was met thousands of times.
    """
    found = {row["id"]: row for row in connection.execute(_LINES.where(BUG.c.id.in_(ids))).mappings()}
    return _lines(connection, [found[id_] for id_ in ids if id_ in found], now, days=days, with_users=users)


def sessions(
    connection: Connection, condition: sa.ColumnElement[bool], *, limit: int | None = None
) -> list[SessionRow]:
    """Return the fix sessions for which `condition` holds, the latest first, and of these no more than `limit`."""
    statement = SESSIONS.where(condition).order_by(SESSION.c.started_at.desc(), SESSION.c.id.desc()).limit(limit)
    return [SessionRow(**row) for row in connection.execute(statement).mappings()]


def _lines(
    connection: Connection, rows: Sequence[Any], now: datetime, *, days: bool = False, with_users: bool = True
) -> list[BugRow]:
    ids = [row["id"] for row in rows]
    trends, labels = _trends(connection, ids, now), _labels(connection, ids)
    users = _users(connection, ids) if with_users else {}
    by_day = _days(connection, ids, now) if days else {}
    return [
        _line(
            row,
            trend=tuple(trends[row["id"]]),
            labels=tuple(labels[row["id"]]),
            users=users.get(row["id"], 0),
            days=tuple(by_day[row["id"]]) if days else (),
        )
        for row in rows
    ]


def _trends(connection: Connection, ids: Sequence[int], now: datetime) -> dict[int, list[int]]:
    """Return the events of each of the last hours by bug id, this hour last."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    oldest = this_hour - timedelta(hours=TREND_HOURS - 1)
    statement = (
        sa.select(FINGERPRINT.c.bug_id, TALLY.c.hour, TALLY.c.count)
        .join(FINGERPRINT, FINGERPRINT.c.id == TALLY.c.fingerprint_id)
        .where(TALLY.c.hour.between(oldest, this_hour))
    )
    if len(ids) <= _NAMED:
        statement = statement.where(FINGERPRINT.c.bug_id.in_(ids))
    trends: dict[int, list[int]] = defaultdict(lambda: [0] * TREND_HOURS)
    for found_id, hour, count in connection.execute(statement):
        trends[found_id][(hour - oldest) // timedelta(hours=1)] += count
    return trends


def _days(connection: Connection, ids: Sequence[int], now: datetime) -> dict[int, list[int]]:
    """Return the events of each of the last days by bug id, the last 24 hours last; the database adds them up."""
    this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begins = [this_hour + timedelta(hours=1) - timedelta(days=TREND_DAYS - day) for day in range(TREND_DAYS)]
    day = sa.case(*((TALLY.c.hour >= begins[index], index) for index in reversed(range(TREND_DAYS))), else_=0)
    statement = (
        sa.select(FINGERPRINT.c.bug_id, day.label("day"), sa.func.sum(TALLY.c.count))
        .join(FINGERPRINT, FINGERPRINT.c.id == TALLY.c.fingerprint_id)
        .where(TALLY.c.hour.between(begins[0], this_hour), FINGERPRINT.c.bug_id.in_(ids))
        .group_by(FINGERPRINT.c.bug_id, sa.literal_column("day"))
    )
    found: dict[int, list[int]] = defaultdict(lambda: [0] * TREND_DAYS)
    for bug_id, index, count in connection.execute(statement):
        found[bug_id][index] += int(count)
    return found


def _users(connection: Connection, ids: Sequence[int]) -> dict[int, int]:
    """Return how many different users met each bug, by bug id, along the index of those events that have one."""
    # Made different first and counted then: PostgreSQL sorts what it counts as different, in twice the time.
    users = sa.select(OCCURRENCE.c.bug_id, OCCURRENCE.c.user_id).where(OCCURRENCE.c.user_id.is_not(None)).distinct()
    if len(ids) <= _NAMED:
        users = users.where(OCCURRENCE.c.bug_id.in_(ids))
    each = users.subquery()
    statement = sa.select(each.c.bug_id, sa.func.count()).group_by(each.c.bug_id)
    return {row[0]: row[1] for row in connection.execute(statement)}


def _labels(connection: Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """Return the labels by bug id."""
    statement = sa.select(LABEL).order_by(LABEL.c.name)
    if len(ids) <= _NAMED:
        statement = statement.where(LABEL.c.bug_id.in_(ids))
    labels: dict[int, list[str]] = defaultdict(list)
    for found_id, name in connection.execute(statement):
        labels[found_id].append(name)
    return labels


def _line(row: Any, **counted: Any) -> BugRow:
    issue = None
    if row["issue_number"] is not None:
        more = {name: row[f"issue_{name}"] for name in _ISSUE_MORE}
        more["labels"] = tuple(more["labels"] or ())
        issue = IssueLink(row["issue_repository"], row["issue_number"], row["issue_url"], row["issue_state"], **more)
    given = {name: row[name] for name in _NAMES}
    if given["mute_releases"] is not None:
        given["mute_releases"] = tuple(given["mute_releases"])
    return BugRow(**given, **counted, release=row["last_release"], issue=issue)
