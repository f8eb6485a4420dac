"""Leases on owed actions: who does which row now, and what became of it.

A row is leased for a while. Its worker settles it or fails it; a worker that dies does neither, and the lease runs
out. Every lease counts as an attempt, also when its worker died, so that a row that kills workers is parked in the
end. The number of the attempt is part of the lease: a worker that overslept cannot touch a row that another one has.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult, Engine
from sqlmodel import Session, col

from capture.store.engine import writing
from capture.store.outbox import KINDS, Kind
from capture.store.tables import OutboxRow, table_of
from workbench.bugs.acts.linking import UNLINKED
from workbench.bugs.store import reading
from workbench.errors import NotFound, Refused
from workbench.tracker.backoff import MOST_ATTEMPTS, wait_after
from workbench.tracker.failures import Permanent, Temporary
from workbench.tracker.locks import lock_bugs
from workbench.tracker.once import SETTLES_WITHIN

# Longer than the longest action with all its time limits; a worker that died where nobody can know it holds its rows
# back for so long.
LEASE_SECONDS = 300

# Rows of one bug are done in their order, but a file need not wait for GitHub.
FILE_KINDS: tuple[Kind, ...] = ("write_file",)
ISSUE_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in FILE_KINDS)
# So long a 404 may mean that GitHub does not show an issue everywhere yet. It takes it seconds.
SHOWN_AFTER = timedelta(minutes=5)
# What nobody waits for: done when nothing else is due.
LAST_KINDS: tuple[Kind, ...] = ("status_issue",)
_TABLE = table_of(OutboxRow)
# As a word of the statement and not a value given with it: an index on unfinished rows alone is found by it.
_DUE: sa.ColumnElement[str] = sa.literal_column("'due'")
_EARLIER = _TABLE.alias("earlier")
# What may be taken of `kinds` at the time `now`; put together once, since every worker asks for it with every look.
_TAKEABLE = sa.and_(
    _TABLE.c.state == _DUE,
    _TABLE.c.due_at <= sa.bindparam("now", type_=_TABLE.c.due_at.type),
    sa.or_(
        _TABLE.c.leased_until.is_(None),
        _TABLE.c.leased_until <= sa.bindparam("now", type_=_TABLE.c.leased_until.type),
    ),
    _TABLE.c.kind.in_(sa.bindparam("kinds", expanding=True)),
    ~sa.exists().where(
        _EARLIER.c.bug_id == _TABLE.c.bug_id,
        _EARLIER.c.id < _TABLE.c.id,
        _EARLIER.c.state == _DUE,
        _EARLIER.c.kind.in_(FILE_KINDS) == _TABLE.c.kind.in_(FILE_KINDS),
    ),
)
_IS_OWED = sa.select(sa.exists(sa.select(_TABLE.c.id).where(_TAKEABLE)))
_NEXT = sa.select(OutboxRow).where(_TAKEABLE).order_by(_TABLE.c.due_at, _TABLE.c.id).with_for_update(skip_locked=True)


@dataclass(frozen=True)
class Leased:
    """An owed action in this worker's hands until `until`. `attempt` counts from 1."""

    id: int
    bug_id: int
    kind: Kind
    key: str
    body: dict[str, Any]
    created_at: datetime
    worker: str
    attempt: int
    until: datetime


def lease(
    engine: Engine, worker: str, kinds: Collection[Kind], now: datetime, seconds: float = LEASE_SECONDS
) -> Leased | None:
    """Take the oldest row of `kinds` that is due and has no earlier unfinished row of its bug and channel before it.

    Returns None when there is none. Rows whose attempts are used up by workers that died are parked on the way.
    """
    return next(iter(lease_many(engine, worker, kinds, now, 1, seconds)), None)


def lease_many(
    engine: Engine, worker: str, kinds: Collection[Kind], now: datetime, most: int, seconds: float = LEASE_SECONDS
) -> list[Leased]:
    """Take up to `most` rows as `lease` takes one, the oldest first.

    One that was tried before is taken alone: whatever it did to its worker, it does not do it to others.
    """
    until = now + timedelta(seconds=seconds)
    with Session(writing(engine)) as session:
        while True:
            rows = list(session.scalars(_NEXT.limit(most), {"now": now, "kinds": list(kinds)}))
            if not rows or rows[0].attempts < MOST_ATTEMPTS:
                break
            _park(rows[0], f"Given up after {rows[0].attempts} tries that each ended with their worker.", now)
            session.flush()
        taken = [row for row in rows if not row.attempts] if rows and not rows[0].attempts else rows[:1]
        for row in taken:
            row.attempts += 1
            row.leased_by = worker
            row.leased_until = until
        leased = [_leased(row, worker, until) for row in taken]
        session.commit()
    return leased


def put_back(engine: Engine, leased: Collection[Leased]) -> None:
    """Let others take rows that were leased and not begun, as if they had not been leased."""
    with Session(writing(engine)) as session:
        for one in leased:
            session.execute(_mine(one).values(leased_by=None, leased_until=None, attempts=one.attempt - 1))
        session.commit()


def let_go_of_dead(engine: Engine, is_gone: Callable[[str], bool], now: datetime) -> int:
    """Free what workers hold of which `is_gone` knows that they are dead; return how many rows that were.

    What they had begun counts as a try, as when a lease runs out. What goes to GitHub is due once a request that died
    with its worker's last breath has arrived or never will: looked for sooner, it would be sent again.
    """
    held = sa.and_(col(OutboxRow.state) == _DUE, col(OutboxRow.leased_until) > now)
    with Session(engine) as session:
        names = session.scalars(sa.select(col(OutboxRow.leased_by)).where(held).distinct())
        dead = [name for name in names if name is not None and is_gone(name)]
    if not dead:
        return 0
    with Session(writing(engine)) as session:
        theirs = (
            sa.select(col(OutboxRow.id)).where(held, col(OutboxRow.leased_by).in_(dead)).order_by(col(OutboxRow.id))
        )
        ids = session.scalars(theirs.with_for_update(skip_locked=True)).all()  # others free the same ones
        due_at = sa.case((col(OutboxRow.kind).in_(FILE_KINDS), col(OutboxRow.due_at)), else_=now + SETTLES_WITHIN)
        freed = sa.update(OutboxRow).where(col(OutboxRow.id).in_(ids))
        session.execute(freed.values(leased_by=None, leased_until=None, due_at=due_at))
        session.commit()
    return len(ids)


def is_owed(engine: Engine, kinds: Collection[Kind], now: datetime) -> bool:
    """Return whether `lease` would find a row. Only reads, so that an idle worker never takes the write lock."""
    with reading(engine) as connection:
        return bool(connection.scalar(_IS_OWED, {"now": now, "kinds": list(kinds)}))


def in_hands(engine: Engine, kinds: Collection[Kind], now: datetime) -> int:
    """Return how many rows of `kinds` workers have leased."""
    held = sa.select(sa.func.count()).where(
        col(OutboxRow.state) == _DUE, col(OutboxRow.leased_until) > now, col(OutboxRow.kind).in_(list(kinds))
    )
    with Session(engine) as session:
        return session.scalars(held).one()


def settle(
    engine: Engine,
    outcomes: Sequence[tuple[Leased, str]],
    *,
    now: datetime,
    also: Callable[[Session, set[int]], None] | None = None,
) -> set[int]:
    """Mark rows done with their outcomes, with what `also` writes for them, all in one transaction.

    Returns the ids of those rows, and gives them to `also`; of a row whose lease is no longer this worker's nothing is
    written. All are one worker's, leased together.
    """
    if not outcomes:
        return set()
    leases = [leased for leased, _outcome in outcomes]
    with Session(writing(engine)) as session:
        lock_bugs(session, {leased.bug_id for leased in leases})
        held = sa.select(col(OutboxRow.id)).where(_held(leases)).with_for_update()
        mine = {row_id for row_id in session.scalars(held.order_by(col(OutboxRow.id))) if row_id is not None}
        done = [{"of_id": leased.id, "said": outcome} for leased, outcome in outcomes if leased.id in mine]
        if done:
            ended = sa.update(_TABLE).where(_TABLE.c.id == sa.bindparam("of_id"))
            free = {"state": "done", "done_at": now, "leased_by": None, "leased_until": None}
            session.connection().execute(ended.values(outcome=sa.bindparam("said"), **free), done)
        if also is not None:
            also(session, mine)
        session.commit()
    return mine


def fail(
    engine: Engine,
    leased: Leased,
    failure: Temporary | Permanent,
    *,
    now: datetime,
    wait: Callable[[int], timedelta] = wait_after,
) -> str:
    """Put the row back for a later try, or park it: at once when trying again cannot help, or after the last try.

    Returns due, parked, or lost where the lease is no longer this worker's.
    """
    reason = " ".join(part for part in (str(failure), failure.cure) if part)
    if isinstance(failure, Permanent):
        values = {"state": "parked", "outcome": reason, "done_at": now}
    elif leased.attempt >= MOST_ATTEMPTS:
        values = {"state": "parked", "outcome": f"Given up after {leased.attempt} tries: {reason}", "done_at": now}
    else:
        due_at = now + max(wait(leased.attempt), failure.after or timedelta())
        values = {"state": "due", "outcome": reason, "due_at": due_at}
    with Session(writing(engine)) as session:
        ended = session.execute(_mine(leased).values(leased_by=None, leased_until=None, **values))
        if not cast("CursorResult[Any]", ended).rowcount:
            return "lost"
        session.commit()
    return str(values["state"])


def has_opened_lately(engine: Engine, bug_id: int, *, now: datetime) -> bool:
    """Return whether the bug's issue was opened so short a while ago that GitHub may not show it everywhere yet."""
    opened = sa.exists().where(
        col(OutboxRow.bug_id) == bug_id, col(OutboxRow.kind) == "open_issue", col(OutboxRow.done_at) > now - SHOWN_AFTER
    )
    with engine.connect() as connection:
        return bool(connection.scalar(sa.select(opened)))


def retry(engine: Engine, row_id: int, *, now: datetime) -> None:
    """Make a parked row due again, with all its attempts; a row that waits for its next try is due at once.

    Raises `NotFound`, or `Refused` for a row that is done or in a worker's hands.
    """
    with Session(writing(engine)) as session:
        row = session.get(OutboxRow, row_id, with_for_update=True)
        if row is None:
            raise NotFound(f"There is no owed action {row_id}.")
        if row.state == "done":
            raise Refused(f"Action {row_id} ({row.kind}) is done already.", cure="Nothing has to be retried.")
        if row.leased_until is not None and row.leased_until > now:
            raise Refused(f"Action {row_id} ({row.kind}) is being done right now.", cure="Wait for its outcome.")
        row.state, row.attempts, row.due_at, row.done_at = "due", 0, now, None
        row.leased_by = row.leased_until = None
        session.commit()


def set_aside() -> sa.ColumnElement[bool]:
    """The rows that failed for good: parked, and not because a person unlinked an issue and wants none."""
    return sa.and_(col(OutboxRow.state) == "parked", col(OutboxRow.outcome) != UNLINKED)


def retry_parked(engine: Engine, *, now: datetime) -> int:
    """Make all rows that were set aside due again, as `retry` makes one; return how many there were."""
    with Session(writing(engine)) as session:
        parked = sa.update(OutboxRow).where(set_aside())
        again = session.execute(parked.values(state="due", attempts=0, due_at=now, done_at=None))
        session.commit()
    return int(cast("CursorResult[Any]", again).rowcount)


def _mine(leased: Leased) -> sa.Update:
    """The row, as long as this lease is the one on it."""
    return sa.update(OutboxRow).where(_held([leased]))


def _held(leases: Sequence[Leased]) -> sa.ColumnElement[bool]:
    """The rows on which these leases of one worker still are."""
    return sa.and_(
        sa.tuple_(col(OutboxRow.id), col(OutboxRow.attempts)).in_([(one.id, one.attempt) for one in leases]),
        col(OutboxRow.state) == "due",
        col(OutboxRow.leased_by) == leases[0].worker,
    )


def _leased(row: OutboxRow, worker: str, until: datetime) -> Leased:
    assert row.id is not None
    return Leased(
        id=row.id,
        bug_id=row.bug_id,
        kind=cast(Kind, row.kind),
        key=row.key,
        body=dict(row.body),
        created_at=row.created_at,
        worker=worker,
        attempt=row.attempts,
        until=until,
    )


def _park(row: OutboxRow, reason: str, now: datetime) -> None:
    row.state, row.outcome, row.done_at = "parked", reason, now
    row.leased_by = row.leased_until = None
