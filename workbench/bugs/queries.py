"""What screens and commands read: each answer in a handful of statements, as frozen rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.event import Event
from capture.store import schema
from capture.store.labels import label
from capture.store.payloads import open_event
from workbench.bugs import lines, pages
from workbench.bugs.filters.conditions import LIVE, with_word
from workbench.bugs.listing import Question
from workbench.bugs.numbers import parse_number
from workbench.bugs.rows import ApprovalRow, BugPage, BugRow, SessionRow, TranscriptRow
from workbench.bugs.store import reading
from workbench.bugs.watch import Watcher
from workbench.errors import NotFound, UsageError

__all__ = [
    "Ledger",
    "Watcher",
    "approvals",
    "bug_page",
    "count_bugs",
    "event",
    "ledger",
    "list_bugs",
    "parse_number",
    "session",
    "sessions",
    "transcript",
]


@dataclass(frozen=True)
class Ledger:
    """What became of every failure the sites met. `dropped` maps reasons to numbers of events."""

    seen: int
    stored: int
    counted: int
    dropped: dict[str, int]

    @property
    def balanced(self) -> bool:
        """True when every failure that was seen is accounted for."""
        return self.seen == self.stored + self.counted + sum(self.dropped.values())


def list_bugs(
    engine: Engine,
    *,
    now: datetime,
    states: Collection[str] | None = None,
    text: str = "",
    filter: str = "",  # noqa: A002 (the word of the commands and the screen)
    me: str = "",
) -> list[BugRow]:
    """Return the bugs, the last seen first.

    `states` keeps those in one of these states. `text` keeps those in which each of its words is found: in title,
    route, exception type or release, or as the bug's number. `filter` is in the language of `workbench.bugs.filters`,
    asked by `me`. What was merged is left out, unless it asks for that. Raises `FilterError`.
    """
    with reading(engine) as connection:
        return lines.bugs(connection, _wanted(states, text, filter, me, now), now=now)


def count_bugs(
    engine: Engine,
    *,
    now: datetime,
    states: Collection[str] | None = None,
    text: str = "",
    filter: str = "",  # noqa: A002 (the word of the commands and the screen)
    me: str = "",
) -> dict[str, int]:
    """Return how many bugs `list_bugs` would return, by state."""
    statement = sa.select(lines.BUG.c.state, sa.func.count()).group_by(lines.BUG.c.state).order_by(lines.BUG.c.state)
    with reading(engine) as connection:
        found = connection.execute(statement.where(_wanted(states, text, filter, me, now)))
        return {row[0]: row[1] for row in found}


def _wanted(states: Collection[str] | None, text: str, asked: str, me: str, now: datetime) -> sa.ColumnElement[bool]:
    in_states = sa.true() if states is None else lines.BUG.c.state.in_(list(states))
    return sa.and_(in_states, *(with_word(word) for word in text.split()), Question(asked, me=me).condition(now))


def bug_page(engine: Engine, number: int, *, now: datetime) -> BugPage:
    """Return everything that the page of bug `number` shows. Raises `NotFound`."""
    with reading(engine) as connection:
        page = pages.page(connection, number, now=now)
    if page is None:
        raise NotFound(f"There is no bug {label(number)}.", cure="See `workbench bugs list`.")
    return page


def event(engine: Engine, occurrence_id: str) -> Event:
    """Return the event of a stored occurrence. Raises `NotFound`."""
    occurrence = schema.OCCURRENCE
    with reading(engine) as connection:
        payload = connection.scalar(sa.select(occurrence.c.payload).where(occurrence.c.id == occurrence_id))
        if payload is None:
            raise NotFound(f"There is no occurrence {occurrence_id!r}.", cure="See `workbench bugs show`.")
        return open_event(payload)


def sessions(
    engine: Engine, *, bug: int | None = None, states: Sequence[str] | None = None, limit: int | None = None
) -> list[SessionRow]:
    """Return fix sessions, the latest first: all, those of a bug or in some states, and no more than `limit`."""
    condition = sa.true() if bug is None else lines.BUG.c.number == bug
    if states is not None:
        condition &= lines.SESSION.c.state.in_(states)
    with reading(engine) as connection:
        return lines.sessions(connection, condition, limit=limit)


def has_session_at_work(engine: Engine) -> bool:
    """Tell whether any fix session is live, or waits for its place."""
    state = lines.SESSION.c.state
    with reading(engine) as connection:
        found = connection.scalar(sa.select(lines.SESSION.c.id).where(state.in_(("queued", *LIVE))).limit(1))
    return found is not None


def session(engine: Engine, id_or_prefix: str) -> SessionRow:
    """Return the fix session whose id is, or alone begins with, `id_or_prefix`.

    Raises `NotFound`, or `UsageError` where several begin with it.
    """
    condition = lines.SESSION.c.id.startswith(id_or_prefix, autoescape=True)
    with reading(engine) as connection:
        found = lines.sessions(connection, condition) if id_or_prefix else []
    exact = [row for row in found if row.id == id_or_prefix]
    if not found:
        raise NotFound(f"There is no fix session {id_or_prefix!r}.", cure="See `workbench sessions list`.")
    if len(found) > 1 and not exact:
        raise UsageError(f"{len(found)} fix sessions begin with {id_or_prefix!r}.", cure="Give more of the id.")
    return (exact or found)[0]


def transcript(engine: Engine, session_id: str, *, after: int = 0, limit: int = 1000) -> list[TranscriptRow]:
    """Return at most `limit` entries of a session's transcript with ids greater than `after`, in order."""
    entry = schema.TRANSCRIPT
    statement = (
        sa.select(entry.c.id, entry.c.at, entry.c.kind, entry.c.body)
        .where(entry.c.session_id == session_id, entry.c.id > after)
        .order_by(entry.c.id)
        .limit(limit)
    )
    with reading(engine) as connection:
        return [TranscriptRow(**row) for row in _mappings(connection, statement)]


def approvals(engine: Engine, session_id: str) -> list[ApprovalRow]:
    """Return the questions of a session that no person has answered yet, the oldest first."""
    asked = schema.SESSION_REQUEST
    statement = (
        sa.select(asked.c.id, asked.c.session_id, asked.c.asked_at, asked.c.body)
        .where(asked.c.session_id == session_id, asked.c.kind == "approval", asked.c.answered_at.is_(None))
        .order_by(asked.c.id)
    )
    with reading(engine) as connection:
        return [ApprovalRow(**row) for row in _mappings(connection, statement)]


def ledger(engine: Engine) -> Ledger:
    """Return the ledger over all journals."""
    with reading(engine) as connection:
        return ledger_of(connection)


def ledger_of(connection: Connection) -> Ledger:
    """Return the ledger over all journals."""
    journal = schema.JOURNAL
    seen = stored = counted = 0
    dropped: Counter[str] = Counter()
    statement = sa.select(journal.c.seen, journal.c.stored, journal.c.counted, journal.c.dropped)
    for row in connection.execute(statement):
        seen, stored, counted = seen + row.seen, stored + row.stored, counted + row.counted
        dropped.update(row.dropped)
    return Ledger(seen, stored, counted, dict(dropped))


def _mappings(connection: Connection, statement: sa.Select[Any]) -> sa.MappingResult:
    return connection.execute(statement).mappings()
