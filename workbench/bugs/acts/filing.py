"""What people do to a bug from a screen or a command, beside fixing it and signing it off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.event import Event, Fingerprint, Part, new_event_id
from capture.store import creation, intake, lifecycle, outbox
from capture.store.engine import shown_url, writing
from capture.store.lifecycle import Actor, State, label
from capture.store.tables import Bug, storable
from workbench.bugs.store import database_errors
from workbench.errors import NotFound, Refused, UsageError


def new_bug(engine: Engine, *, title: str, text: str, by: str, project: str = "", now: datetime) -> int:
    """File a bug by hand and return its number: its one event is the report, `title` and `text`.

    Raises `UsageError` without a title.
    """
    title, text = " ".join(storable(title).split()), storable(text)
    if not title:
        raise UsageError("A bug needs a title.", cure="Say in one line what is wrong.")
    event_id = new_event_id()
    report = Event(
        id=event_id,
        at=now,
        kind="message",
        title=title,
        fingerprint=Fingerprint(
            key=event_id,
            version="hand",
            parts=(Part(name="report", value=title, why="written by hand; no other event joins it"),),
        ),
        project=project,
        message=text,
    )
    with _writing(engine) as session:
        creation.lock_numbers(session)
        bug = intake.record(session, report, by=Actor("person", by), reason="filed by hand", now=now)
        return bug.number


def change_state(engine: Engine, number: int, to: State, *, by: Actor, reason: str, now: datetime) -> None:
    """Move bug `number` to the state `to`, and owe what the outside has to hear of it.

    Raises `NotFound`, or `Refused` where the rules do not allow that step or not to this actor.
    """
    with _writing(engine) as session:
        statement = sa.select(Bug).where(Bug.number == number).with_for_update(key_share=True)  # type: ignore[arg-type]
        bug = session.scalars(statement).one_or_none()
        if bug is None or bug.id is None:
            raise NotFound(f"There is no bug {label(number)}.", cure="See `workbench bugs list`.")
        was = bug.state
        try:
            transition = lifecycle.move(session, bug, to, by=by, reason=reason, now=now)
        except lifecycle.IllegalTransition as error:
            raise Refused(f"{error}.", cure=f"See its history: workbench bugs show {label(number)}.") from error
        session.flush()
        occasion = f"transition {transition.id}"
        outbox.owe(session, "write_file", bug.id, occasion=occasion, now=now)
        if to == "closed":
            outbox.owe(session, "close_issue", bug.id, occasion=occasion, now=now)
        elif was == "closed":
            outbox.owe(session, "reopen_issue", bug.id, occasion=occasion, now=now)


@contextmanager
def _writing(engine: Engine) -> Iterator[Session]:
    """Open one transaction that commits at the end and writes nothing when anything fails."""
    with database_errors(shown_url(engine.url)), Session(writing(engine), expire_on_commit=False) as session:
        yield session
        session.commit()
