"""Muting: a bug is left alone until something happens, or for good."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import waking
from capture.store.engine import shown_url, writing
from capture.store.lifecycle import label
from capture.store.tables import Bug, Occurrence
from workbench.bugs.acts.record import Done, acting, changed, enter, locked, named, pictures, refuse_merged, step
from workbench.bugs.store import database_errors
from workbench.errors import Refused, UsageError

MOST_EVENTS = 1_000_000_000
LONGEST = timedelta(days=3650)

_SPAN = re.compile(r"([1-9][0-9]{0,4})\s*(min|[mhdw])", re.ASCII)
_UNITS = {
    "min": timedelta(minutes=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


@dataclass(frozen=True)
class MuteTerms:
    """What wakes a muted bug, whichever comes first. Without any term it is muted for good."""

    until: datetime | None = None
    events: int | None = None  # so many more
    new_release: bool = False  # an event of a release that was not there yet

    def words(self) -> str:
        """Return the terms as they are said."""
        terms = []
        if self.until is not None:
            terms.append(f"until {self.until:%Y-%m-%d %H:%M} UTC")
        if self.events is not None:
            terms.append(f"until {self.events:,} more event{'' if self.events == 1 else 's'}")
        if self.new_release:
            terms.append("until it is seen in a new release")
        return " or ".join(terms) or "for good"


FOR_GOOD = MuteTerms()


def span(text: str) -> timedelta:
    """Return how long "30min", "8h", "7d" or "2w" is. Raises `UsageError`."""
    found = _SPAN.fullmatch(text.strip().lower())
    length = int(found[1]) * _UNITS[found[2]] if found else None
    if length is None or length > LONGEST:
        raise UsageError(f"{text!r} is not a length of time.", cure="Write it as 30min, 8h, 7d or 2w.")
    return length


def event_count(text: str) -> int:
    """Return how many more events "100" is. Raises `UsageError`."""
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{text!r} is not a number.", cure="Write how many events, such as 100.")
    count = int(text[:12])  # more digits are too many either way
    _check_events(count)
    return count


def mute(engine: Engine, numbers: Iterable[int], terms: MuteTerms, *, by: str, reason: str = "", now: datetime) -> Done:
    """Mute bugs on `terms`; what is muted already gets the new terms.

    Raises `NotFound`, `UsageError` for terms that are over already, and `Refused` for a bug that is closed, merged,
    or being fixed.
    """
    if terms.until is not None and not now < terms.until <= now + LONGEST:
        raise UsageError("A bug is muted until a time to come, at most ten years away.", cure="Give another time.")
    if terms.events is not None:
        _check_events(terms.events)
    said = f"{terms.words()}: {reason}" if reason else terms.words()
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        for bug in bugs:
            refuse_merged(bug, "muted")
            if bug.state == "fixing":
                raise Refused(
                    f"{label(bug.number)} is being fixed.", cure="Wait for its fix session, or interrupt it, then mute."
                )
            if bug.state != "muted":
                step(session, bug, "muted", by=by, reason=said, now=now)
            bug.mute_until, bug.mute_events = terms.until, terms.events
            bug.mute_releases = _releases(session, bug) if terms.new_release else None
        rows = enter(session, "mute", bugs, was, by=by, reason=said, now=now)
    return changed(rows, was, f"{named(was)} muted {terms.words()}.", f"{named(was)} was muted like that already.")


def unmute(engine: Engine, numbers: Iterable[int], *, by: str, reason: str = "", now: datetime) -> Done:
    """Open muted bugs again. Raises `NotFound`, and `Refused` for a bug that is not muted."""
    with acting(engine) as session:
        bugs = locked(session, numbers)
        was = pictures(session, bugs)
        for bug in bugs:
            if bug.state != "muted":
                raise Refused(f"{label(bug.number)} is {bug.state}, not muted.", cure="Only a muted bug is unmuted.")
            step(session, bug, "open", by=by, reason=reason or "unmuted", now=now)
        rows = enter(session, "unmute", bugs, was, by=by, reason=reason, now=now)
    return changed(rows, was, f"{named(was)} unmuted.", "")


def wake_due(engine: Engine, *, now: datetime) -> tuple[int, ...]:
    """Open the bugs whose time of being muted is over, and return their numbers.

    Events wake bugs where they are taken in; this is for those that none arrives for. Only reads while none is due.
    """
    due = select(Bug).where(Bug.state == "muted", col(Bug.mute_until) <= now)
    with database_errors(shown_url(engine.url)):
        with Session(engine) as session:
            if session.exec(due.limit(1)).first() is None:
                return ()
        with Session(writing(engine)) as session:
            statement = due.order_by(col(Bug.id)).with_for_update(key_share=True)
            bugs = list(session.exec(statement))
            for bug in bugs:
                waking.wake(session, bug, waking.time_is_up(bug), now=now)
            numbers = tuple(sorted(bug.number for bug in bugs))
            session.commit()
    return numbers


def _check_events(count: int) -> None:
    if not 1 <= count <= MOST_EVENTS:
        raise UsageError("A bug is muted for at least one more event.", cure="Give another number of events.")


def _releases(session: Session, bug: Bug) -> list[str]:
    """Return the releases that are there now: those of the bug, and the latest of every bug of its project."""
    seen = sa.select(col(Occurrence.release)).where(col(Occurrence.bug_id) == bug.id).distinct()
    of_project = sa.select(col(Bug.last_release)).where(col(Bug.project) == bug.project).distinct()
    found = {*session.scalars(seen), *session.scalars(of_project), bug.first_release, bug.last_release}
    return sorted(release for release in found if release)
