"""What differs between the stored events of a bug: the releases, paths, users and so on that they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from capture.store.intake import open_event
from capture.store.tables import Occurrence, table_of
from workbench.bugs.lines import BUG
from workbench.bugs.store import reading

READ = 10_000  # of the latest stored events; further ones change a bar chart little, and would be read for each look
OPENED = 50  # a server and a route stand only within an event, which has to be opened
SHOWN = 8  # values of each field
_SEEN = table_of(Occurrence)
_FIELDS = {
    "release": _SEEN.c.release,
    "path": _SEEN.c.path,
    "user": _SEEN.c.user_id,
    "status": sa.cast(_SEEN.c.status_code, sa.Text),
    "environment": _SEEN.c.environment,
}


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
        counted = {name: Counter[str]() for name in _FIELDS}
        for name, value, count in connection.execute(_statement(bug_id)):
            counted[name][value or ""] += count
        counted |= _opened(connection, bug_id)
    fields = [_field(name, counter) for name, counter in counted.items() if any(counter)]
    return Varying(tuple(fields), sum(counted["path"].values()))


def _latest(bug_id: int | None, columns: Sequence[Any], limit: int) -> sa.Select[Any]:
    newest_first = _SEEN.c.at.desc(), _SEEN.c.id.desc()
    return sa.select(*columns).where(_SEEN.c.bug_id == bug_id).order_by(*newest_first).limit(limit)


def _statement(bug_id: int | None) -> Any:
    """Return one statement that counts the values of all fields, over the same rows."""
    columns = [column.label(name) for name, column in _FIELDS.items()]
    seen = _latest(bug_id, columns, READ).cte("seen")
    counts = [
        sa.select(sa.literal(name), seen.c[name], sa.func.count()).select_from(seen).group_by(seen.c[name])
        for name in _FIELDS
    ]
    return sa.union_all(*counts)


def _opened(connection: Connection, bug_id: int | None) -> dict[str, Counter[str]]:
    found = {"server": Counter[str](), "route": Counter[str]()}
    for payload in connection.scalars(_latest(bug_id, [_SEEN.c.payload], OPENED)):
        event = open_event(payload)
        found["server"][event.server or ""] += 1
        found["route"][(event.request and event.request.route) or ""] += 1
    return found


def _field(name: str, counter: Counter[str]) -> Field:
    ordered = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    return Field(name, tuple(ordered[:SHOWN]), len(counter), sum(counter.values()))
