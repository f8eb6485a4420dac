"""What files and issues say of bugs: of many in as many statements as of one, but for one of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from capture.event import Event, Part
from capture.store import schema
from capture.store.payloads import open_event
from workbench.bugs import lines, related
from workbench.bugs.rows import ActView, BugFacts, EvidenceView, NoteRow, OccurrenceRow, SignOffRow, TransitionRow

OCCURRENCES_SHOWN = 100

RowType = TypeVar("RowType")
_OCCURRENCE = schema.OCCURRENCE
_NEWEST_FIRST = (_OCCURRENCE.c.at.desc(), _OCCURRENCE.c.id.desc())


def of_ids(connection: Connection, ids: Sequence[int], *, now: datetime, users: bool = True) -> dict[int, BugFacts]:
    """Return the facts of the bugs that are there, by id. Without `users` nobody is counted: see `lines.of_ids`."""
    events, numbers = _latest_events(connection, ids)
    rows = {numbers[row.number]: row for row in lines.of_ids(connection, list(events), now=now, users=users)}
    fingerprints = _fingerprints(connection, ids, events)
    transition, sign_off, note, act = schema.TRANSITION, schema.SIGN_OFF, schema.NOTE, schema.ACT
    history = rows_by_bug(connection, TransitionRow, transition, ids, transition.c.id)
    sign_offs = rows_by_bug(connection, SignOffRow, sign_off, ids, sign_off.c.id.desc())
    notes = rows_by_bug(connection, NoteRow, note, ids, note.c.id.desc())
    acts = rows_by_bug(connection, ActView, act, ids, act.c.id.desc())
    evidence, merged = _evidence(connection, ids), related.merged_into(connection, ids)
    return {
        bug_id: BugFacts(
            row=row,
            fingerprints=tuple(fingerprints[bug_id]),
            event=events[bug_id],
            occurrences=_occurrences(connection, bug_id),
            history=tuple(history[bug_id]),
            evidence=evidence.get(bug_id),
            sign_offs=tuple(sign_offs[bug_id]),
            notes=tuple(notes[bug_id]),
            acts=tuple(acts[bug_id]),
            merged=merged.get(bug_id, ()),
        )
        for bug_id, row in rows.items()
    }


def rows_by_bug(
    connection: Connection, row_type: type[RowType], table: sa.Table, ids: Sequence[int], *order: Any
) -> defaultdict[int, list[RowType]]:
    """Return the rows of `table` as `row_type`, whose fields are named as the columns, by their bug's id."""
    columns = [table.c[field.name] for field in fields(row_type)]  # type: ignore[arg-type]
    statement = sa.select(table.c.bug_id.label("of_bug"), *columns).where(table.c.bug_id.in_(ids)).order_by(*order)
    found: defaultdict[int, list[RowType]] = defaultdict(list)
    for row in connection.execute(statement):
        found[row[0]].append(row_type(*row[1:]))
    return found


def _fingerprints(
    connection: Connection, ids: Sequence[int], events: dict[int, Event | None]
) -> defaultdict[int, list[tuple[str, tuple[Part, ...]]]]:
    table = lines.FINGERPRINT
    # One that came from a bug file has no parts of its own.
    told = {
        bug_id: {event.fingerprint.key: event.fingerprint.parts}
        for bug_id, event in events.items()
        if event is not None
    }
    statement = (
        sa.select(table.c.home_id, table.c.bug_id, table.c.key, table.c.parts)
        .where(sa.or_(table.c.home_id.in_(ids), table.c.bug_id.in_(ids)))
        .order_by(table.c.id)
    )
    rows = connection.execute(statement).all()
    found: defaultdict[int, list[tuple[str, tuple[Part, ...]]]] = defaultdict(list)
    # Its own first, also while it is merged into another bug; then those of the bugs that were merged into it.
    owners = [(row.home_id, row) for row in rows] + [(row.bug_id, row) for row in rows if row.bug_id != row.home_id]
    for bug_id, row in owners:
        parts = msgspec.convert(row.parts, tuple[Part, ...])
        found[bug_id].append((row.key, parts or told.get(bug_id, {}).get(row.key, ())))
    return found


def _latest_events(connection: Connection, ids: Sequence[int]) -> tuple[dict[int, Event | None], dict[int, int]]:
    """Return the latest stored event of each bug, and the ids of the bugs by their numbers."""
    latest = (
        sa.select(_OCCURRENCE.c.payload)
        .where(_OCCURRENCE.c.bug_id == lines.BUG.c.id)
        .order_by(*_NEWEST_FIRST)
        .limit(1)
        .scalar_subquery()
    )
    statement = sa.select(lines.BUG.c.id, lines.BUG.c.number, latest).where(lines.BUG.c.id.in_(ids))
    rows = connection.execute(statement).all()
    events = {bug_id: None if payload is None else open_event(payload) for bug_id, _number, payload in rows}
    return events, {number: bug_id for bug_id, number, _payload in rows}


def _occurrences(connection: Connection, bug_id: int) -> tuple[OccurrenceRow, ...]:
    columns = [_OCCURRENCE.c[field.name] for field in fields(OccurrenceRow)]
    statement = sa.select(*columns).where(_OCCURRENCE.c.bug_id == bug_id).order_by(*_NEWEST_FIRST)
    return tuple(OccurrenceRow(*row) for row in connection.execute(statement.limit(OCCURRENCES_SHOWN)))


def _evidence(connection: Connection, ids: Sequence[int]) -> dict[int, EvidenceView]:
    table = schema.EVIDENCE
    latest = sa.select(sa.func.max(table.c.id)).where(table.c.bug_id.in_(ids)).group_by(table.c.bug_id)
    columns = [table.c[field.name] for field in fields(EvidenceView)]
    statement = sa.select(table.c.bug_id.label("of_bug"), *columns).where(table.c.id.in_(latest))
    return {row["of_bug"]: _evidence_view(row) for row in connection.execute(statement).mappings()}


def _evidence_view(row: RowMapping) -> EvidenceView:
    given = {name: row[name] for name in EvidenceView.__dataclass_fields__}
    return EvidenceView(**{**given, "flags": tuple(row["flags"]), "runs": tuple(row["runs"])})
