"""Sessions that wait for a place: rows that any open workbench, worker or waiting command of this host begins in turn.

A row is everything that is needed: whoever dies, somebody else goes on. One file lock per host keeps two from
beginning the same, or more than there is room for.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from filelock import FileLock, Timeout
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, func, select

from capture.store.tables import FixSession
from workbench.config import Config
from workbench.errors import OutsideError, WorkbenchError
from workbench.fixing import costs, handed_on
from workbench.fixing.steering import CLAIM, LIVE
from workbench.sessions import record

LOCK_SECONDS = 60
WAITS = "waits for a place"


@contextmanager
def places(config: Config) -> Iterator[None]:
    """Hold the places of this host, so that nobody else takes one meanwhile."""
    config.state_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(config.state_dir / "places.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise OutsideError(
            f"Another workbench has been launching sessions for {LOCK_SECONDS} seconds.", cure="Wait for it, or end it."
        ) from error


def is_full(session: Session, config: Config) -> bool:
    """Say whether as many sessions are at work on this host as may be."""
    live = select(func.count()).where(
        col(FixSession.state).in_(LIVE), FixSession.phase != CLAIM, FixSession.host == socket.gethostname()
    )
    return session.exec(live).one() >= max(1, int(config["agent.parallel"]))


def advance(
    config: Config, engine: Engine, begin: Callable[[Config, Engine, FixSession, datetime], None], *, now: datetime
) -> list[str]:
    """Begin sessions that wait, the oldest first, as long as there is room, and return those that were looked at."""
    begun: list[str] = []
    while waiting := _next(engine, begun):
        with places(config):
            with record.transaction(engine) as session:
                fix = session.get_one(FixSession, waiting)
                if fix.state != "queued" or is_full(session, config):
                    return begun
            if fix.rehearsal is None and (why := costs.why_not_today(config, engine, now=now)):
                _say(engine, fix.id, f"waits: {why}")
                return begun
            if missing := handed_on.restore(fix.options.get("environ"), os.environ, fix.id).missing:
                _say(engine, fix.id, f"waits for a workbench that has {', '.join(missing)}, as {fix.launched_by} had")
                begun.append(waiting)
                continue
            try:
                begin(config, engine, fix, now)
            except WorkbenchError as error:
                with record.transaction(engine) as session:
                    reason = f"it could not begin: {error}"
                    record.end(session, fix.id, "failed", reason, to="open", reason=reason, now=now)
        begun.append(waiting)
    return begun


def _next(engine: Engine, begun: list[str]) -> str | None:
    waiting = (
        select(FixSession.id)
        .where(FixSession.state == "queued", FixSession.host == socket.gethostname(), col(FixSession.id).not_in(begun))
        .order_by(col(FixSession.started_at), col(FixSession.id))
        .limit(1)
    )
    with record.transaction(engine) as session:
        return session.exec(waiting).first()


def _say(engine: Engine, session_id: str, activity: str) -> None:
    with record.transaction(engine) as session:
        fix = session.get_one(FixSession, session_id)
        if fix.state == "queued" and fix.activity != activity:
            fix.activity = activity
            session.add(fix)
