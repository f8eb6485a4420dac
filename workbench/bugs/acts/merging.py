"""Merging: the fingerprints of one bug go to another, and with them every event to come.

Each fingerprint knows its home, the bug that was made for it, and each merged bug what it was merged into. So a
fingerprint belongs to the bug at the end of its home's chain, whatever the order of merges and unmerges.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import figures, outbox
from capture.store.figures import Known
from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug, FingerprintRow, Occurrence, table_of
from workbench.bugs.acts.record import Done, acting, enter, locked, named, pictures, refuse_merged, step
from workbench.bugs.acts.restoring import restore
from workbench.errors import Refused, UsageError


def merge(
    engine: Engine, numbers: Iterable[int], *, into: int | None = None, by: str, reason: str = "", now: datetime
) -> Done:
    """Merge bugs into one of them: the chosen one, or the oldest.

    The others are closed as merged, and so are their issues; their counts, events and all events to come go to that
    one. Raises `NotFound`, `UsageError` for fewer than two, and `Refused` for a bug that is being fixed or in
    review, that was merged already, that is of another project, or an open one that would go into a closed one.
    """
    wanted = {*numbers, *([into] if into is not None else [])}
    if len(wanted) < 2:
        raise UsageError("A merge takes at least two bugs.", cure="Name the others as well.")
    with acting(engine) as session:
        fingerprints = lock_family(session, wanted)
        bugs = locked(session, wanted)
        target = next(bug for bug in bugs if bug.number == (into if into is not None else min(wanted)))
        others = [bug for bug in bugs if bug is not target]
        was = pictures(session, bugs)
        for bug in others:
            _check(bug, target)
        for bug in others:
            said = f"merged into {label(target.number)}" + (f": {reason}" if reason else "")
            if bug.state != "closed":
                step(session, bug, "closed", by=by, reason=said, now=now, closed_as="merged")
            bug.closed_as, bug.duplicate_of, bug.merged_into = "merged", None, target.number
        settle(session, fingerprints, now=now)
        comment = f"This is the same fault as {label(target.number)}: {by} merged the two."
        rows = enter(session, "merge", others, was, by=by, reason=reason, now=now, comment=comment)
        _owe_file(session, target, rows, now)
    merged = [bug.number for bug in others]
    return Done(f"{named(merged)} merged into {label(target.number)}.", tuple(sorted(wanted)), rows)


def unmerge(engine: Engine, numbers: Iterable[int], *, by: str, reason: str = "", now: datetime) -> Done:
    """Take merged bugs out again: each gets its fingerprints, counts and events back, and the state that it had.

    Raises `NotFound`, and `Refused` for a bug that was not merged; where others were merged into it, the error names
    those.
    """
    wanted = set(numbers)
    with acting(engine) as session:
        fingerprints = lock_all(session, wanted)
        bugs = locked(session, wanted)
        was = pictures(session, bugs)
        left: set[int] = set()
        for bug in bugs:
            if bug.merged_into is None:
                raise _not_merged(session, bug)
            left.add(bug.merged_into)
            said = f"taken out of {label(bug.merged_into)}" + (f": {reason}" if reason else "")
            restore(session, bug, _before_merge(session, bug), by=by, reason=said, now=now)
        settle(session, fingerprints, now=now)
        comment = f"{by} took this apart from {named(left)} again."
        rows = enter(session, "unmerge", bugs, was, by=by, reason=reason, now=now, comment=comment)
        for number in left:
            for bug in session.exec(select(Bug).where(Bug.number == number)):
                _owe_file(session, bug, rows, now)
    return Done(f"{named(was)} taken out of {named(left)}.", tuple(sorted(was)), rows)


def settle(session: Session, fingerprints: Sequence[Known], *, now: datetime) -> None:
    """Give each fingerprint to the bug where it belongs now, and all bugs concerned their figures.

    The fingerprints have to be locked, and so the bugs whose `merged_into` was changed.
    """
    session.flush()
    roots = _roots(session, {known.home_id for known in fingerprints})
    moved = [known for known in fingerprints if known.bug_id != roots[known.home_id]]
    concerned = {known.bug_id for known in fingerprints} | set(roots.values())
    bugs = {bug.id: bug for bug in session.exec(_in_order(concerned))}
    occurrence, fingerprint = table_of(Occurrence), table_of(FingerprintRow)
    for known in moved:
        to = roots[known.home_id]
        session.execute(
            sa.update(occurrence)
            .where(occurrence.c.bug_id == known.bug_id, occurrence.c.fingerprint_id == known.id)
            .values(bug_id=to)
        )
        session.execute(sa.update(fingerprint).where(fingerprint.c.id == known.id).values(bug_id=to))
    of_bug = figures.of_bugs(session, concerned)
    of_home: dict[int, list[Known]] = {}
    for known in fingerprints:
        of_home.setdefault(known.home_id, []).append(known)
    for bug_id, bug in bugs.items():
        assert bug_id is not None
        # A bug that was merged away shows what was its own when it went.
        parts = of_bug.get(bug_id) or of_home.get(bug_id)
        if parts:
            figures.show(bug, figures.total([known.figures for known in parts]))
            bug.changed_at = now
    session.flush()


def lock_family(session: Session, numbers: Collection[int]) -> list[Known]:
    """Return the fingerprints that the bugs and all merged into them have or had, locked."""
    table = table_of(FingerprintRow)
    ids = family(session, numbers)
    return figures.lock(session, sa.or_(table.c.home_id.in_(ids), table.c.bug_id.in_(ids)))


def family(session: Session, numbers: Collection[int]) -> set[int]:
    """Return the ids of the bugs, and of all that were merged into them, directly or over others."""
    found: dict[int, int] = {}
    wanted = set(numbers)
    while wanted:
        rows = session.execute(
            sa.select(col(Bug.id), col(Bug.number)).where(
                sa.or_(col(Bug.number).in_(wanted), col(Bug.merged_into).in_(wanted))
            )
        ).all()
        fresh = {number: bug_id for bug_id, number in rows if number not in found}
        found |= fresh
        wanted = set(fresh) - wanted
    return set(found.values())


def lock_all(session: Session, numbers: Collection[int]) -> list[Known]:
    """Lock the family's fingerprints, then the bugs together with those that have them: all bugs in one order."""
    fingerprints = lock_family(session, numbers)
    ids = {known.bug_id for known in fingerprints}
    either = sa.or_(col(Bug.number).in_(numbers), col(Bug.id).in_(ids))
    session.exec(select(Bug).where(either).order_by(col(Bug.id)).with_for_update(key_share=True)).all()
    return fingerprints


def lock_merged(session: Session, numbers: Collection[int]) -> None:
    """Lock the bugs and all merged into them, in one order; their fingerprints have to be locked before."""
    session.exec(_in_order(family(session, numbers))).all()


def _in_order(ids: Iterable[int]) -> Any:
    return select(Bug).where(col(Bug.id).in_(sorted(ids))).order_by(col(Bug.id)).with_for_update(key_share=True)


def _before_merge(session: Session, bug: Bug) -> dict[str, Any]:
    """Return what the bug was when it was merged."""
    merges = select(ActRow).where(ActRow.bug_id == bug.id, ActRow.kind == "merge", col(ActRow.undone_at).is_(None))
    latest = session.exec(merges.order_by(col(ActRow.id).desc()).limit(1)).first()
    return latest.before if latest is not None else {"state": "open", "merged_into": None, "closed_as": None}


def _roots(session: Session, homes: Collection[int]) -> dict[int, int]:
    """Return for each bug's id the id of the bug at the end of its chain of merges."""
    roots: dict[int, int] = {}
    for home in sorted(homes):
        bug = session.get_one(Bug, home)
        while bug.merged_into is not None:
            bug = session.exec(select(Bug).where(Bug.number == bug.merged_into)).one()
        assert bug.id is not None
        roots[home] = bug.id
    return roots


def _check(bug: Bug, target: Bug) -> None:
    shown, into = label(bug.number), label(target.number)
    refuse_merged(target, "merged with others")
    refuse_merged(bug, "merged again")
    if bug.state == "fixing":
        raise Refused(f"{shown} is being fixed.", cure=f"Merge into {shown} instead: --into {shown}.")
    if bug.state == "review":
        raise Refused(f"{shown} has a fix to decide on.", cure=f"Decide on it first: workbench verify {shown}")
    if target.state == "closed" and bug.state != "closed":
        raise Refused(
            f"{into} is closed, and {shown} is {bug.state}.", cure=f"Reopen {into} first, or merge into {shown}."
        )
    if bug.project != target.project:
        raise Refused(
            f"{shown} and {into} are bugs of different projects.", cure="Only bugs of one project are merged."
        )


def _not_merged(session: Session, bug: Bug) -> Refused:
    inside = list(session.exec(select(Bug.number).where(Bug.merged_into == bug.number)))
    if inside:
        cure = "Name what is to be taken out: workbench bugs unmerge " + " ".join(label(number) for number in inside)
    else:
        cure = f"See its history: workbench bugs show {label(bug.number)}."
    return Refused(f"{label(bug.number)} was not merged into another bug.", cure=cure)


def _owe_file(session: Session, bug: Bug, rows: Sequence[int], now: datetime) -> None:
    assert bug.id is not None
    if rows:
        outbox.owe(session, "write_file", bug.id, occasion=f"act {rows[0]}", now=now)
