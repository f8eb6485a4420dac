"""Putting a bug back to what an act found: what undo and unmerge have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from capture.store.lifecycle import LEGAL, State
from capture.store.tables import Bug
from workbench.bugs.acts.linking import put_issue
from workbench.bugs.acts.record import set_labels, step

_PLAIN = (
    *("is_recurrence", "closed_as", "duplicate_of", "merged_into", "mute_events", "mute_releases", "assignee"),
    "fix_commit",
)
_TIMES = ("mute_until", "quiet_until")


def restore(session: Session, bug: Bug, values: dict[str, Any], *, by: str, reason: str, now: datetime) -> None:
    """Give the bug the `values` of an earlier picture. Its state gets there by legal steps, each on record.

    Raises `Refused` where there are none. Fingerprints are not moved: see `merging.settle`.
    """
    to: State = values.get("state", bug.state)
    if to != bug.state:
        if to not in LEGAL[bug.state]:  # type: ignore[index]
            step(session, bug, "open", by=by, reason=reason, now=now)
        if to != bug.state:
            step(session, bug, to, by=by, reason=reason, now=now, closed_as=values.get("closed_as") or "fixed")
    for name in _PLAIN:
        if name in values:
            setattr(bug, name, values[name])
    for name in _TIMES:
        if name in values:
            setattr(bug, name, datetime.fromisoformat(values[name]) if values[name] else None)
    if "labels" in values:
        set_labels(session, bug, values["labels"])
    if "issue" in values:
        put_issue(session, bug, values["issue"], by=by, now=now)
    bug.changed_at = now
    session.add(bug)
