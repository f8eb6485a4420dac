"""What wakes a muted bug: a time, a number of events, an event of a new release, or nothing at all."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from capture.store import lifecycle, outbox
from capture.store.tables import Bug, Transition

SYSTEM = lifecycle.Actor("system", "capture")


def count_down(bug: Bug, *, count: int, release: str | None, now: datetime) -> str | None:
    """Count `count` events against the terms of a muted bug; return why it wakes, or None while it sleeps on."""
    if bug.mute_until is not None and now >= bug.mute_until:
        return time_is_up(bug)
    if bug.mute_releases is not None and release and release not in bug.mute_releases:
        return f"seen in release {release}, which is new since it was muted"
    if bug.mute_events is not None:
        bug.mute_events = max(bug.mute_events - count, 0)
        if bug.mute_events == 0:
            return "seen as many times as it was muted for"
    return None


def time_is_up(bug: Bug) -> str:
    """Say that the time is over for which the bug was muted."""
    return f"muted until {bug.mute_until:%Y-%m-%d %H:%M} UTC"


def wake(session: Session, bug: Bug, why: str, *, now: datetime) -> Transition:
    """Open a muted bug again, and owe its file. Nothing is committed."""
    transition = lifecycle.move(session, bug, "open", by=SYSTEM, reason=f"woken: {why}", now=now)
    session.flush()
    assert bug.id is not None
    outbox.owe(session, "write_file", bug.id, occasion=f"transition {transition.id}", now=now)
    return transition
