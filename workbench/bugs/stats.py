"""All bugs in figures, in a handful of statements: how they stand, how the site does, whether our work gets done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store import schema
from workbench.bugs import over_time, queries
from workbench.bugs.lines import BUG, FINGERPRINT, SESSION, TALLY
from workbench.bugs.sites import Site, sites
from workbench.bugs.store import reading

ROUTES = 8
PARKED = 50  # that are named; all are counted
SIGNED = 1_000  # of the latest sign-offs, a median is made
_DAY = timedelta(days=1)
_OWED = schema.OUTBOX


@dataclass(frozen=True)
class Route:
    """A route, and its events of the last day."""

    route: str
    events: int


@dataclass(frozen=True)
class Cost:
    """What fix sessions cost, in dollars, by when they began; rehearsals cost nothing and are not among them."""

    today: float
    week: float
    all: float
    sessions: int


@dataclass(frozen=True)
class Parked:
    """An action owed to the outside that was given up, and why. `bug` is a number."""

    id: int
    bug: int
    kind: str
    attempts: int
    outcome: str


@dataclass(frozen=True)
class Outbox:
    """What is owed to the outside. `overdue` is since when the oldest due action waits, where one does.

    `files` and `files_overdue` are the same of bug files alone, which need no GitHub.
    """

    due: int
    parked: int
    done: int
    overdue: datetime | None
    given_up: tuple[Parked, ...]
    files: int = 0
    files_overdue: datetime | None = None


@dataclass(frozen=True)
class Stats:
    """All figures. `new` bugs were first seen within a day; `recurring` ones came back after a sign-off."""

    states: Mapping[str, int]
    new: int
    recurring: int
    hours: over_time.Span
    routes: tuple[Route, ...]
    sites: tuple[Site, ...]
    signed_off: int
    to_sign_off: timedelta | None  # the median, from first seen
    cost: Cost
    ledger: queries.Ledger
    outbox: Outbox

    @property
    def bugs(self) -> int:
        """How many bugs there are, without those that were merged into others."""
        return sum(self.states.values())


def stats(engine: Engine, *, now: datetime) -> Stats:
    """Return the figures as they are now."""
    with reading(engine) as connection:
        states, new, recurring = _states(connection, now)
        signed_off, to_sign_off = _sign_offs(connection)
        return Stats(
            states=states,
            new=new,
            recurring=recurring,
            hours=over_time.by_hour(connection, now=now),
            routes=_routes(connection, now),
            sites=sites(connection, now=now),
            signed_off=signed_off,
            to_sign_off=to_sign_off,
            cost=_cost(connection, now),
            ledger=queries.ledger_of(connection),
            outbox=_outbox(connection, now),
        )


def _states(connection: Connection, now: datetime) -> tuple[dict[str, int], int, int]:
    shown = BUG.c.merged_into.is_(None)
    by_state = sa.select(BUG.c.state, sa.func.count()).where(shown).group_by(BUG.c.state)
    new = sa.select(sa.func.count()).select_from(BUG).where(shown, BUG.c.first_seen > now - _DAY)
    recurring = sa.select(sa.func.count()).select_from(BUG).where(shown, BUG.c.is_recurrence, BUG.c.state != "closed")
    states = {row.state: row[1] for row in connection.execute(by_state)}
    return states, connection.scalar(new) or 0, connection.scalar(recurring) or 0


def _routes(connection: Connection, now: datetime) -> tuple[Route, ...]:
    events = sa.func.sum(TALLY.c.count)
    statement = (
        sa.select(BUG.c.route, events)
        .select_from(TALLY)
        .join(FINGERPRINT, FINGERPRINT.c.id == TALLY.c.fingerprint_id)
        .join(BUG, BUG.c.id == FINGERPRINT.c.bug_id)
        .where(TALLY.c.hour > now - _DAY, BUG.c.route.is_not(None))
        .group_by(BUG.c.route)
        .order_by(events.desc(), BUG.c.route)
        .limit(ROUTES)
    )
    return tuple(Route(route, int(count)) for route, count in connection.execute(statement))


def _sign_offs(connection: Connection) -> tuple[int, timedelta | None]:
    table = schema.SIGN_OFF
    statement = (
        sa.select(BUG.c.first_seen, table.c.at)
        .join(BUG, BUG.c.id == table.c.bug_id)
        .where(table.c.decision == "verified", table.c.undone_at.is_(None))
        .order_by(table.c.id.desc())
        .limit(SIGNED)
    )
    spans = [(at - first_seen).total_seconds() for first_seen, at in connection.execute(statement)]
    return len(spans), timedelta(seconds=median(spans)) if spans else None


def _cost(connection: Connection, now: datetime) -> Cost:
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def since(moment: datetime) -> sa.ColumnElement[float]:
        return sa.func.coalesce(sa.func.sum(sa.case((SESSION.c.started_at >= moment, SESSION.c.cost_usd))), 0.0)

    everything = sa.func.coalesce(sa.func.sum(SESSION.c.cost_usd), 0.0)
    statement = sa.select(since(midnight), since(now - 7 * _DAY), everything, sa.func.count())
    today, week, all_, sessions = connection.execute(statement.where(SESSION.c.rehearsal.is_(None))).one()
    return Cost(float(today), float(week), float(all_), sessions)


def _outbox(connection: Connection, now: datetime) -> Outbox:
    counted = sa.select(_OWED.c.state, sa.func.count(), sa.func.min(_OWED.c.due_at)).group_by(_OWED.c.state)
    found = {state: (count, due_at) for state, count, due_at in connection.execute(counted)}
    named = (
        sa.select(_OWED.c.id, BUG.c.number, _OWED.c.kind, _OWED.c.attempts, _OWED.c.outcome)
        .join(BUG, BUG.c.id == _OWED.c.bug_id)
        .where(_OWED.c.state == "parked")
        .order_by(_OWED.c.id.desc())
        .limit(PARKED)
    )
    due, due_at = found.get("due", (0, None))
    of_files = sa.select(sa.func.count(), sa.func.min(_OWED.c.due_at)).where(
        _OWED.c.state == "due", _OWED.c.kind == "write_file"
    )
    files, files_at = connection.execute(of_files).one()
    return Outbox(
        due=due,
        parked=found.get("parked", (0, None))[0],
        done=found.get("done", (0, None))[0],
        overdue=due_at if due_at is not None and due_at < now else None,
        given_up=tuple(Parked(*row) for row in connection.execute(named)),
        files=files,
        files_overdue=files_at if files_at is not None and files_at < now else None,
    )
