"""The stored events of a bug, a window at a time: the latest, or those older or newer than one that is named."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store import schema
from capture.store.labels import label
from workbench.bugs.lines import BUG
from workbench.bugs.rows import OccurrenceRow
from workbench.bugs.store import reading
from workbench.errors import NotFound

SIZE = 100
_SEEN = schema.OCCURRENCE
_AGE = sa.tuple_(_SEEN.c.at, _SEEN.c.id)


@dataclass(frozen=True)
class Edge:
    """Where a window begins: beside the event `id` of the moment `at`, on its older or its newer side."""

    at: datetime
    id: str
    side: Literal["older", "newer"]


@dataclass(frozen=True)
class Window:
    """Some stored events, newest first. `newer` are stored before them, `stored` in all."""

    rows: tuple[OccurrenceRow, ...]
    newer: int
    stored: int


def window(engine: Engine, number: int, *, beside: Edge | None = None, size: int = SIZE) -> Window:
    """Return the events beside another one, or the latest; fewer where there are no more. Raises `NotFound`."""
    with reading(engine) as connection:
        bug_id = connection.scalar(sa.select(BUG.c.id).where(BUG.c.number == number))
        if bug_id is None:
            raise NotFound(f"There is no bug {label(number)}.", cure="See `workbench bugs list`.")
        return of(connection, bug_id, beside=beside, size=size)


def of(connection: Connection, bug_id: int, *, beside: Edge | None = None, size: int = SIZE) -> Window:
    """Return a window on the events of the bug with this id."""
    columns = [_SEEN.c[field.name] for field in fields(OccurrenceRow)]
    statement = sa.select(*columns).where(_SEEN.c.bug_id == bug_id).limit(size)
    is_upwards = beside is not None and beside.side == "newer"
    if beside is not None:
        statement = statement.where(_compared(beside.at, beside.id, is_newer=is_upwards))
    along = (_SEEN.c.at, _SEEN.c.id) if is_upwards else (_SEEN.c.at.desc(), _SEEN.c.id.desc())
    rows = [OccurrenceRow(**row) for row in connection.execute(statement.order_by(*along)).mappings()]
    rows = rows[::-1] if is_upwards else rows
    return Window(tuple(rows), _newer(connection, bug_id, rows), _count(connection, bug_id))


def _compared(at: datetime, id_: str, *, is_newer: bool) -> Any:
    here = sa.tuple_(sa.literal(at, _SEEN.c.at.type), sa.literal(id_))
    return here < _AGE if is_newer else here > _AGE


def _newer(connection: Connection, bug_id: int, rows: list[OccurrenceRow]) -> int:
    return _count(connection, bug_id, _compared(rows[0].at, rows[0].id, is_newer=True)) if rows else 0


def _count(connection: Connection, bug_id: int, *where: Any) -> int:
    statement = sa.select(sa.func.count()).select_from(_SEEN).where(_SEEN.c.bug_id == bug_id, *where)
    return connection.scalar(statement) or 0
