"""A bug whose fix was signed off, and that a release brought back before git could say whether it holds the fix."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.store import lifecycle, releases
from capture.store.engine import writing
from capture.store.intake import Batch, take_in
from capture.store.lifecycle import Actor
from capture.store.tables import Bug, SignOff
from capture.testing import make_event

FIX = "f1x" + "0" * 37
MINUTE = timedelta(minutes=1)


def sign_off(engine: Engine, number: int, *, now: datetime) -> None:
    """Close a bug under a sign-off of `FIX`, a minute before `now`."""
    with Session(writing(engine)) as session:
        bug = session.exec(select(Bug).where(Bug.number == number)).one()
        signed = {"decision": "verified", "by": "Ada", "commit": FIX, "events": bug.count}
        session.add(SignOff(bug_id=bug.id, at=now - MINUTE, **signed))
        lifecycle.move(session, bug, "closed", by=Actor("person", "Ada"), reason="verified", now=now - MINUTE)
        bug.fix_commit, bug.quiet_until = FIX, now + 60 * MINUTE
        session.commit()


def see(engine: Engine, key: str, release: str | None, *, at: datetime) -> None:
    """Let the bug of a fingerprint be seen in a release."""
    batch = Batch(f"seen again {at}", 0, 1, 1, [make_event(key=key, at=at, release=release)])
    take_in(engine, batch, now=at)


def git_says(engine: Engine, holds: Mapping[str, bool], *, now: datetime) -> None:
    """Answer whether releases hold `FIX`, as whoever has the repository does."""
    with writing(engine).begin() as connection:
        releases.answer(connection, {(FIX, name): is_in for name, is_in in holds.items()}, now=now)
