"""One bug as a page: what files and issues say of it, and all else that belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from capture.store import releases, schema
from workbench.bugs import facts, lines, related
from workbench.bugs.false_alarms import FalseAlarm, false_alarm
from workbench.bugs.rows import BugPage, CommentRow, MentionRow, OccurrenceRow, OwedRow


def page(connection: Connection, number: int, *, now: datetime) -> BugPage | None:
    """Return the page of bug `number`, or None where there is no such bug."""
    asked = sa.select(lines.BUG.c.id, lines.BUG.c.fix_commit, lines.BUG.c.quiet_until)
    bug = connection.execute(asked.where(lines.BUG.c.number == number)).first()
    told = facts.of_ids(connection, [bug.id], now=now).get(bug.id) if bug is not None else None
    if bug is None or told is None:
        return None
    ids = [bug.id]
    owed, said, mention = schema.OUTBOX, schema.ISSUE_COMMENT, schema.MENTION
    comments = facts.rows_by_bug(connection, CommentRow, said, ids, said.c.id.desc()) if told.row.issue else {}
    mentions = facts.rows_by_bug(connection, MentionRow, mention, ids, mention.c.at.desc(), mention.c.url)
    return BugPage(
        **vars(told),
        sessions=tuple(lines.sessions(connection, lines.SESSION.c.bug_id == bug.id)),
        owed=tuple(facts.rows_by_bug(connection, OwedRow, owed, ids, owed.c.id.desc())[bug.id]),
        comments=tuple(comments.get(bug.id, ())),
        mentions=tuple(mentions[bug.id]),
        fix_releases=_fix_releases(connection, bug.fix_commit, told.occurrences),
        quiet_until=bug.quiet_until,
        false_alarm=_false_alarm(connection, bug.id) if told.row.is_recurrence else None,
        alike=related.raised_alike(connection, bug.id),
    )


def _fix_releases(
    connection: Connection, commit: str | None, occurrences: Sequence[OccurrenceRow]
) -> tuple[tuple[str, bool], ...]:
    names = dict.fromkeys(seen.release for seen in occurrences if seen.release)
    holds = releases.known(connection, [commit], list(names)) if commit and names else {}
    return tuple((name, holds[commit, name]) for name in names if commit and (commit, name) in holds)


def _false_alarm(connection: Connection, bug_id: int) -> FalseAlarm | None:
    found = false_alarm(connection, bug_id)
    return found if isinstance(found, FalseAlarm) else None
