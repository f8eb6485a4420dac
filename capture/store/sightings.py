"""What an event does to its bug: counts, times and tallies, and whether it is a recurrence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from capture.store import figures, lifecycle, outbox, releases, waking
from capture.store.engine import insert_of
from capture.store.figures import Figures, Known
from capture.store.tables import Bug, Occurrence, Tally, Transition, table_of

# Made once: to put a statement together takes longer than to run it.
_LOCK_BUGS = (
    sa.select(Bug)
    .where(Bug.id.in_(sa.bindparam("ids", expanding=True)))  # type: ignore[union-attr]
    .order_by(Bug.id)  # type: ignore[arg-type]
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)

CAPTURE = lifecycle.Actor("system", "capture")


class Sighting(NamedTuple):
    """An event of one fingerprint, or `times` of them at one time in one release; `event` is the id of a stored one."""

    fingerprint_id: int
    bug_id: int
    at: datetime
    times: int
    release: str | None
    environment: str
    event: str | None = None


def lock_bugs(session: Session, ids: Iterable[int]) -> dict[int, Bug]:
    """Return the bugs by id, locked until the transaction ends.

    Always in order of id, so that two transactions with the same bugs wait for each other once and not crosswise.
    """
    found = session.scalars(_LOCK_BUGS, {"ids": sorted(ids)})
    return {bug.id: bug for bug in found if bug.id is not None}


@dataclass(frozen=True)
class Counted:
    """What sightings make of the figures of bugs and their fingerprints, and the numbers of bugs that came back."""

    bugs: Sequence[tuple[Bug, Figures]] = ()
    fingerprints: Sequence[Known] = ()
    reopened: tuple[int, ...] = ()

    def save(self, session: Session, *, now: datetime) -> None:
        """Write the figures. Nothing is read for it, and nothing is committed."""
        figures.save_bugs(session, self.bugs, changed_at=now)
        figures.save(session, self.fingerprints)


def count_up(session: Session, bugs: dict[int, Bug], sightings: Sequence[Sighting], *, now: datetime) -> Counted:
    """Enter the sightings, in order, into their locked bugs; return the figures that have to be saved then.

    Tallies are for `add_tallies`. Nothing is committed.
    """
    if not sightings:
        return Counted()
    earlier = _Earlier(session, bugs, sightings)
    of_bug = {bug_id: {one.id: one for one in all_} for bug_id, all_ in figures.of_bugs(session, bugs).items()}
    reopened: list[int] = []
    for sighting in sightings:
        bug, fingerprints = bugs[sighting.bug_id], of_bug[sighting.bug_id]
        if bug.state == "closed" and earlier.is_recurrence(bug, sighting):
            _reopen(session, bug, sighting, holds=earlier.holds(bug, sighting), now=now)
            reopened.append(bug.number)
        elif bug.state == "muted":
            why = waking.count_down(bug, count=sighting.times, release=sighting.release, now=now)
            if why is not None:
                waking.wake(session, bug, why, now=now)
        seen = fingerprints[sighting.fingerprint_id].figures
        seen.note(sighting.at, sighting.times, sighting.release, sighting.environment)
        if bug.state == "closed":  # the next sighting is judged by what the bug shows then
            figures.show(bug, figures.total([one.figures for one in fingerprints.values()]))
    touched = {sighting.fingerprint_id: sighting.bug_id for sighting in sightings}
    sums = {bug_id: figures.total([one.figures for one in of_bug[bug_id].values()]) for bug_id in touched.values()}
    session.flush()
    return Counted(
        [(bugs[bug_id], sums[bug_id]) for bug_id in sorted(sums)],
        [of_bug[bug_id][fingerprint_id] for fingerprint_id, bug_id in sorted(touched.items())],
        tuple(reopened),
    )


def add_tallies(session: Session, sightings: Iterable[Sighting]) -> None:
    """Add the sightings to the tallies of their fingerprints. Nothing is committed."""
    tallies: Counter[tuple[int, int]] = Counter()  # fingerprint and hours since the epoch
    for sighting in sightings:
        tallies[sighting.fingerprint_id, int(sighting.at.timestamp()) // 3600] += sighting.times
    if not tallies:
        return
    rows = [
        {"fingerprint_id": one, "hour": datetime.fromtimestamp(hour * 3600, UTC), "count": count}
        for (one, hour), count in sorted(tallies.items())
    ]
    connection = session.connection()
    connection.execute(_add_tally(connection.dialect.name), rows)


@lru_cache
def _add_tally(dialect: str) -> Any:
    table = table_of(Tally)
    insert = insert_of(dialect, table)
    return insert.on_conflict_do_update(
        index_elements=[table.c.fingerprint_id, table.c.hour], set_={"count": table.c.count + insert.excluded.count}
    )


class _Earlier:
    """What closed bugs had been through when they were closed.

    The events of the batch are in the table already, but each may only know of those before it: the outcome must not
    depend on where a stream of events was cut into batches.
    """

    def __init__(self, session: Session, bugs: dict[int, Bug], batch: Sequence[Sighting]) -> None:
        self._session = session
        self._batch = [sighting.event for sighting in batch if sighting.event]
        self._closed_at: dict[int, datetime] = {}
        self._known: set[tuple[int, str | None]] = set()
        self._silent = {bug.id for bug in bugs.values() if bug.state == "closed" and bug.closed_as == "not a bug"}
        self._silent |= self._duplicates_of_what_is_not_closed(bugs)
        closed = [bug.id for bug in bugs.values() if bug.state == "closed"]
        if closed:
            statement = (
                sa.select(Transition.bug_id, sa.func.max(Transition.at).label("at"))  # type: ignore[call-overload]
                .where(Transition.bug_id.in_(closed), Transition.to_state == "closed")  # type: ignore[attr-defined]
                .group_by(Transition.bug_id)
            )
            self._closed_at = {row.bug_id: row.at for row in session.connection().execute(statement)}
        fixes = {bug.fix_commit for bug in bugs.values() if bug.state == "closed" and bug.fix_commit}
        names = {sighting.release for sighting in batch if sighting.release}
        self._holds = releases.known(session.connection(), fixes, names) if fixes and names else {}

    def is_recurrence(self, bug: Bug, sighting: Sighting) -> bool:
        """Say whether a sighting of a closed bug means that it is back.

        It is when it was seen after the bug was closed, in a release that holds the fix. A release from before the
        fix goes on failing until it is replaced: that only counts. Where nobody could tell, a release that had not
        been seen before is taken to hold it; without a release, every one is, once the quiet period is over.
        What was closed as not a bug only counts as well, until a person reopens it, and so does a duplicate for as
        long as the other bug is not closed.
        """
        if bug.id in self._silent:
            return False
        closed_at = self._closed_at.get(sighting.bug_id)
        seen = sighting.bug_id, sighting.release
        if closed_at is not None and sighting.at <= closed_at:
            if sighting.event:
                self._known.add(seen)
            return False
        if sighting.release is None:
            return bug.quiet_until is None or sighting.at > bug.quiet_until
        holds = self.holds(bug, sighting)
        if holds is not None:
            return holds
        if sighting.release in (bug.first_release, bug.last_release) or seen in self._known:
            return False
        if closed_at is not None and self._stored_before(sighting, closed_at):
            self._known.add(seen)
        return seen not in self._known

    def holds(self, bug: Bug, sighting: Sighting) -> bool | None:
        """Return whether the sighting's release holds the fix of the bug, or None where nobody said."""
        return self._holds.get((bug.fix_commit or "", sighting.release or ""))

    def _duplicates_of_what_is_not_closed(self, bugs: dict[int, Bug]) -> set[int | None]:
        others = {bug.id: bug.duplicate_of for bug in bugs.values() if bug.state == "closed" and bug.duplicate_of}
        if not others:
            return set()
        statement = sa.select(Bug.number).where(  # type: ignore[call-overload]
            Bug.number.in_(set(others.values())),  # type: ignore[attr-defined]
            Bug.state != "closed",
        )
        not_closed = set(self._session.connection().scalars(statement))
        return {bug_id for bug_id, other in others.items() if other in not_closed}

    def _stored_before(self, sighting: Sighting, closed_at: datetime) -> bool:
        statement = (
            sa.select(Occurrence.id)  # type: ignore[call-overload]
            .where(
                Occurrence.bug_id == sighting.bug_id,
                Occurrence.release == sighting.release,
                Occurrence.at <= closed_at,
                Occurrence.id.not_in(self._batch),  # type: ignore[attr-defined]
            )
            .limit(1)
        )
        return self._session.connection().scalar(statement) is not None


def _reopen(session: Session, bug: Bug, sighting: Sighting, *, holds: bool | None, now: datetime) -> None:
    reason = releases.seen_again(sighting.release, holds=holds)
    transition = lifecycle.move(session, bug, "open", by=CAPTURE, reason=reason, now=now)
    session.flush()
    assert bug.id is not None
    occasion = f"recurrence {transition.id}"
    body = {
        "event": sighting.event,
        "release": sighting.release,
        "at": sighting.at.isoformat(),
        "reason": transition.reason,
    }
    outbox.owe(session, "reopen_issue", bug.id, occasion=occasion, now=now)
    outbox.owe(session, "comment_issue", bug.id, occasion=occasion, now=now, body=body)
    outbox.owe(session, "write_file", bug.id, occasion=occasion, now=now)
