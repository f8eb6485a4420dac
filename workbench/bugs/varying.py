"""What differs between the stored events of a bug: the releases, paths, users and so on that they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store import schema
from capture.store.payloads import open_event
from workbench.bugs.differing import COLUMNS, FIELDS
from workbench.bugs.lines import BUG
from workbench.bugs.store import reading

READ = 10_000  # of the latest stored events; further ones change a bar chart little, and would be read for each look
OPENED = 50  # what has no column stands only within an event, which has to be opened
SHOWN = 8  # values of each field
_SEEN = schema.OCCURRENCE
Counted = tuple[str, int, int, int]
_FIELDS = {name: sa.cast(_SEEN.c[column], sa.Text) for name, column in COLUMNS.items()}


@dataclass(frozen=True)
class Field:
    """One thing that may differ: its most frequent values, how many there are in all, over how many events."""

    name: str
    values: tuple[tuple[str, int], ...]
    distinct: int
    events: int


@dataclass(frozen=True)
class Varying:
    """What differs between stored events, looked at from the latest back: `events` of them."""

    fields: tuple[Field, ...]
    events: int


def of_bug(engine: Engine, number: int) -> Varying:
    """Return what differs between the stored events of a bug, in three statements."""
    with reading(engine) as connection:
        bug_id = connection.scalar(sa.select(BUG.c.id).where(BUG.c.number == number))
        found = connection.execute(_statement(bug_id)).all()
        opened = _opened(connection, bug_id)
    fields = [_field(name, [row[1:] for row in found if row[0] == name]) for name in _FIELDS]
    fields += [_field(name, _counted(counter)) for name, counter in opened.items()]
    events = next((field.events for field in fields), 0)
    return Varying(tuple(field for field in fields if any(value for value, _count in field.values)), events)


def _latest(bug_id: int | None, columns: Sequence[Any], limit: int) -> sa.Select[Any]:
    newest_first = _SEEN.c.at.desc(), _SEEN.c.id.desc()
    return sa.select(*columns).where(_SEEN.c.bug_id == bug_id).order_by(*newest_first).limit(limit)


def _statement(bug_id: int | None) -> Any:
    """Return one statement that counts the values of all fields, over the same rows; only what is shown comes back."""
    columns = [sa.func.coalesce(column, "").label(name) for name, column in _FIELDS.items()]
    seen = _latest(bug_id, columns, READ).cte("seen")
    return sa.union_all(*(_most_frequent(seen, name) for name in _FIELDS))


def _most_frequent(seen: sa.CTE, name: str) -> sa.Select[Any]:
    value, count = seen.c[name].label("value"), sa.func.count().label("count")
    all_ = sa.func.count().over().label("distinct"), sa.func.sum(sa.func.count()).over().label("events")
    most = sa.select(value, count, *all_).group_by(value).order_by(count.desc(), value).limit(SHOWN).subquery()
    return sa.select(sa.literal(name), *most.c)


def _opened(connection: Connection, bug_id: int | None) -> dict[str, Counter[str]]:
    found = {name: Counter[str]() for name in FIELDS if name not in COLUMNS}
    for payload in connection.scalars(_latest(bug_id, [_SEEN.c.payload], OPENED)):
        event = open_event(payload)
        for name, counter in found.items():
            counter[FIELDS[name](event)] += 1
    return found


def _counted(counter: Counter[str]) -> list[Counted]:
    return [(value, count, len(counter), sum(counter.values())) for value, count in counter.items()]


def _field(name: str, counted: Sequence[Any]) -> Field:
    """Return a field of (value, its events, different values in all, events in all)."""
    ordered = sorted(((value, int(count)) for value, count, *_ in counted), key=lambda pair: (-pair[1], pair[0]))
    distinct, events = counted[0][2:] if counted else (0, 0)
    return Field(name, tuple(ordered[:SHOWN]), int(distinct), int(events))
