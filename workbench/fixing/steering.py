"""Steer running sessions: rows that their runners read. And see which runners are gone."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import col, select

from capture.store.tables import FixSession, SessionRequest, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.rows import ApprovalRow, SessionRow
from workbench.contained import RUNNER_MARK
from workbench.errors import NotFound, Refused
from workbench.sessions import record, recovering
from workbench.sessions.process import Identity, end_leftovers

LIVE = ("starting", "working", "needs_input", "waiting", "quiet")
CLAIM = "claim"  # the phase of a session that is somebody else's: it only keeps others from the bug
TAKEN_OVER = "taken over"  # the phase of a session that a person goes on with in Claude Code itself
PHASE_QUESTION = "Phase one"  # the tool that a question between the phases goes by
LOOK_SECONDS = 0.2
SWEEP_SECONDS = 2.0


def interrupt(engine: Engine, session_id: str, *, by: str, now: datetime) -> None:
    """Ask a session to end its turn. Its work stays in the worktree, and it can be resumed.

    One that waits for a place leaves the queue, and a claim is let go.
    """
    if left_queue(engine, session_id, by=by, now=now):
        return
    _request(engine, session_id, "interrupt", {}, by=by, now=now)


def say(engine: Engine, session_id: str, text: str, *, by: str, now: datetime) -> None:
    """Send the agent of a running session a message."""
    if not text.strip():
        raise Refused("There is nothing to say.", cure="Write a message.")
    _request(engine, session_id, "message", {"text": text}, by=by, now=now)


def unlock(engine: Engine, session_id: str, *, by: str, now: datetime) -> None:
    """End the first phase of a running session without its test, or unlock the test in the second."""
    _check_phase(engine, session_id, ("test", "fix"))
    if not _answered_phase(engine, session_id, allow=True, note="", by=by, now=now):
        _request(engine, session_id, "unlock", {}, by=by, now=now)


def send_back(engine: Engine, session_id: str, text: str, *, by: str, now: datetime) -> None:
    """Send the agent of a running session back to its test, with a word that says why."""
    if not text.strip():
        raise Refused("Being sent back needs a word: it is what the agent works with.", cure="Say what is wrong.")
    _check_phase(engine, session_id, ("test", "fix"))
    if not _answered_phase(engine, session_id, allow=False, note=text, by=by, now=now):
        _request(engine, session_id, "send_back", {"text": text}, by=by, now=now)


def answer(
    engine: Engine,
    approval_id: int,
    *,
    allow: bool,
    always: bool = False,
    note: str = "",
    by: str,
    now: datetime,
) -> None:
    """Answer what an agent asked for. An answer is final: a second one raises `Refused`.

    With `always`, exactly this is not asked again in this session.
    """
    with record.transaction(engine) as session:
        request = session.exec(
            select(SessionRequest)
            .where(SessionRequest.id == approval_id, SessionRequest.kind == "approval")
            .with_for_update()
        ).one_or_none()
        if request is None:
            raise NotFound(f"There is no question {approval_id}.")
        if request.answered_at is not None:
            raise Refused(f"That was answered already by {request.answered_by}: {request.answer}.")
        asked = ApprovalRow(approval_id, request.session_id, request.asked_at, request.body)
        if allow and always and (why := asked.why_not_always):
            raise Refused(why, cure="Say yes: that counts for this once.")
        yes = record.ALWAYS if always else record.ALLOW
        request.answer, request.answer_note = yes if allow else record.DENY, note
        request.answered_at, request.answered_by = now, by
        session.add(request)


def sweep(engine: Engine, *, now: datetime) -> list[str]:
    """Mark sessions of this host whose runner is gone as interrupted, and return their ids.

    What such a runner left running is ended, and what its agent had said is brought to the transcript. Its worktree
    and its bug stay as they are, to be resumed.
    """
    here = select(FixSession).where(col(FixSession.state).in_(LIVE), FixSession.host == socket.gethostname())
    with record.transaction(engine) as session:
        gone = [fix.id for fix in session.exec(here) if not _is_running(fix)]
    for session_id in gone:
        with record.transaction(engine) as session:
            fix = session.get_one(FixSession, session_id, with_for_update=True)
            if fix.state not in LIVE or _is_running(fix):
                continue  # it ended by itself, or was resumed, between the two looks
            if fix.phase == CLAIM:
                why = "whoever claimed it is gone"
                record.end(session, fix.id, "interrupted", why, to="open", reason=why, now=now)
                continue
            who = "Claude Code that took this session over" if fix.phase == TAKEN_OVER else "runner of this session"
            text = f"The {who} is gone. Its work is in the worktree; resume it to go on."
            session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": text}))
            why = "its Claude Code is gone" if fix.phase == TAKEN_OVER else "its runner is gone"
            hand_back(fix, now=now)
            record.end(session, fix.id, "interrupted", why, to=None, reason="", now=now)
        end_leftovers_of(fix)
        recovering.recover(engine, fix.id, now=now)
    return gone


def hand_back(fix: FixSession, *, now: datetime) -> None:
    """Give a session that was taken over the phase back that it was in, if it was."""
    taken = fix.options.get("taken_over")
    if fix.phase == TAKEN_OVER and taken:
        fix.phase = taken["phase"]
        fix.options = fix.options | {"taken_over": taken | {"until": now.isoformat()}}


def end_leftovers_of(fix: FixSession) -> None:
    """End what a dead runner of a session left running: its agent, and the tests of its evidence."""
    if fix.pid is not None and fix.pid_started is not None:
        end_leftovers(Identity(fix.pid, fix.pid_started), mark=RUNNER_MARK)


def wait(
    engine: Engine, session_id: str, *, timeout: float | None = None, tend: Callable[[], object] | None = None
) -> SessionRow:
    """Wait until a session has ended, or for `timeout` seconds, and return its row.

    `tend` is done every other second: it finds runners that are gone, and may begin sessions that wait for a place.
    """
    begun = swept = time.monotonic()
    while True:
        row = queries.session(engine, session_id)
        clock = time.monotonic()
        if not row.is_live or (timeout is not None and clock - begun > timeout):
            return row
        if clock - swept > SWEEP_SECONDS:
            swept = clock
            tend() if tend else sweep(engine, now=datetime.now(UTC))
        time.sleep(LOOK_SECONDS)


def left_queue(engine: Engine, session_id: str, *, by: str, now: datetime) -> bool:
    """Take a session out of the queue, or let a claim go, and return whether it was one of these."""
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, queries.session(engine, session_id).id, with_for_update=True)
        is_claim = fix.phase == CLAIM and fix.state in LIVE
        if fix.state != "queued" and not is_claim:
            return False
        reason = f"{by} let it go" if is_claim else f"{by} took it out of the queue"
        record.end(session, fix.id, "interrupted", reason, to="open", reason=reason, now=now)
        return True


def _answered_phase(engine: Engine, session_id: str, *, allow: bool, note: str, by: str, now: datetime) -> bool:
    """Answer what the runner asks between the phases, if it does now: it waits for nothing else."""
    for asked in queries.approvals(engine, queries.session(engine, session_id).id):
        if asked.body.get("tool") == PHASE_QUESTION:
            answer(engine, asked.id, allow=allow, note=note, by=by, now=now)
            return True
    return False


def _check_phase(engine: Engine, session_id: str, phases: tuple[str, ...]) -> None:
    row = queries.session(engine, session_id)
    if row.is_live and row.phase != TAKEN_OVER and row.phase not in phases:
        raise Refused(
            f"Session {row.id[:8]} is making its evidence: its test can no longer be changed.",
            cure="Decide on the result: a rejection with a reason goes back to the agent.",
        )


def _request(engine: Engine, session_id: str, kind: str, body: dict[str, Any], *, by: str, now: datetime) -> None:
    row = queries.session(engine, session_id)
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, row.id, with_for_update=True)
        if fix.state not in LIVE:
            raise Refused(f"Session {fix.id[:8]} is not running: it is {fix.state}.", cure="Resume it.")
        if fix.phase == TAKEN_OVER:
            raise Refused(f"Session {fix.id[:8]} has no agent of ours now: it is {fix.activity}.", cure="Ask them.")
        session.add(SessionRequest(session_id=fix.id, kind=kind, body=body, asked_at=now, asked_by=by))


def _is_running(fix: FixSession) -> bool:
    if fix.pid is None or fix.pid_started is None:
        return False
    return Identity(fix.pid, fix.pid_started).is_alive
