"""Bug files into a database: rebuilt with numbers, states, history and sign-offs, as far as the files tell them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import creation
from capture.store.lifecycle import label
from capture.store.tables import Bug, FingerprintRow, Issue, SignOff, Transition
from workbench.bugs.acts.record import acting
from workbench.bugs.reading_files import FiledBug, NotABugFile, read

# Of a version of its own: what made the key is not in the file. Its page takes that from the latest event.
VERSION = "file"


@dataclass(frozen=True)
class Imported:
    """What became of one file. `text` says it in words."""

    path: Path
    outcome: Literal["imported", "there already", "refused"]
    text: str
    number: int | None = None


def import_files(
    engine: Engine, paths: Sequence[Path], *, by: str, now: datetime, is_rehearsal: bool = False
) -> list[Imported]:
    """Make the bugs of files that the database has not, and return what became of each file, in order of number.

    Nothing that is in the database is changed. A file is refused, with the reason, where its number or one of its
    fingerprints belongs to another bug, or where it is none of our files. A session that was at work is not: such a
    bug is open. With `is_rehearsal` nothing is written. Raises `Refused` inside an agent's environment.
    """
    outcomes: list[Imported] = []
    found: list[tuple[Path, FiledBug]] = []
    for path in paths:
        try:
            found.append((path, read(path)))
        except (NotABugFile, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            outcomes.append(Imported(path, "refused", f"{path.name} is no bug file: {reason}"))
    with acting(engine) as session:
        creation.lock_numbers(session)
        for path, filed in sorted(found, key=lambda pair: pair[1].number):
            outcomes.append(_import(session, path, filed, by=by, now=now))
            session.flush()
        if is_rehearsal:
            session.rollback()
    return outcomes


def _import(session: Session, path: Path, filed: FiledBug, *, by: str, now: datetime) -> Imported:
    name = label(filed.number)
    there = session.exec(select(Bug).where(Bug.number == filed.number)).one_or_none()
    known = _known(session, filed)
    if there is not None:
        if all(row.home_id == there.id or row.bug_id == there.id for row in known) and known:
            return Imported(path, "there already", f"{name} is in the database already", filed.number)
        return Imported(path, "refused", f"{name} is another bug in the database", filed.number)
    if known:
        other = session.get_one(Bug, known[0].bug_id)
        return Imported(path, "refused", f"the fault of {name} is {label(other.number)} in the database", filed.number)
    bug = _bug(filed, now)
    session.add(bug)
    session.flush()
    assert bug.id is not None
    session.add_all(_fingerprints(filed, bug))
    session.add_all(_history(filed, bug, path, by=by, now=now))
    session.add_all(
        SignOff(bug_id=bug.id, decision=one.decision, at=one.at, by=one.by, commit=one.commit, note=one.note)
        for one in filed.decisions
    )
    taken = _issue(session, filed, bug, now)
    left = f", without its issue, which is {taken}'s" if taken else ""
    return Imported(path, "imported", f"{name}: {filed.title}{left}", filed.number)


def _known(session: Session, filed: FiledBug) -> list[FingerprintRow]:
    statement = select(FingerprintRow).where(
        FingerprintRow.project == filed.project, col(FingerprintRow.key).in_(filed.fingerprints)
    )
    return list(session.exec(statement.order_by(col(FingerprintRow.id))))


def _bug(filed: FiledBug, now: datetime) -> Bug:
    # Nobody is at work on it in this database, and no result waits for a decision in it.
    state = "open" if filed.state in ("fixing", "review") else filed.state
    return Bug(
        number=filed.number,
        project=filed.project,
        environment=filed.environment,
        title=filed.title,
        kind=filed.kind,
        state=state,
        exception_type=filed.exception_type,
        status_code=filed.status_code,
        method=filed.method,
        route=filed.route,
        first_release=filed.releases[-1] if filed.releases else None,
        last_release=filed.releases[0] if filed.releases else None,
        count=filed.count,
        first_seen=filed.first_seen,
        last_seen=filed.last_seen,
        fix_commit=filed.fix_commit,
        closed_as="fixed" if state == "closed" else None,
        changed_at=now,
    )


def _fingerprints(filed: FiledBug, bug: Bug) -> Iterable[FingerprintRow]:
    assert bug.id is not None
    for place, key in enumerate(filed.fingerprints):
        yield FingerprintRow(
            project=filed.project,
            key=key,
            version=VERSION,
            bug_id=bug.id,
            home_id=bug.id,
            count=filed.count if place == 0 else 0,
            first_seen=filed.first_seen,
            last_seen=filed.last_seen,
            first_release=bug.first_release,
            last_release=bug.last_release,
            environment=filed.environment,
        )


def _history(filed: FiledBug, bug: Bug, path: Path, *, by: str, now: datetime) -> Iterable[Transition]:
    assert bug.id is not None
    for step in filed.history:
        yield Transition(
            bug_id=bug.id,
            at=step.at,
            actor_kind=step.actor_kind,
            actor=step.actor,
            from_state=step.from_state,
            to_state=step.to_state,
            reason=step.reason,
        )
    last = filed.history[-1].to_state if filed.history else None
    reason = f"imported from {path.name}" + ("" if last in (None, bug.state) else f", where it was {last}")
    yield Transition(
        bug_id=bug.id, at=now, actor_kind="person", actor=by, from_state=last, to_state=bug.state, reason=reason
    )


def _issue(session: Session, filed: FiledBug, bug: Bug, now: datetime) -> str:
    """Link the issue, and return the label of the bug that has it where another one does."""
    if filed.issue is None or bug.id is None:
        return ""
    repository, number, url = filed.issue
    other = session.exec(select(Issue).where(Issue.repository == repository, Issue.number == number)).one_or_none()
    if other is not None:
        return label(session.get_one(Bug, other.bug_id).number)
    state = "closed" if bug.state == "closed" else "open"
    session.add(Issue(bug_id=bug.id, repository=repository, number=number, url=url, state=state, synced_at=now))
    return ""
