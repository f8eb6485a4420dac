"""One act as one transaction: bugs locked, their state before and after on record, the outside owed what follows.

An act on several bugs is done on all of them or on none. Each bug's row in the table of acts holds what changed, so
that it can be told and undone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import outbox
from capture.store.engine import shown_url, writing
from capture.store.lifecycle import Actor, IllegalTransition, State, label, move
from capture.store.tables import ActRow, Bug, BugLabel, Issue
from workbench.bugs.persons import refuse_agents
from workbench.bugs.store import database_errors
from workbench.errors import NotFound, Refused, UsageError

MOST_BUGS = 1_000  # of one act, so that its transaction stays short
REASON = 2_000  # characters

# The way from one state to another where there is no single step: an undo may have to go back over "open".
_OVER_OPEN: State = "open"


@dataclass(frozen=True)
class Done:
    """What an act did, in one line, and the rows that `undo` takes to take it back (none: it cannot be).

    `further` is what follows from it that is not done by itself, in lines.
    """

    text: str
    numbers: tuple[int, ...]
    acts: tuple[int, ...] = ()
    further: str = ""


@contextmanager
def acting(engine: Engine) -> Iterator[Session]:
    """Open the one transaction of an act. Raises `Refused` inside an agent's environment."""
    refuse_agents(os.environ, "changes bugs")
    with database_errors(shown_url(engine.url)), Session(writing(engine), expire_on_commit=False) as session:
        yield session
        session.commit()


def locked(session: Session, numbers: Iterable[int]) -> list[Bug]:
    """Return the bugs in order of number, locked until the transaction ends. Raises `NotFound`, `UsageError`."""
    wanted = sorted(set(numbers))
    if not wanted:
        raise UsageError("No bug is named.", cure="Give at least one number, such as B-012.")
    if len(wanted) > MOST_BUGS:
        raise UsageError(f"{len(wanted):,} bugs at once are too many.", cure=f"Take at most {MOST_BUGS:,}.")
    # By id, as whoever takes events in does, so that two transactions wait for each other once and not crosswise.
    statement = select(Bug).where(col(Bug.number).in_(wanted)).order_by(col(Bug.id)).with_for_update(key_share=True)
    found = {bug.number: bug for bug in session.exec(statement.execution_options(populate_existing=True))}
    for number in wanted:
        if number not in found:
            raise missing(number)
    return [found[number] for number in wanted]


def missing(number: int) -> NotFound:
    """Return the error for a bug that is not there."""
    return NotFound(f"There is no bug {label(number)}.", cure="See `workbench bugs list`.")


def refuse_merged(bug: Bug, what: str) -> None:
    """Raise `Refused` for a bug that was merged into another one."""
    if bug.merged_into is not None:
        into = label(bug.merged_into)
        raise Refused(
            f"{label(bug.number)} was merged into {into}, so it cannot be {what}.",
            cure=f"Do it to {into}, or take them apart: workbench bugs unmerge {label(bug.number)}",
        )


def step(
    session: Session, bug: Bug, to: State, *, by: str, reason: str, now: datetime, closed_as: Any = "fixed"
) -> None:
    """Move a bug as a person does. Raises `Refused` where the rules do not allow that step."""
    try:
        move(session, bug, to, by=Actor("person", by), reason=reason, now=now, closed_as=closed_as)
    except IllegalTransition as error:
        raise Refused(f"{error}.", cure=f"See its history: workbench bugs show {label(bug.number)}.") from error


def picture(session: Session, bug: Bug) -> dict[str, Any]:
    """Return all that acts can change of a bug, as plain data."""
    issue = session.get(Issue, bug.id)
    labels = session.exec(select(BugLabel.name).where(BugLabel.bug_id == bug.id).order_by(BugLabel.name))
    return {
        "state": bug.state,
        "is_recurrence": bug.is_recurrence,
        "closed_as": bug.closed_as,
        "duplicate_of": bug.duplicate_of,
        "merged_into": bug.merged_into,
        "mute_until": bug.mute_until and bug.mute_until.isoformat(),
        "mute_events": bug.mute_events,
        "mute_releases": bug.mute_releases,
        "fix_commit": bug.fix_commit,
        "quiet_until": bug.quiet_until and bug.quiet_until.isoformat(),
        "assignee": bug.assignee,
        "labels": list(labels),
        "issue": issue and {name: getattr(issue, name) for name in ("repository", "number", "url", "state")},
    }


def pictures(session: Session, bugs: Sequence[Bug]) -> dict[int, dict[str, Any]]:
    """Return the picture of each bug, by number."""
    return {bug.number: picture(session, bug) for bug in bugs}


def enter(
    session: Session,
    kind: str,
    bugs: Sequence[Bug],
    was: dict[int, dict[str, Any]],
    *,
    by: str,
    reason: str,
    now: datetime,
    comment: str = "",
    more: dict[str, Any] | None = None,
) -> tuple[int, ...]:
    """Put on record what became of the bugs since `was`, and owe what follows outside; return the rows' ids.

    A bug of which nothing changed gets no row. `more` is what changed beside the picture. `comment` is said on the
    issue where the act closed or reopened it.
    """
    session.flush()
    rows = []
    for bug in bugs:
        before, after = changes(was[bug.number], picture(session, bug))
        after |= more or {}
        if not after:
            continue
        bug.changed_at = now
        row = ActRow(
            bug_id=bug.id,
            number=bug.number,
            at=now,
            actor_kind="person",
            actor=by,
            kind=kind,
            before=before,
            after=after,
            reason=reason[:REASON],
        )
        session.add(row)
        session.flush()
        assert row.id is not None
        rows.append(row.id)
        follow(session, bug, before, after, occasion=f"act {row.id}", now=now, comment=comment)
    return tuple(rows)


def changes(was: dict[str, Any], is_: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs between two pictures, as it was and as it is."""
    names = [name for name in is_ if was[name] != is_[name]]
    return {name: was[name] for name in names}, {name: is_[name] for name in names}


def follow(
    session: Session,
    bug: Bug,
    before: dict[str, Any],
    after: dict[str, Any],
    *,
    occasion: str,
    now: datetime,
    comment: str = "",
) -> None:
    """Owe the outside what follows from a change: the bug's file always, its issue where it was closed or opened."""
    assert bug.id is not None
    was, is_ = before.get("state"), after.get("state")
    if "closed" in (was, is_):
        if comment:
            outbox.owe(session, "comment_issue", bug.id, occasion=occasion, now=now, body={"text": comment})
        kind: outbox.Kind = "close_issue" if is_ == "closed" else "reopen_issue"
        outbox.owe(session, kind, bug.id, occasion=occasion, now=now)
    outbox.owe(session, "write_file", bug.id, occasion=occasion, now=now)


def named(numbers: Iterable[int]) -> str:
    """Return bugs as they are named in a sentence: B-001, B-002 and 7 more."""
    labels = [label(number) for number in sorted(numbers)]
    if len(labels) > 5:
        return f"{', '.join(labels[:4])} and {len(labels) - 4} more"
    return " and ".join([", ".join(labels[:-1]), labels[-1]] if len(labels) > 1 else labels)


def changed(rows: Sequence[int], numbers: Iterable[int], text: str, otherwise: str) -> Done:
    """Return what was done, or that there was nothing to do."""
    numbers = tuple(sorted(set(numbers)))
    return Done(text if rows else otherwise, numbers, tuple(rows))


def set_labels(session: Session, bug: Bug, names: Iterable[str]) -> None:
    """Give a bug exactly these labels."""
    assert bug.id is not None
    session.execute(sa.delete(BugLabel).where(col(BugLabel.bug_id) == bug.id))
    session.add_all([BugLabel(bug_id=bug.id, name=name) for name in sorted(set(names))])
    session.flush()
