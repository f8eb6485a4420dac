"""One bug as a page: the line of the list, and all that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from capture.event import Event, Part
from capture.store import releases
from capture.store.intake import open_event
from capture.store.tables import (
    ActRow,
    EvidenceRow,
    IssueComment,
    Mention,
    Note,
    Occurrence,
    OutboxRow,
    SignOff,
    Transition,
    table_of,
)
from workbench.bugs import lines, related
from workbench.bugs.rows import (
    ActView,
    BugPage,
    CommentRow,
    EvidenceView,
    MentionRow,
    NoteRow,
    OccurrenceRow,
    OwedRow,
    SignOffRow,
    TransitionRow,
)

OCCURRENCES_SHOWN = 100

RowType = TypeVar("RowType")


def page(connection: Connection, number: int, *, now: datetime) -> BugPage | None:
    """Return the page of bug `number`, or None where there is no such bug."""
    found = lines.bugs(connection, lines.BUG.c.number == number, now=now)
    if not found:
        return None
    bug = connection.execute(sa.select(lines.BUG).where(lines.BUG.c.number == number)).one()
    bug_id, occurrences = bug.id, _occurrences(connection, bug.id)
    event = _latest_event(connection, bug_id)
    transition, sign_off, owed = table_of(Transition), table_of(SignOff), table_of(OutboxRow)
    note, act = table_of(Note), table_of(ActRow)
    said, mention = table_of(IssueComment), table_of(Mention)
    return BugPage(
        row=found[0],
        fingerprints=_fingerprints(connection, bug_id, event),
        event=event,
        occurrences=occurrences,
        history=_rows(connection, TransitionRow, transition, bug_id, transition.c.id),
        sessions=tuple(lines.sessions(connection, lines.SESSION.c.bug_id == bug_id)),
        evidence=_evidence(connection, bug_id),
        sign_offs=_rows(connection, SignOffRow, sign_off, bug_id, sign_off.c.id.desc()),
        owed=_rows(connection, OwedRow, owed, bug_id, owed.c.id.desc()),
        notes=_rows(connection, NoteRow, note, bug_id, note.c.id.desc()),
        acts=_rows(connection, ActView, act, bug_id, act.c.id.desc()),
        comments=_rows(connection, CommentRow, said, bug_id, said.c.id.desc()) if found[0].issue else (),
        mentions=_rows(connection, MentionRow, mention, bug_id, mention.c.at.desc(), mention.c.url),
        fix_releases=_fix_releases(connection, bug.fix_commit, occurrences),
        quiet_until=bug.quiet_until,
        merged=related.merged_into(connection, bug_id),
        alike=related.raised_alike(connection, bug_id),
    )


def _rows(
    connection: Connection, row_type: type[RowType], table: sa.Table, bug_id: int, *order: Any
) -> tuple[RowType, ...]:
    """Return the bug's rows of `table` as `row_type`, whose fields are named as the columns."""
    columns = [table.c[field.name] for field in fields(row_type)]  # type: ignore[arg-type]
    statement = sa.select(*columns).where(table.c.bug_id == bug_id).order_by(*order)
    return tuple(row_type(**row) for row in connection.execute(statement).mappings())


def _fingerprints(connection: Connection, bug_id: int, event: Event | None) -> tuple[tuple[str, tuple[Part, ...]], ...]:
    table = lines.FINGERPRINT
    # One that came from a bug file has no parts of its own.
    told = {event.fingerprint.key: event.fingerprint.parts} if event else {}
    # Its own first, also while it is merged into another bug; then those of the bugs that were merged into it.
    statement = (
        sa.select(table.c.key, table.c.parts)
        .where(sa.or_(table.c.home_id == bug_id, table.c.bug_id == bug_id))
        .order_by((table.c.home_id != bug_id), table.c.id)
    )
    return tuple(
        (key, msgspec.convert(parts, tuple[Part, ...]) or told.get(key, ()))
        for key, parts in connection.execute(statement)
    )


def _latest(bug_id: int, columns: Sequence[Any], limit: int) -> sa.Select[Any]:
    table = table_of(Occurrence)
    newest_first = table.c.at.desc(), table.c.id.desc()
    return sa.select(*columns).where(table.c.bug_id == bug_id).order_by(*newest_first).limit(limit)


def _latest_event(connection: Connection, bug_id: int) -> Event | None:
    payload = connection.scalar(_latest(bug_id, [table_of(Occurrence).c.payload], 1))
    return None if payload is None else open_event(payload)


def _occurrences(connection: Connection, bug_id: int) -> tuple[OccurrenceRow, ...]:
    columns = [table_of(Occurrence).c[field.name] for field in fields(OccurrenceRow)]
    found = connection.execute(_latest(bug_id, columns, OCCURRENCES_SHOWN)).mappings()
    return tuple(OccurrenceRow(**row) for row in found)


def _fix_releases(
    connection: Connection, commit: str | None, occurrences: Sequence[OccurrenceRow]
) -> tuple[tuple[str, bool], ...]:
    names = dict.fromkeys(seen.release for seen in occurrences if seen.release)
    holds = releases.known(connection, [commit], list(names)) if commit and names else {}
    return tuple((name, holds[commit, name]) for name in names if commit and (commit, name) in holds)


def _evidence(connection: Connection, bug_id: int) -> EvidenceView | None:
    table = table_of(EvidenceRow)
    columns = [table.c[field.name] for field in fields(EvidenceView)]
    statement = sa.select(*columns).where(table.c.bug_id == bug_id).order_by(table.c.id.desc()).limit(1)
    row = connection.execute(statement).mappings().first()
    if row is None:
        return None
    return EvidenceView(**{**row, "flags": tuple(row["flags"]), "runs": tuple(row["runs"])})
