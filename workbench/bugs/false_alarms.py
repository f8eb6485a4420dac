"""Recurrences that were none: a release brought a bug back, and git said later that it lacks the fix.

Intake cannot wait for git's answer, so it reopens a bug for a release that nobody has compared yet (decision 12). The
answer closes nothing by itself, since only a person closes a bug; it makes the closing one keystroke.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from capture.store import schema
from capture.store.labels import label
from capture.store.releases import FIX_RELEASE, seen_again
from workbench.bugs.lines import BUG

_STEP, _SEEN = schema.TRANSITION, schema.OCCURRENCE
_NAMED = 3  # releases that a sentence names
_LOOKED_AT = 20  # bugs, where all are asked for: each takes some statements


@dataclass(frozen=True)
class FalseAlarm:
    """The release that brought a bug back, the fix that it lacks, and since when git's answer is known."""

    release: str
    commit: str
    said_at: datetime

    @property
    def said(self) -> str:
        """What git says, in one sentence without its full stop."""
        return f"git says that release {self.release} lacks the fix {self.commit[:12]}"


def false_alarm(connection: Connection, bug_id: int) -> FalseAlarm | str:
    """Return what git says of the recurrence of a bug; or why it is no false alarm, or none that is known yet.

    It is one where every release that the bug was seen in since it was closed lacks the fix: the one that brought it
    back, and whatever came while it was open, since nobody judged that.
    """
    bug = connection.execute(sa.select(BUG).where(BUG.c.id == bug_id)).one()
    if why := _no_recurrence(bug):
        return why
    back = connection.execute(
        _steps(bug_id).where(_STEP.c.from_state == "closed", _STEP.c.actor_kind == "system").limit(1)
    ).first()
    if back is None:
        return f"{label(bug.number)} was not brought back by an event."
    closed = connection.execute(_steps(bug_id).where(_STEP.c.to_state == "closed", _STEP.c.id < back.id)).first()
    answers = {row.release: row for row in connection.execute(_answers(bug.fix_commit))}
    blamed = next((row for row in answers.values() if back.reason == seen_again(row.release, holds=None)), None)
    if blamed is None:
        return _unanswered(bug, back.reason)
    since = closed.at if closed is not None else bug.first_seen
    seen = [blamed.release, *(name for name in _seen(connection, bug, since) if name != blamed.release)]
    if holding := [name for name in seen if name in answers and answers[name].holds]:
        return f"{label(bug.number)} is back: it was seen in {_named(holding)}, and git says that the fix is in."
    if unknown := [name for name in seen if name not in answers and not _before(connection, bug_id, name, since)]:
        return (
            f"{label(bug.number)} was also seen in {_named(unknown)}, of which git has not said whether the fix is in."
        )
    return FalseAlarm(blamed.release, bug.fix_commit, blamed.judged_at)


def false_alarms(connection: Connection) -> frozenset[int]:
    """Return the numbers of the bugs that are one, among the latest that came back."""
    lacks = sa.exists().where(FIX_RELEASE.c.commit == BUG.c.fix_commit, FIX_RELEASE.c.holds.is_(False))
    back = sa.select(BUG.c.id, BUG.c.number).where(BUG.c.is_recurrence, BUG.c.state == "open", lacks)
    rows = connection.execute(back.order_by(BUG.c.last_seen.desc()).limit(_LOOKED_AT)).all()
    return frozenset(row.number for row in rows if isinstance(false_alarm(connection, row.id), FalseAlarm))


def _no_recurrence(bug: sa.Row[Any]) -> str:
    shown = label(bug.number)
    if bug.state != "open":
        return f"{shown} is {bug.state}; a false alarm is an open bug."
    if not bug.is_recurrence:
        return f"{shown} has not come back after it was closed."
    return "" if bug.fix_commit else f"No fix of {shown} was signed off, so git cannot say which releases lack it."


def _unanswered(bug: sa.Row[Any], reason: str) -> str:
    if reason == seen_again(None, holds=None):
        return f"{label(bug.number)} came back in a release without a name, of which git can say nothing."
    if reason.endswith(seen_again("", holds=True).rpartition(",")[2]):
        return f"{label(bug.number)} is back: git says that the release holds the fix."
    return f"Git has not said yet whether the release that brought {label(bug.number)} back holds its fix."


def _steps(bug_id: int) -> sa.Select[Any]:
    return sa.select(_STEP.c.id, _STEP.c.at, _STEP.c.reason).where(_STEP.c.bug_id == bug_id).order_by(_STEP.c.id.desc())


def _answers(commit: str) -> sa.Select[Any]:
    columns = FIX_RELEASE.c.release, FIX_RELEASE.c.holds, FIX_RELEASE.c.judged_at
    return sa.select(*columns).where(FIX_RELEASE.c.commit == commit).order_by(FIX_RELEASE.c.release)


def _seen(connection: Connection, bug: sa.Row[Any], since: datetime) -> list[str]:
    """Return the releases of the stored events since, and of the last event; "" stands for none, once that counts."""
    stored = sa.select(_SEEN.c.release, sa.func.max(_SEEN.c.at)).where(_SEEN.c.bug_id == bug.id, _SEEN.c.at > since)
    quiet = bug.quiet_until or since
    names = {name or "" for name, last in connection.execute(stored.group_by(_SEEN.c.release)) if name or last > quiet}
    return sorted(names | ({bug.last_release} if bug.last_release else set()))


def _before(connection: Connection, bug_id: int, release: str, closed_at: datetime) -> bool:
    """Return whether a release had been seen with a bug before it was closed: then it only counts."""
    earlier = sa.select(_SEEN.c.id).where(_SEEN.c.bug_id == bug_id, _SEEN.c.release == release, _SEEN.c.at <= closed_at)
    return connection.scalar(earlier.limit(1)) is not None


def _named(releases: list[str]) -> str:
    names = [f"release {name}" if name else "a release without a name" for name in releases[:_NAMED]]
    return " and ".join(names) + (f" and {len(releases) - _NAMED} more" if len(releases) > _NAMED else "")
