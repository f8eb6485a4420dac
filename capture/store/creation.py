"""New bugs: a number without gaps, the first line of history, and what is owed to the outside for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from capture.store import bulk, lifecycle, outbox
from capture.store.figures import NAMES, Figures
from capture.store.tables import ActRow, Bug

_LOCK = 0x62756702  # any number that nobody else uses for an advisory lock in this database


@dataclass
class NewBug:
    """A bug before it is stored. It has no model: to make one takes longer than all else that a new bug costs.

    `id` and `number` are given by `number`.
    """

    project: str
    title: str
    kind: str
    level: str
    exception_type: str | None
    status_code: int | None
    method: str | None
    route: str | None
    figures: Figures
    id: int = 0
    number: int = 0


_COLUMNS = tuple(field.name for field in fields(NewBug) if field.name != "figures")
_LAST = tuple(sa.select(sa.func.max(number)) for number in (Bug.number, ActRow.number))  # of deleted bugs as well


def lock_numbers(session: Session) -> bool:
    """Let nobody else give numbers until this transaction ends; return whether somebody may have until now.

    On SQLite a writing transaction is alone already. Take this before any lock on a bug, or two transactions may
    wait for each other.
    """
    if session.get_bind().dialect.name != "postgresql":
        return False
    session.connection().execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    return True


def number(session: Session, bugs: Sequence[NewBug]) -> None:
    """Give each bug its id and the next number. Call `lock_numbers` first."""
    connection = session.connection()
    last = max(connection.scalar(query) or 0 for query in _LAST)
    for place, id_ in enumerate(bulk.next_ids(connection, Bug, len(bugs))):
        bugs[place].id, bugs[place].number = id_, last + 1 + place


def store(session: Session, bugs: Sequence[NewBug], *, by: lifecycle.Actor, reason: str, now: datetime) -> None:
    """Store numbered bugs with their figures, begin their history, and owe their files and issues.

    Nothing is committed.
    """
    ids = [bug.id for bug in bugs]
    columns = {name: [getattr(bug, name) for bug in bugs] for name in _COLUMNS}
    columns |= {name: [getattr(bug.figures, name) for bug in bugs] for name in NAMES}
    bulk.insert(session.connection(), Bug, columns, state="open", is_recurrence=False, changed_at=now)
    lifecycle.begin(session, ids, by=by, reason=reason, now=now)
    outbox.owe_all(session, ("write_file", "open_issue"), ids, occasion="created", now=now)
