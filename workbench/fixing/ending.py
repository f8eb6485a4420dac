"""End a session at once, with every process of it."""

from __future__ import annotations

import os
import socket
from datetime import datetime

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession, TranscriptEntry
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.errors import Refused
from workbench.fixing.steering import LIVE, end_leftovers_of, hand_back, left_queue
from workbench.sessions import record, recovering
from workbench.sessions.process import Identity, end_with_children


def end(engine: Engine, session_id: str, *, by: str, now: datetime) -> SessionRow:
    """End the processes of a session, however deaf they are; what it has done stays, and it can be resumed.

    One that waits for a place leaves the queue, and a claim is let go.
    """
    row = queries.session(engine, session_id)
    if not row.is_live:
        raise Refused(f"Session {row.id[:8]} is not running: it is {row.state}.", cure="There is nothing to end.")
    if left_queue(engine, row.id, by=by, now=now):
        return queries.session(engine, row.id)
    if row.host != socket.gethostname():
        raise Refused(f"Session {row.id[:8]} runs on {row.host}.", cure="End it there, or interrupt it from here.")
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, row.id)
    if fix.pid is not None and fix.pid_started is not None and fix.pid != os.getpid():
        end_with_children(Identity(fix.pid, fix.pid_started))
    end_leftovers_of(fix)
    _write(engine, row.id, by=by, now=now)
    recovering.recover(engine, row.id, now=now)
    return queries.session(engine, row.id)


def _write(engine: Engine, session_id: str, *, by: str, now: datetime) -> None:
    """Say who ended it. Its runner, or whoever has found it gone, may have said that it is over."""
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, session_id, with_for_update=True)
        if fix.state not in (*LIVE, "interrupted"):
            return  # it had come to an end of its own
        text = f"{by} has ended the session and its processes. Its work is in the worktree; resume it to go on."
        session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": text}))
        hand_back(fix, now=now)
        record.end(session, fix.id, "interrupted", f"ended by {by}", to=None, reason="", now=now)
