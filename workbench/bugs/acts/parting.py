"""A part of a fingerprint's stored events moved to a fingerprint of another bug, with their figures and tallies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlmodel import Session

from capture.store import figures
from capture.store.figures import Figures, Known
from capture.store.lifecycle import label
from capture.store.sightings import Sighting, add_tallies
from capture.store.tables import Bug, FingerprintRow, Occurrence, Tally, table_of
from workbench.bugs.differing import Apart
from workbench.errors import Refused

_SEEN, _PRINT, _TALLY = table_of(Occurrence), table_of(FingerprintRow), table_of(Tally)


@dataclass(frozen=True)
class Stored:
    """One stored event, as much of it as a split has to know."""

    id: str
    fingerprint_id: int
    at: datetime
    release: str | None
    environment: str


def when(one: Stored) -> tuple[datetime, str]:
    """Return what events are ordered by: their time, and of those of one moment their ids."""
    return one.at, one.id


def part(
    session: Session, new: Bug, old: Known, going: Sequence[Stored], staying: Sequence[Stored], made: Apart,
    there: Known | None,
) -> None:  # fmt: skip
    """Give a part of a fingerprint's events one of the new bug, with what they add to its figures and tallies.

    That is the one that is `there` already where the bug is one that was split off before, else one of their own.
    """
    assert new.id is not None
    mine = _of(going)
    if there is not None and there.home_id == new.id:
        made_id = there.id
        figures.save(session, [replace(there, figures=figures.total([there.figures, mine]))])
    else:
        made_id = _new_fingerprint(session, new, old, mine, made)
    ids = [one.id for one in going]
    for start in range(0, len(ids), 500):
        moved = _SEEN.c.id.in_(ids[start : start + 500])
        session.execute(sa.update(_SEEN).where(moved).values(bug_id=new.id, fingerprint_id=made_id))
    figures.save(session, [_less(old, mine, _of(staying))])
    _take_tallies(session, old.id, going)
    seen = (Sighting(made_id, new.id, one.at, 1, one.release, one.environment) for one in going)
    add_tallies(session, seen)


def _new_fingerprint(session: Session, new: Bug, old: Known, mine: Figures, made: Apart) -> int:
    taken = session.execute(
        sa.select(_PRINT.c.bug_id).where(_PRINT.c.project == old.project, _PRINT.c.key == made.key)
    ).scalar()
    if taken is not None:
        other = session.get_one(Bug, taken)
        raise Refused(
            f"Such events are those of {label(other.number)} already.",
            cure=f"See it: workbench bugs show {label(other.number)}",
        )
    row = session.execute(sa.select(_PRINT).where(_PRINT.c.id == old.id)).one()
    session.flush()
    (made_id,) = session.execute(
        sa.insert(_PRINT)
        .values(
            project=old.project, key=made.key, version=row.version, parts=msgspec.to_builtins(made.parts),
            site=row.site, bug_id=new.id, home_id=new.id, **asdict(mine),
        )
        .returning(_PRINT.c.id)
    ).one()  # fmt: skip
    return int(made_id)


def _of(stored: Sequence[Stored]) -> Figures:
    """Return the figures of stored events."""
    ordered = sorted(stored, key=when)
    first = ordered[0]
    found = Figures(0, first.at, first.at, first.release, None, "")
    for one in ordered:
        found.note(one.at, 1, one.release, one.environment)
    return found


def _less(old: Known, gone: Figures, left: Figures) -> Known:
    """Return a fingerprint without the events that went; of those that were only counted it keeps every one."""
    was = old.figures
    is_first, is_last = gone.first_seen <= was.first_seen, gone.last_seen >= was.last_seen
    now_is = Figures(
        count=max(was.count - gone.count, left.count),
        first_seen=left.first_seen if is_first else was.first_seen,
        last_seen=left.last_seen if is_last else was.last_seen,
        first_release=left.first_release if is_first else was.first_release,
        last_release=(left.last_release or was.last_release) if is_last else was.last_release,
        environment=(left.environment or was.environment) if is_last else was.environment,
    )
    return Known(old.id, old.project, old.key, old.bug_id, old.home_id, now_is)


def _take_tallies(session: Session, fingerprint_id: int, going: Iterable[Stored]) -> None:
    hours: dict[datetime, int] = defaultdict(int)
    for one in going:
        hours[one.at.replace(minute=0, second=0, microsecond=0)] += 1
    here = sa.and_(_TALLY.c.fingerprint_id == fingerprint_id, _TALLY.c.hour == sa.bindparam("the_hour"))
    rows = [{"the_hour": hour, "less": count} for hour, count in sorted(hours.items())]
    session.connection().execute(
        sa.update(_TALLY).where(here).values(count=_TALLY.c.count - sa.bindparam("less")), rows
    )
    session.execute(sa.delete(_TALLY).where(_TALLY.c.fingerprint_id == fingerprint_id, _TALLY.c.count <= 0))
