"""Deleting a bug with all its events: for what should never have been one, such as a trial.

The fingerprint is forgotten too: if the fault happens again, it is a new bug with a new number. To hear of it no
more, mute it for good. A record of the deletion stays, so that the number is not given again.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug, FixSession, OutboxRow, SignOff, Tally, metadata, table_of
from workbench.bugs.acts.merging import lock_family
from workbench.bugs.acts.record import Done, acting, locked, picture, refuse_merged
from workbench.errors import Refused


def delete(engine: Engine, number: int, *, typed: str, by: str, reason: str = "", now: datetime) -> Done:
    """Delete a bug and everything stored about it. `typed` is its number as the person typed it.

    Raises `NotFound`, and `Refused` unless the number was typed, and for a bug that a fix, a decision, an issue or
    another bug hangs on.
    """
    with acting(engine) as session:
        fingerprints = lock_family(session, [number])
        (bug,) = locked(session, [number])
        shown = label(number)
        confirmed(number, typed)
        _check(session, bug, now)
        after = {"title": bug.title, "count": bug.count, "fingerprints": [known.key for known in fingerprints]}
        before = picture(session, bug)
        _delete(session, bug, [known.id for known in fingerprints])
        session.add(
            ActRow(
                number=number,
                at=now,
                actor_kind="person",
                actor=by,
                kind="delete",
                before=before,
                after=after,
                reason=reason,
            )
        )
    return Done(f"{shown} and its events are deleted. A bug file of it stays in the repository.", (number,))


def confirmed(number: int, typed: str) -> str:
    """Return what a person typed to delete a bug. Raises `Refused` where it is not the bug's number."""
    shown = label(number)
    if typed.strip().upper() != shown:
        raise Refused("Nothing was deleted.", cure=f"To delete {shown} and its events, type {shown} when asked.")
    return typed


def _check(session: Session, bug: Bug, now: datetime) -> None:
    shown = label(bug.number)
    refuse_merged(bug, "deleted")
    for model, what in ((FixSession, "a fix session"), (SignOff, "a decision on a fix")):
        table = table_of(model)
        if session.execute(sa.select(table.c.id).where(table.c.bug_id == bug.id).limit(1)).first() is not None:
            raise Refused(
                f"{shown} has {what}, whose record would be lost.", cure=f"Close it: workbench bugs close {shown}"
            )
    if picture(session, bug)["issue"]:
        raise Refused(
            f"{shown} is linked to an issue on GitHub.",
            cure=f"Unlink it, or close the bug instead: workbench bugs unlink {shown}",
        )
    inside = session.scalars(sa.select(col(Bug.number)).where(col(Bug.merged_into) == bug.number)).all()
    if inside:
        named = " ".join(label(number) for number in inside)
        raise Refused(f"Other bugs were merged into {shown}.", cure=f"Take them out: workbench bugs unmerge {named}")
    busy = select(OutboxRow).where(OutboxRow.bug_id == bug.id, col(OutboxRow.leased_until) > now)
    if session.exec(busy).first() is not None:
        raise Refused(f"Something is being done for {shown} outside right now.", cure="Try again in a moment.")


def _delete(session: Session, bug: Bug, fingerprints: list[int]) -> None:
    act = table_of(ActRow)
    session.execute(sa.update(act).where(act.c.bug_id == bug.id).values(bug_id=None))
    session.execute(sa.delete(table_of(Tally)).where(table_of(Tally).c.fingerprint_id.in_(fingerprints)))
    for table in reversed(metadata.sorted_tables):
        if "bug_id" in table.c and table is not act:
            session.execute(sa.delete(table).where(table.c.bug_id == bug.id))
    session.execute(sa.delete(table_of(Bug)).where(table_of(Bug).c.id == bug.id))
