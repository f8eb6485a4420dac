"""The bug list, a window at a time: which bugs, in which order, and where in it a bug stands.

Every answer costs what the window costs and not what the list costs: positions are counted along an index, and the
lines themselves are read for the bugs of the window alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.event import LEVELS
from capture.store.states import STATES
from workbench.bugs import lines
from workbench.bugs.filters import Whose, asks, condition, fields_of, parse
from workbench.bugs.lines import BUG, FINGERPRINT, ISSUE, LABEL, OCCURRENCE, SESSION, TALLY, TREND_DAYS, TREND_HOURS
from workbench.bugs.order import LATEST_FIRST, Order
from workbench.bugs.rows import BugRow
from workbench.bugs.store import reading

_ISSUE_NUMBER = sa.select(ISSUE.c.number).where(ISSUE.c.bug_id == BUG.c.id).scalar_subquery()
_USERS = (
    sa.select(sa.func.count(sa.distinct(OCCURRENCE.c.user_id)))
    .where(OCCURRENCE.c.bug_id == BUG.c.id, OCCURRENCE.c.user_id.is_not(None))
    .scalar_subquery()
)
_FIRST_LABEL = sa.select(sa.func.min(LABEL.c.name)).where(LABEL.c.bug_id == BUG.c.id).scalar_subquery()
_SESSION = (
    sa.select(SESSION.c.state)
    .where(SESSION.c.bug_id == BUG.c.id)
    .order_by(SESSION.c.started_at.desc(), SESSION.c.id.desc())
    .limit(1)
    .scalar_subquery()
)
# What the list can be sorted by; see also `_along`. What is not known sorts as nothing.
ORDERS: Mapping[str, sa.ColumnElement[object]] = {
    "number": BUG.c.number,
    "state": sa.case({state: place for place, state in enumerate(STATES)}, value=BUG.c.state),
    "title": BUG.c.title,
    "route": sa.func.coalesce(BUG.c.route, ""),
    "count": BUG.c.count,
    "first": BUG.c.first_seen,
    "last": BUG.c.last_seen,
    "env": BUG.c.environment,
    "project": BUG.c.project,
    "release": sa.func.coalesce(BUG.c.last_release, ""),
    "assigned": sa.func.coalesce(BUG.c.assignee, ""),
    "issue": sa.func.coalesce(_ISSUE_NUMBER, 0),
    "level": sa.case({level: place for place, level in enumerate(LEVELS)}, value=BUG.c.level, else_=0),
    "users": sa.func.coalesce(_USERS, 0),
    "labels": sa.func.coalesce(_FIRST_LABEL, ""),
    "session": sa.func.coalesce(_SESSION, ""),
}
_SPANS = {"trend": timedelta(hours=TREND_HOURS), "days": timedelta(days=TREND_DAYS)}
SORTABLE = frozenset({*ORDERS, *_SPANS})


def _along(order: Order, now: datetime) -> sa.ColumnElement[object]:
    """Return what the list is sorted by: for trends, how many events there were in their time."""
    if order.by not in _SPANS:
        return ORDERS[order.by]
    counted = (
        sa.select(sa.func.sum(TALLY.c.count))
        .join(FINGERPRINT, FINGERPRINT.c.id == TALLY.c.fingerprint_id)
        .where(FINGERPRINT.c.bug_id == BUG.c.id, TALLY.c.hour > now - _SPANS[order.by])
    )
    return sa.func.coalesce(counted.scalar_subquery(), 0)


# What the indexes of the list know: fields of filters, and orders.
_INDEXED_FIELDS, _INDEXED_ORDERS = frozenset({"state", "seen", "first", "count"}), frozenset({"last", "first", "count"})


@dataclass(frozen=True)
class Question:
    """Which bugs are asked for. `me` is who asks, for `assigned:me`. Raises `FilterError` for a wrong filter."""

    filter: str = ""
    order: Order = LATEST_FIRST
    me: str = ""

    def __post_init__(self) -> None:
        parse(self.filter)

    def is_along_an_index(self, *, is_sorted: bool = True) -> bool:
        """Say whether the indexes of the list know all that is asked for."""
        is_filtered = fields_of(parse(self.filter)) <= _INDEXED_FIELDS
        return is_filtered and (not is_sorted or self.order.by in _INDEXED_ORDERS)

    def condition(self, now: datetime, *, is_sorted: bool = True) -> sa.ColumnElement[bool]:
        """Return the condition for the bugs that are asked for; those merged into others only where that is said.

        `is_sorted` says whether they are also wanted in their order.
        """
        node = parse(self.filter)
        shown: sa.ColumnElement[bool]
        if asks(node, "is", "merged"):
            shown = sa.true()
        elif self.is_along_an_index(is_sorted=is_sorted):
            shown = BUG.c.merged_into.is_(None)  # as the indexes say it, which hold no others
        else:
            # As they do not say it: to jump from an index to each line costs several times what reading them all does.
            shown = sa.func.coalesce(BUG.c.merged_into, 0) == 0
        return sa.and_(shown, condition(node, Whose(self.me, now)))


@dataclass(frozen=True)
class Window:
    """Some lines of the list. The first of `rows` is the line `start`, counted from 0; the list has `total`."""

    start: int
    rows: tuple[BugRow, ...]
    total: int


def counts(engine: Engine, question: Question, *, now: datetime) -> dict[str, int]:
    """Return how many of the bugs asked for are in each state."""
    with reading(engine) as connection:
        return _counts(connection, question, now)


def _counts(connection: Connection, question: Question, now: datetime) -> dict[str, int]:
    asked = question.condition(now, is_sorted=False)
    statement = sa.select(BUG.c.state, sa.func.count()).where(asked).group_by(BUG.c.state)
    return {row.state: row[1] for row in connection.execute(statement)}


def sizes(engine: Engine, questions: Iterable[Question], *, most: int, now: datetime) -> list[int]:
    """Return how many bugs each question asks for. None are counted beyond `most`, nor read."""
    with reading(engine) as connection:
        return [_size(connection, question, most, now) for question in questions]


def _size(connection: Connection, question: Question, most: int, now: datetime) -> int:
    some = sa.select(BUG.c.id).where(question.condition(now, is_sorted=False)).limit(most).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def listed(
    engine: Engine,
    question: Question,
    *,
    start: int = 0,
    size: int,
    around: int | None = None,
    days: bool = False,
    users: bool = True,
    now: datetime,
) -> tuple[dict[str, int], Window]:
    """Return what `counts` and `window` do. Where all bugs have to be read for an answer, they are read once."""
    with reading(engine) as connection:
        if around is None and not question.is_along_an_index():
            by_state, ids = _at_once(connection, question, start, size, now=now)
            total = sum(by_state.values())
            if len(ids) == min(size, total):
                rows = lines.of_ids(connection, ids, now=now, days=days, users=users)
                return by_state, Window(start, tuple(rows), total)
        else:
            by_state = _counts(connection, question, now)
        total = sum(by_state.values())
        start, ids = _place(connection, question, start, size, total, around, now=now)
        return by_state, Window(start, tuple(lines.of_ids(connection, ids, now=now, days=days, users=users)), total)


def _at_once(
    connection: Connection, question: Question, start: int, size: int, *, now: datetime
) -> tuple[dict[str, int], list[int]]:
    """Return the counts by state and the ids of a window, from one reading of all bugs."""
    columns = BUG.c.id, BUG.c.number, BUG.c.state, _along(question.order, now).label("along")
    found = sa.select(*columns).where(question.condition(now)).cte("found")
    ordered = _directed(question.order.is_descending, found.c.along, found.c.number)
    window = sa.select(found).order_by(*ordered).limit(size).offset(start).subquery("window_")
    # The lines of the window come with their places in it, behind what is known of the states. They are not looked up
    # among all again: PostgreSQL, which expects a single one, would go through the window for each that was found.
    place = sa.func.row_number().over(order_by=_directed(question.order.is_descending, window.c.along, window.c.number))
    states = sa.select(found.c.state, sa.func.count().label("count"), sa.literal(0)).group_by(found.c.state)
    ids = sa.select(sa.literal(""), window.c.id, place)
    rows = connection.execute(states.union_all(ids)).all()
    in_window = sorted((row[2], row[1]) for row in rows if row[2])
    return {row[0]: row[1] for row in rows if not row[2]}, [id_ for _place, id_ in in_window]


def position(engine: Engine, question: Question, number: int, *, now: datetime) -> int | None:
    """Return the line that bug `number` has in the list, counted from 0, or None where it is not in it."""
    with reading(engine) as connection:
        return _position(connection, question, number, now=now)


def window(
    engine: Engine,
    question: Question,
    *,
    start: int = 0,
    size: int,
    around: int | None = None,
    days: bool = False,
    users: bool = True,
    now: datetime,
) -> Window:
    """Return `size` lines from `start` on, or with the bug `around` in the middle where it is in the list.

    A window that reaches past an end of the list is moved to lie inside it. With `days`, its rows have the last days;
    without `users`, they do not say how many users met a bug.
    """
    with reading(engine) as connection:
        total = sum(_counts(connection, question, now).values())
        start, ids = _place(connection, question, start, size, total, around, now=now)
        return Window(start, tuple(lines.of_ids(connection, ids, now=now, days=days, users=users)), total)


def _place(
    connection: Connection, question: Question, start: int, size: int, total: int, around: int | None, *, now: datetime
) -> tuple[int, list[int]]:
    """Return where a window begins that lies inside the list, and the ids of its bugs."""
    if around is not None:
        found = _position(connection, question, around, now=now)
        start = start if found is None else found - size // 2
    start = max(0, min(start, total - size))
    return start, _ids(connection, question, start, size, total, now=now)


def _position(connection: Connection, question: Question, number: int, *, now: datetime) -> int | None:
    column, where = _along(question.order, now), question.condition(now)
    own = connection.execute(sa.select(column).where(where, BUG.c.number == number)).first()
    if own is None:
        return None
    along, here = sa.tuple_(column, BUG.c.number), sa.tuple_(sa.literal(own[0], column.type), number)
    before = along > here if question.order.is_descending else along < here
    return connection.scalar(sa.select(sa.func.count()).select_from(BUG).where(where, before))


def _ids(connection: Connection, question: Question, start: int, size: int, total: int, *, now: datetime) -> list[int]:
    """Return the ids of the bugs of a window, walked to from the nearer end of the list."""
    from_the_end = start > total // 2
    is_descending = question.order.is_descending != from_the_end
    skipped = max(total - start - size, 0) if from_the_end else start
    # Numbers first: the indexes of the list hold them, so that PostgreSQL need not look at each bug that is skipped.
    skimmed = sa.select(BUG.c.number, _along(question.order, now).label("along")).where(question.condition(now))
    window = (
        skimmed.order_by(*_directed(is_descending, sa.column("along"), BUG.c.number))
        .limit(min(size, total - start))
        .offset(skipped)
        .subquery("window_")
    )
    statement = (
        sa.select(BUG.c.id)
        .join(window, window.c.number == BUG.c.number)
        .order_by(*_directed(is_descending, window.c.along, window.c.number))
    )
    ids = list(connection.scalars(statement))
    return ids[::-1] if from_the_end else ids


def _directed(is_descending: bool, *columns: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:  # noqa: FBT001
    return [column.desc() if is_descending else column.asc() for column in columns]


_KNOWN: Mapping[str, sa.ColumnElement[str]] = {
    "env": BUG.c.environment,
    "project": BUG.c.project,
    "release": BUG.c.last_release,
    "assigned": BUG.c.assignee,
    "type": BUG.c.exception_type,
    "route": BUG.c.route,
}
LATEST = 5_000  # bugs that are looked at for what a filter can be completed with


def known(engine: Engine, *, most: int = 200, latest: int = LATEST) -> dict[str, list[str]]:
    """Return values of fields, at most so many each, sorted: what a filter can be completed with.

    They are those of the bugs that were seen last: to look at all of them for every `/` cost as much as a filter does.
    """
    seen_last = (
        sa.select(*(column.label(field) for field, column in _KNOWN.items()))
        .where(BUG.c.merged_into.is_(None))
        .order_by(BUG.c.last_seen.desc(), BUG.c.number.desc())
        .limit(latest)
    )
    labels = sa.select(LABEL.c.name).distinct().order_by(LABEL.c.name).limit(most)
    with reading(engine) as connection:
        values: list[set[str]] = [set() for _field in _KNOWN]
        for rows in connection.execute(seen_last).partitions(500):  # all at once, they are 2 MiB
            for some, column in zip(values, zip(*rows, strict=True), strict=True):
                some.update(column)
        found = {field: sorted(filter(None, some))[:most] for field, some in zip(_KNOWN, values, strict=True)}
        found["label"] = list(connection.scalars(labels))
    return found


def is_empty(engine: Engine) -> bool:
    """Return True where there is no bug at all."""
    with reading(engine) as connection:
        return connection.scalar(sa.select(BUG.c.id).limit(1)) is None
