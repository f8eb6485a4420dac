"""Splitting: the stored events of a bug that differ in one thing become a bug of their own.

To the store it is a merge that is taken back: the new bug is one that had been in the other all along. So an undo is
that merge, no figure is lost by either, and `merging.settle` does both.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.event import Event
from capture.store import creation
from capture.store.creation import NewBug
from capture.store.figures import Figures, Known
from capture.store.lifecycle import Actor, label
from capture.store.payloads import open_event
from capture.store.tables import ActRow, Bug, FingerprintRow, Note, Occurrence, table_of
from workbench.bugs.acts import merging, parting, split_again
from workbench.bugs.acts.parting import Stored, when
from workbench.bugs.acts.record import REASON, Done, acting, enter, locked, picture, pictures, refuse_merged
from workbench.bugs.differing import COLUMNS, Apart, Difference, apart
from workbench.errors import NotFound, Refused
from workbench.text import plain

MOST_OPENED = 10_000  # stored events whose payloads are read for a difference that has no column
_SEEN, _PRINT = table_of(Occurrence), table_of(FingerprintRow)


def split(engine: Engine, number: int, difference: Difference, *, by: str, reason: str = "", now: datetime) -> Done:
    """Split off the stored events of a bug that have this difference: they become a new, open bug.

    Where they are all that a fingerprint of the bug has, it goes with them, and so do its events to come. Else they
    get a fingerprint of their own, and `Done.further` says which rule of the site gives it to events to come, or that
    none can. Where the same was split off before and that was undone, the bug of then is taken out again. Raises
    `NotFound`, and `Refused` where no stored event has it, all have it, or a merge stands behind it.
    """
    with acting(engine) as session:
        creation.lock_numbers(session)
        fingerprints = {known.id: known for known in merging.lock_family(session, [number])}
        merging.lock_merged(session, [number])
        (bug,) = locked(session, [number])
        refuse_merged(bug, "split")
        going, staying = _sorted_out(session, bug, difference)
        _refuse_nothing(bug, difference, going, staying)
        whole = set(going) - set(staying)
        latest = {each: open_event(_payload(session, max(group, key=when).id)) for each, group in going.items()}
        made = {each: apart(number, difference, event) for each, event in latest.items()}
        keys = {each: {made[each].key, event.fingerprint.key} for each, event in latest.items()}
        left = split_again.left_behind(session, bug, fingerprints, whole, keys)
        _refuse_merged_ones(session, bug, fingerprints, whole, left)
        was = pictures(session, [bug, left] if left else [bug])
        if left is not None:
            split_again.take_out(session, bug, left, difference, by=by, now=now)
        of_all = latest[max(going, key=lambda each: max(map(when, going[each])))]
        new = left or _new_bug(session, bug, of_all, difference, by=by, now=now)
        for each, group in sorted(going.items()):
            if each in whole:
                session.execute(sa.update(_PRINT).where(_PRINT.c.id == each).values(home_id=new.id))
            else:
                there = next((known for known in fingerprints.values() if known.key == made[each].key), None)
                parting.part(session, new, fingerprints[each], group, staying[each], made[each], there)
        merging.settle(session, merging.lock_family(session, [number, new.number]), now=now)
        # A fingerprint that a split made before gets no events by itself: what was said of it then is said again.
        parted = [made[each] for each in sorted(going) if each not in whole or fingerprints[each].key == made[each].key]
        further = _further(new, difference, parted)
        moved = sum(map(len, going.values()))
        rows = _record(session, bug, new, was, difference, by=by, reason=reason, further=further, now=now)
    said = f"{moved:,} stored event{'s' if moved > 1 else ''} with {difference.words} split off {label(number)}"
    return Done(f"{said}: {label(new.number)}.", (number, new.number), rows, further)


def _sorted_out(
    session: Session, bug: Bug, difference: Difference
) -> tuple[dict[int, list[Stored]], dict[int, list[Stored]]]:
    """Return the stored events by fingerprint: those that have the difference, and those that have not."""
    name = COLUMNS.get(difference.field)
    if name is None:
        stored = session.scalar(sa.select(sa.func.count()).select_from(_SEEN).where(_SEEN.c.bug_id == bug.id)) or 0
        if stored > MOST_OPENED:
            raise Refused(
                f"{label(bug.number)} has {stored:,} stored events, too many to open for their {difference.field}.",
                cure=f"Split it by what is listed for all of them: {', '.join(COLUMNS)}.",
            )
    columns = [_SEEN.c[each] for each in ("id", "fingerprint_id", "at", "release", "environment")]
    wanted = sa.select(*columns, _SEEN.c[name or "payload"].label("what")).where(_SEEN.c.bug_id == bug.id)
    going: dict[int, list[Stored]] = defaultdict(list)
    staying: dict[int, list[Stored]] = defaultdict(list)
    for row in session.execute(wanted.execution_options(yield_per=500)):
        if name is None:
            has_it = difference.holds(open_event(row.what))
        else:
            has_it = ("" if row.what is None else str(row.what)) == difference.value
        kept = Stored(row.id, row.fingerprint_id, row.at, row.release, row.environment)
        (going if has_it else staying)[row.fingerprint_id].append(kept)
    return dict(going), dict(staying)


def _payload(session: Session, occurrence_id: str) -> bytes:
    payload: bytes = session.execute(sa.select(_SEEN.c.payload).where(_SEEN.c.id == occurrence_id)).scalar_one()
    return payload


def _refuse_nothing(bug: Bug, difference: Difference, going: dict[int, Any], staying: dict[int, Any]) -> None:
    shown = label(bug.number)
    if not going:
        raise NotFound(
            f"No stored event of {shown} has {difference.words}.",
            cure=f"Its page says what varies over them: workbench bugs show {shown}",
        )
    if not staying:
        raise Refused(
            f"All stored events of {shown} have {difference.words}: nothing would stay behind.",
            cure=f"Its page says what varies over them: workbench bugs show {shown}",
        )


def _refuse_merged_ones(
    session: Session, bug: Bug, fingerprints: dict[int, Known], whole: set[int], left: Bug | None
) -> None:
    """Refuse where a bug that was merged in is what differs: taking that out is what is wanted."""
    merged = {fingerprints[each].home_id for each in whole} - {bug.id, left.id if left else None}
    if merged:
        number = session.scalars(select(col(Bug.number)).where(col(Bug.id).in_(merged)).limit(1)).one()
        told = f"These are the events of {label(number)}, which was merged in."
        raise Refused(told, cure=f"Take it out instead: workbench bugs unmerge {label(number)}")
    own = {known.id for known in fingerprints.values() if known.home_id == bug.id}
    if own <= whole:
        number = session.scalars(select(col(Bug.number)).where(Bug.merged_into == bug.number).limit(1)).one()
        told = f"All that stayed would be of {label(number)}, which was merged in."
        raise Refused(told, cure=f"Take it out instead: workbench bugs unmerge {label(number)}")


def _new_bug(session: Session, bug: Bug, event: Event, difference: Difference, *, by: str, now: datetime) -> Bug:
    request = event.request
    new = NewBug(
        project=bug.project,
        title=event.title[:300],
        kind=bug.kind,
        level=bug.level,
        exception_type=event.surfaced.type[:200] if event.surfaced else None,
        status_code=event.status,
        method=request.method[:200] if request else None,
        route=request.route[:2_000] if request is not None and request.route else bug.route,
        figures=Figures(0, bug.first_seen, bug.last_seen, None, None, bug.environment),
    )
    said = f"split off {label(bug.number)}: {difference.words}"
    creation.number(session, [new])
    creation.store(session, [new], by=Actor("person", by), reason=said, now=now)
    return session.get_one(Bug, new.id)


def _further(new: Bug, difference: Difference, parted: Sequence[Apart]) -> str:
    """Return what becomes of events to come, and what a person has to do about it."""
    if not parted:
        return f"Such events to come go to {label(new.number)}."
    rules: list[dict[str, Any]] = []
    for made in parted:
        if made.rule is not None and made.rule not in rules:
            rules.append(made.rule)
    if not rules:
        return (
            f"Only stored events moved: no rule of the site can tell events to come by {difference.field}, so they go "
            "where they went."
        )
    these = "this rule stands" if len(rules) == 1 else "these rules stand"
    first = f"Events to come go to {label(new.number)} once {these} first in the site's CAPTURE['RULES']:"
    return "\n".join([first, *map(json.dumps, rules)])


def _record(
    session: Session, bug: Bug, new: Bug, was: dict[int, dict[str, Any]], difference: Difference, *, by: str,
    reason: str, further: str, now: datetime,
) -> tuple[int, ...]:  # fmt: skip
    """Put the act on record, on both bugs; that of the new one is what an undo takes back: into the old one again."""
    told = {"from": bug.number, "to": new.number, "field": difference.field, "value": plain(difference.value, 200)}
    rows = enter(session, "split", [bug], was, by=by, reason=reason, now=now, more={"split": told})
    if new.number in was:  # it was split off before
        comment = f"{by} took this apart from {label(bug.number)} again."
        more = {"split": told}
        rows += enter(session, "split", [new], was, by=by, reason=reason, now=now, comment=comment, more=more)
    else:
        rows += (_made(session, bug, new, told, by=by, reason=reason, now=now),)
    assert new.id is not None
    text = f"Split off {label(bug.number)}: {difference.words}.\n{further}"
    session.add(Note(bug_id=new.id, at=now, by=by, text=text))
    return rows


def _made(session: Session, bug: Bug, new: Bug, told: dict[str, Any], *, by: str, reason: str, now: datetime) -> int:
    is_ = picture(session, new)
    merged = {"state": "closed", "closed_as": "merged", "merged_into": bug.number}
    row = ActRow(
        bug_id=new.id, number=new.number, at=now, actor_kind="person", actor=by, kind="split", before=merged,
        after={name: is_[name] for name in merged} | {"split": told}, reason=reason[:REASON],
    )  # fmt: skip
    session.add(row)
    session.flush()
    assert row.id is not None
    return row.id
