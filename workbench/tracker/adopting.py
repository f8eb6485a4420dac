"""An issue that somebody opened by hand becomes a bug, and stays its issue."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.event import Event, Fingerprint, Part, new_event_id
from capture.store import creation, intake
from capture.store.lifecycle import Actor
from capture.store.tables import Bug, FingerprintRow, Issue, storable
from workbench.bugs.acts.linking import put_issue
from workbench.bugs.acts.record import acting
from workbench.errors import Refused
from workbench.tracker.markers import markers_in
from workbench.tracker.port import Remote

LABEL = "bug"
_CHARACTERS = 10_000  # of the report


def adoptable(session: Session, repository: str, seen: Iterable[object]) -> set[int]:
    """Return the numbers of those issues that `adopt_labelled` may make bugs of: what is listed, without any lock."""
    found = {one.found.number for one in seen if isinstance(one, Remote) and _is_meant(one)}
    if not found:
        return set()
    linked = select(Issue.number).where(Issue.repository == repository, col(Issue.number).in_(found))
    there: set[int] = set(session.exec(linked))
    return found - there


def adopt_labelled(session: Session, seen: Remote, *, now: datetime, project: str = "") -> Bug | None:
    """Make a bug of an open issue that carries our label, unless it is one of ours. Nothing is committed."""
    if not _is_meant(seen) or was_adopted(session, seen, project):  # and unlinked since
        return None
    return adopt(session, seen, by=seen.author or "somebody", project=project, now=now)


def _is_meant(seen: Remote) -> bool:
    if seen.is_pull or seen.found.state != "open" or LABEL not in (name.lower() for name in seen.labels):
        return False
    return not markers_in(seen.body)  # opened by us, for this database or for another one


def adopt_by_hand(engine: Engine, seen: Remote, *, by: str, now: datetime) -> int:
    """Make a bug of an issue as a person wants it, and return its number.

    Raises `Refused` for a pull request, for an issue of ours, and for one that is a bug's already.
    """
    if seen.is_pull:
        raise Refused("A pull request is no bug.", cure="Link it to one: workbench bugs link B-012 41")
    if markers_in(seen.body):
        raise Refused("This issue was opened for a bug.", cure="Link it to that one: workbench bugs link B-012 41")
    with acting(engine) as session:
        creation.lock_numbers(session)
        return adopt(session, seen, by=by, now=now).number


def was_adopted(session: Session, seen: Remote, project: str = "") -> bool:
    """Say whether a bug was made of the issue before."""
    known = select(FingerprintRow.id).where(FingerprintRow.project == project, FingerprintRow.key == _key(seen))
    return session.exec(known).first() is not None


def adopt(session: Session, seen: Remote, *, by: str, project: str = "", now: datetime) -> Bug:
    """Make a bug of an issue: its one event is the report. Raises `Refused` where a bug was made of it before.

    Call `capture.store.creation.lock_numbers` first. Nothing is committed.
    """
    named = f"{seen.found.repository}#{seen.found.number}"
    if was_adopted(session, seen, project):
        raise Refused(f"{named} was made a bug before.", cure="Find it: workbench bugs list --all")
    title = " ".join(storable(seen.title).split()) or named
    report = Event(
        id=new_event_id(),
        at=now,
        kind="message",
        title=title,
        fingerprint=Fingerprint(
            key=_key(seen),
            version="hand",
            parts=(Part(name="issue", value=named, why="opened by hand on GitHub; no other event joins it"),),
        ),
        project=project,
        message=storable(seen.body)[:_CHARACTERS],
    )
    reason = f"adopted from {named}, opened by {seen.author or 'somebody'}"
    bug = intake.record(session, report, by=Actor("person", by), reason=reason, now=now)
    found = seen.found
    issue = {"repository": found.repository, "number": found.number, "url": found.url, "state": found.state}
    put_issue(session, bug, issue, by=by, now=now)
    return bug


def _key(seen: Remote) -> str:
    return f"issue:{seen.found.repository.lower()}#{seen.found.number}"
