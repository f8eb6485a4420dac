"""Bugs that belong to the page of another one: merged into it, or raised at the same place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from workbench.bugs.lines import BUG, FINGERPRINT
from workbench.bugs.rows import RelatedBug

MOST = 20
MOST_ALIKE = 5

_COLUMNS = (BUG.c.number, BUG.c.state, BUG.c.title, BUG.c.count)


def merged_into(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[RelatedBug, ...]]:
    """Return the bugs whose fingerprints each bug has: those that were merged into it, directly or over others."""
    statement = (
        sa.select(FINGERPRINT.c.bug_id, *_COLUMNS, FINGERPRINT.c.key)
        .join(BUG, BUG.c.id == FINGERPRINT.c.home_id)
        .where(FINGERPRINT.c.bug_id.in_(ids), FINGERPRINT.c.home_id != FINGERPRINT.c.bug_id)
        .order_by(BUG.c.number, FINGERPRINT.c.id)
    )
    found: dict[int, list[Any]] = {}
    for bug_id, *row in connection.execute(statement):
        found.setdefault(bug_id, []).append(row)
    return {bug_id: _gathered(rows) for bug_id, rows in found.items()}


def raised_alike(connection: Connection, bug_id: int) -> tuple[RelatedBug, ...]:
    """Return other bugs of the project, neither closed nor merged, that were raised at the same place."""
    ours, theirs = FINGERPRINT.alias("ours"), FINGERPRINT.alias("theirs")
    statement = (
        sa.select(*_COLUMNS, theirs.c.key)
        .select_from(ours)
        .join(theirs, sa.and_(theirs.c.site == ours.c.site, theirs.c.project == ours.c.project))
        .join(BUG, BUG.c.id == theirs.c.bug_id)
        .where(ours.c.bug_id == bug_id, theirs.c.bug_id != bug_id, BUG.c.state != "closed")
        .order_by(BUG.c.last_seen.desc(), BUG.c.number, theirs.c.id)
        .limit(MOST)
    )
    return _gathered(connection.execute(statement))[:MOST_ALIKE]


def _gathered(rows: Iterable[Any]) -> tuple[RelatedBug, ...]:
    keys: dict[tuple[Any, ...], list[str]] = {}
    for *bug, key in rows:
        keys.setdefault(tuple(bug), []).append(key)
    return tuple(
        RelatedBug(number, state, title, count, tuple(dict.fromkeys(found)))
        for (number, state, title, count), found in keys.items()
    )
