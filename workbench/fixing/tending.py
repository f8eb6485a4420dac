"""What any open workbench does for the sessions of its host: find lost ones, and begin those that wait."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import Engine

from capture.store.tables import FixSession, TranscriptEntry
from workbench.config import Config
from workbench.fixing import handed_on, queue
from workbench.fixing.claiming import reclaim
from workbench.fixing.runners import runner_for
from workbench.fixing.steering import sweep
from workbench.git import Repository
from workbench.sessions import record


def tend(config: Config, engine: Engine, *, now: datetime) -> list[str]:
    """Mark sessions whose runner is gone, begin those that wait for a place, and return the lost ones."""
    lost = sweep(engine, now=now)
    queue.advance(config, engine, _begin, now=now)
    return lost


def _begin(config: Config, engine: Engine, fix: FixSession, now: datetime) -> None:
    """Start the runner of a session that has waited for its place, in the environment that it was queued in."""
    given = handed_on.restore(fix.options.get("environ"), os.environ, fix.id)
    with runner_for(config, fix, given.environ) as begun:
        with record.transaction(engine) as session:
            reclaim(session, fix, fix.options, begun.identity, by=fix.launched_by, now=now)
            if given.other:
                told = f"Begun with another {', '.join(given.other)} than it was queued with."
                session.add(TranscriptEntry(session_id=fix.id, at=now, kind="notice", body={"text": told}))
        begun.begin(engine, begun.first(engine, Repository.open(Path(fix.repository)), fix))
