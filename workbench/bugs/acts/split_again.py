"""Splitting again what was split before: a split that was undone leaves its bug behind, merged into the old one.

That bug is taken out again instead of a further one being made: it has the number, the notes and the issue of that
split, and the fingerprint that a rule of the site, written for it, may give to events by now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from capture.store.figures import Known
from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug
from workbench.bugs.acts.restoring import restore
from workbench.bugs.differing import Difference


def left_behind(
    session: Session, bug: Bug, fingerprints: Mapping[int, Known], whole: Collection[int], keys: Mapping[int, set[str]]
) -> Bug | None:
    """Return the bug that the same split, undone since, has left behind, or None.

    `keys` are, by fingerprint, those that the split gives its events, or that the site gives them already; `whole` are
    the fingerprints all of whose events go.
    """
    given = {key for found in keys.values() for key in found}
    parted = {known.id for known in fingerprints.values() if known.id not in keys and known.key in given}
    gone = {each for each in whole if fingerprints[each].key in keys[each]}
    homes = {fingerprints[each].home_id for each in parted | gone} - {bug.id}
    if len(homes) != 1:
        return None
    left = session.get_one(Bug, homes.pop())
    return left if left.merged_into is not None and _is_of_undone_split(session, left) else None


def take_out(session: Session, bug: Bug, left: Bug, difference: Difference, *, by: str, now: datetime) -> None:
    """Make the bug that was left behind an open one again; its fingerprints are left to `merging.settle`."""
    was = {"state": "open", "closed_as": None, "merged_into": None}
    restore(session, left, was, by=by, reason=f"split off {label(bug.number)}: {difference.words}", now=now)


def _is_of_undone_split(session: Session, bug: Bug) -> bool:
    """Say whether an undone split made the bug, and nobody has merged it since: that would be somebody's decision."""
    mine = select(ActRow).where(ActRow.bug_id == bug.id, col(ActRow.kind).in_(("split", "merge", "unmerge")))
    acts = session.exec(mine.order_by(col(ActRow.id).desc())).all()
    standing = next((act.kind for act in acts if act.undone_at is None), "")
    undone = [act.after["split"] for act in acts if act.kind == "split" and act.undone_at is not None]
    return standing != "merge" and any(told["to"] == bug.number for told in undone)
