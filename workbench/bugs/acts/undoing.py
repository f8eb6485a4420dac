"""Taking an act back, as long as nobody has changed the same thing since."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.engine import shown_url
from capture.store.lifecycle import label
from capture.store.tables import ActRow, Bug, Note
from workbench.bugs.acts import decisions, merging
from workbench.bugs.acts.record import Done, acting, changes, follow, locked, named, picture
from workbench.bugs.acts.restoring import restore
from workbench.bugs.store import database_errors
from workbench.errors import NotFound, Refused

# What must still be as the act left it. Events count a mute down, and GitHub's side of an issue moves by itself.
_HELD = (
    "state",
    "fix_commit",
    "closed_as",
    "duplicate_of",
    "merged_into",
    "mute_until",
    "mute_releases",
    "assignee",
    "labels",
)


def last_act(engine: Engine, *, by: str) -> tuple[int, ...]:
    """Return the rows of the last act of this person that can be undone: of all its bugs, or none."""
    mine = select(ActRow).where(
        ActRow.actor_kind == "person",
        ActRow.actor == by,
        col(ActRow.undone_at).is_(None),
        col(ActRow.bug_id).is_not(None),
    )
    with database_errors(shown_url(engine.url)), Session(engine) as session:
        latest = session.exec(mine.order_by(col(ActRow.id).desc()).limit(1)).first()
        if latest is None:
            return ()
        same = mine.where(ActRow.at == latest.at, ActRow.kind == latest.kind).order_by(col(ActRow.id))
        return tuple(row.id for row in session.exec(same) if row.id is not None)


def undo(engine: Engine, acts: Iterable[int], *, by: str, now: datetime) -> Done:
    """Take acts back, the last first, all or none.

    Raises `NotFound`, and `Refused` for an act that was undone, that cannot be, or whose bug was changed since.
    """
    ids = sorted(set(acts), reverse=True)
    with acting(engine) as session:
        rows = {row.id: row for row in session.exec(select(ActRow).where(col(ActRow.id).in_(ids)))}
        if not ids or set(rows) != set(ids):
            raise NotFound("There is nothing to undo.", cure="Only what was done through bugs and keys is undone.")
        numbers = {row.number for row in rows.values()}
        for row in rows.values():
            if row.undone_at is not None or row.bug_id is None:
                raise Refused(f"{_said(row)} was undone already, or cannot be.", cure="Do the opposite instead.")
        touches_merge = any(row.kind in ("merge", "unmerge", "split") for row in rows.values())
        fingerprints = merging.lock_all(session, numbers) if touches_merge else []
        bugs = {bug.number: bug for bug in locked(session, numbers)}
        for id_ in ids:
            _undo(session, rows[id_], bugs[rows[id_].number], by=by, now=now)
        if touches_merge:
            merging.settle(session, fingerprints, now=now)
    kinds = sorted({row.kind for row in rows.values()})
    return Done(f"Undone: {', '.join(kinds)} of {named(numbers)}.", tuple(sorted(numbers)))


def _undo(session: Session, row: ActRow, bug: Bug, *, by: str, now: datetime) -> None:
    was = picture(session, bug)
    _refuse_changed(row, was)
    is_told = decisions.take_back(session, row, by=by, now=now) if row.kind in decisions.KINDS else True
    restore(session, bug, row.before, by=by, reason=f"undone: {row.kind}", now=now)
    if row.kind == "note":
        note = session.get(Note, row.after.get("note"))
        if note is not None:
            session.delete(note)
    row.undone_at, row.undone_by = now, by
    session.add(row)
    session.flush()
    before, after = changes(was, picture(session, bug))
    if not is_told:  # nobody outside has heard of it, so only the file is to be written anew
        before, after = {}, {}
    comment = f"{by} took that back."
    follow(session, bug, before, after, occasion=f"undo {row.id}", now=now, comment=comment)


def _refuse_changed(row: ActRow, now_is: dict[str, Any]) -> None:
    held: Sequence[str] = [name for name in _HELD if name in row.after]
    if "issue" in row.after:
        ours, theirs = row.after["issue"], now_is["issue"]
        same_issue = (ours and (ours["repository"], ours["number"])) == (
            theirs and (theirs["repository"], theirs["number"])
        )
    else:
        same_issue = True
    differing = [name for name in held if now_is[name] != row.after[name]]
    if differing or not same_issue:
        what = (differing or ["issue"])[0].replace("_", " ")
        raise Refused(
            f"{_said(row)} cannot be undone: its {what} was changed since.",
            cure=f"See its history: workbench bugs show {label(row.number)}.",
        )


def _said(row: ActRow) -> str:
    return f"{row.kind} of {label(row.number)}"
