"""New bugs: a number without gaps, the first line of history, and what is owed to the outside for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from capture.store import bulk, lifecycle, outbox
from capture.store.figures import NAMES, Figures
from capture.store.tables import ActRow, Bug

# Any numbers that nobody else uses for advisory locks in this database.
_LOCK, _STORING = 0x62756702, 0x62756703


@dataclass
class NewBug:
    """A bug before it is stored. It has no model: to make one takes longer than all else that a new bug costs.

    `id` and `number` are given by `number`, or the id by `identify`, and the number when it is stored.
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


_COLUMNS = tuple(field.name for field in fields(NewBug) if field.name not in ("figures", "number"))
_LAST = tuple(sa.select(sa.func.max(number)) for number in (Bug.number, ActRow.number))  # of deleted bugs as well
_NEXT = "greatest(0, (SELECT max(number) FROM bug), (SELECT max(number) FROM act)) + place"


def lock_numbers(session: Session) -> None:
    """Let nobody else begin bugs until this transaction ends.

    On SQLite a writing transaction is alone already. Take this before any lock on a bug, or two transactions may
    wait for each other.
    """
    _lock(session, sa.func.pg_advisory_xact_lock(_LOCK))


def share_numbers(session: Session) -> None:
    """As `lock_numbers`, but beside others who do this: who numbers bugs only as they are stored, at the very end."""
    _lock(session, sa.func.pg_advisory_xact_lock_shared(_LOCK))


def _lock(session: Session, lock: sa.ColumnElement[Any]) -> None:
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(sa.select(lock))


def identify(session: Session, bugs: Sequence[NewBug]) -> None:
    """Give each bug its id."""
    for bug, id_ in zip(bugs, bulk.next_ids(session.connection(), Bug, len(bugs)), strict=True):
        bug.id = id_


def number(session: Session, bugs: Sequence[NewBug]) -> None:
    """Give each bug its id and the next number. Call `lock_numbers` first."""
    identify(session, bugs)
    connection = session.connection()
    last = max(connection.scalar(query) or 0 for query in _LAST)
    for place, bug in enumerate(bugs):
        bug.number = last + 1 + place


def store(session: Session, bugs: Sequence[NewBug], *, by: lifecycle.Actor, reason: str, now: datetime) -> None:
    """Store bugs with their figures, begin their history, and owe their files and issues. Nothing is committed.

    Those without numbers get the next ones of PostgreSQL itself, which `numbers` tells. From here to the commit nobody
    else can store any, so that should be all but the last thing that is done.
    """
    connection = session.connection()
    ids = [bug.id for bug in bugs]
    columns = {name: [getattr(bug, name) for bug in bugs] for name in _COLUMNS}
    columns |= {name: [getattr(bug.figures, name) for bug in bugs] for name in NAMES}
    computed: dict[str, str] = {}
    if all(bug.number for bug in bugs):
        columns["number"] = [bug.number for bug in bugs]
    else:
        connection.connection.cursor().execute(f"SELECT pg_advisory_xact_lock({_STORING})")
        computed["number"] = _NEXT
    bulk.insert(connection, Bug, columns, computed, state="open", is_recurrence=False, changed_at=now)
    lifecycle.begin(session, ids, by=by, reason=reason, now=now)
    outbox.owe_all(session, ("write_file", "open_issue"), ids, occasion="created", now=now)


def numbers(connection: sa.Connection, bugs: Collection[NewBug]) -> Callable[[], tuple[int, ...]]:
    """Ask for the numbers of bugs that were just stored, and return what tells them at the end of `bulk.together`.

    They are asked for before the commit: after it, a connection that is lost would hide that it was made.
    """
    if all(bug.number for bug in bugs):
        return lambda: tuple(bug.number for bug in bugs)
    cursor = connection.connection.cursor()
    cursor.execute("SELECT number FROM bug WHERE id = ANY(%s) ORDER BY number", ([bug.id for bug in bugs],))
    return lambda: tuple(number for (number,) in cursor.fetchall())
