"""The claim on a bug: one session at a time, and everybody sees whose it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.lifecycle import Actor, IllegalTransition, label
from capture.store.tables import Bug, FixSession, TranscriptEntry
from workbench.bugs.rows import BugPage
from workbench.errors import Refused
from workbench.fixing.steering import LIVE
from workbench.sessions import record
from workbench.sessions.process import Identity


def check_free(page: BugPage) -> None:
    """Raise `Refused` when the bug's state does not allow a session, or somebody is at work on it."""
    live = next((row for row in page.sessions if row.is_live), None)
    if live is not None:
        raise Refused(
            f"{page.row.label} is being worked on: session {live.id[:8]}, launched by {live.launched_by} on"
            f" {live.host} at {live.started_at:%Y-%m-%d %H:%M} UTC.",
            cure=f"Watch it: workbench sessions show {live.id[:8]}. Or interrupt it.",
        )
    cures = {
        "closed": "It is closed. File what is wrong now with `workbench bugs new`.",
        "muted": "Unmute it first.",
    }
    cures["review"] = "Verify the fix that waits for review, or reject it with a reason, which goes to the agent."
    if page.row.state in cures:
        raise Refused(f"{page.row.label} is {page.row.state}.", cure=cures[page.row.state])


def claim(
    session: Session,
    number: int,
    fix: FixSession,
    runner: Identity | None,
    *,
    by: str,
    now: datetime,
    what: str = "launched",
) -> None:
    """Write the session's row and move its bug, unless somebody was faster. Without a runner, it waits for a place."""
    bug = _locked_bug(session, col(Bug.number) == number)
    assert bug.id is not None
    fix.bug_id, fix.heartbeat_at = bug.id, now
    if runner is not None:
        fix.pid, fix.pid_started = runner.pid, runner.started
    session.add(fix)
    session.flush()
    _to_fixing(session, bug, reason=f"session {fix.id[:8]} {what}", by=by, now=now)


def reclaim(
    session: Session,
    fix: FixSession,
    options: dict[str, Any],
    runner: Identity,
    *,
    by: str,
    now: datetime,
    what: str = "resumed",
) -> FixSession:
    """Write that the session goes on, unless somebody else began one on its bug."""
    bug = _locked_bug(session, col(Bug.id) == fix.bug_id, own=fix.id)
    again = session.get_one(FixSession, fix.id)
    if again.state in LIVE:
        raise Refused(f"Session {fix.id[:8]} is at work already.")
    again.state, again.activity, again.ended_at, again.options = "starting", "starting Claude Code", None, options
    again.not_a_bug = ""
    if again.phase == "evidence" and options["phase"] == "agent":
        again.phase = "fix"
    again.pid, again.pid_started, again.heartbeat_at = runner.pid, runner.started, now
    session.add(again)
    _to_fixing(session, bug, reason=f"session {fix.id[:8]} {what}", by=by, now=now)
    return again


def unclaim(engine: Engine, session_id: str, *, by: str, now: datetime) -> None:
    """Take back what `claim` wrote, for a runner that never began."""
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, session_id)
        bug = session.get_one(Bug, fix.bug_id)
        for entry in session.exec(select(TranscriptEntry).where(TranscriptEntry.session_id == session_id)):
            session.delete(entry)
        session.flush()
        session.delete(fix)
        record.move(session, bug, "open", by=Actor("system", "launch"), reason="the runner did not start", now=now)


def _locked_bug(session: Session, condition: Any, *, own: str = "") -> Bug:
    bug = session.exec(select(Bug).where(condition).with_for_update()).one()
    others = select(FixSession).where(
        FixSession.bug_id == bug.id, col(FixSession.state).in_(("queued", *LIVE)), FixSession.id != own
    )
    if other := session.exec(others).first():
        raise Refused(f"{label(bug.number)} is being worked on by {other.launched_by} on {other.host}.")
    return bug


def _to_fixing(session: Session, bug: Bug, *, reason: str, by: str, now: datetime) -> None:
    bug.changed_at = now
    session.add(bug)
    if bug.state == "fixing":
        return
    try:
        record.move(session, bug, "fixing", by=Actor("person", by), reason=reason, now=now)
    except IllegalTransition as error:
        raise Refused(f"{error}.") from error
