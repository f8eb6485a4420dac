"""Linking a bug to an issue that is there already, and letting go of one. Nothing is asked of GitHub here."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import outbox
from capture.store.lifecycle import label
from capture.store.tables import Bug, Issue, OutboxRow
from workbench.bugs.acts.record import Done, acting, enter, locked, pictures, refuse_merged
from workbench.errors import Refused, UsageError

UNLINKED = "Unlinked by a person: no issue is opened by itself. Retry this to have one."


def link(engine: Engine, number: int, *, repository: str, issue: int, url: str, by: str, now: datetime) -> Done:
    """Link a bug to an issue of the repository "owner/name".

    Raises `NotFound`, `UsageError`, and `Refused` where the bug has an issue or the issue another bug.
    """
    if not repository:
        raise UsageError("No GitHub repository is set.", cure="Set github.repository; see workbench config.")
    if not 0 < issue < 2**31:
        raise UsageError(f"{issue} is not the number of an issue.", cure="Give it as 41.")
    with acting(engine) as session:
        (bug,) = locked(session, [number])
        refuse_merged(bug, "linked")
        was = pictures(session, [bug])
        if was[number]["issue"]:
            linked = was[number]["issue"]
            raise Refused(
                f"{label(number)} is linked to {linked['repository']}#{linked['number']} already.",
                cure=f"Unlink it first: workbench bugs unlink {label(number)}",
            )
        _refuse_taken(session, repository, issue)
        put_issue(
            session,
            bug,
            {"repository": repository, "number": issue, "url": url, "state": "open"},
            by=by,
            now=now,
        )
        rows = enter(session, "link", [bug], was, by=by, reason="", now=now)
    return Done(f"{label(number)} linked to {repository}#{issue}.", (number,), rows)


def unlink(engine: Engine, number: int, *, by: str, now: datetime) -> Done:
    """Let go of a bug's issue, which stays as it is on GitHub. Raises `NotFound`, `Refused` where there is none."""
    with acting(engine) as session:
        (bug,) = locked(session, [number])
        was = pictures(session, [bug])
        linked = was[number]["issue"]
        if not linked:
            raise Refused(f"{label(number)} is linked to no issue.", cure="Nothing has to be unlinked.")
        put_issue(session, bug, None, by=by, now=now)
        rows = enter(session, "unlink", [bug], was, by=by, reason="", now=now)
    return Done(f"{label(number)} is no longer linked to {linked['repository']}#{linked['number']}.", (number,), rows)


def issue_number(text: str) -> int:
    """Return the number of "41" or "#41". Raises `UsageError`."""
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit()) or not 0 < int(digits[:12]) < 2**31:
        raise UsageError(f"{text!r} is not the number of an issue.", cure="Give it as 41.")
    return int(digits)


def issue_url(base_url: str, repository: str, issue: int) -> str:
    """Return the address of an issue for people, from that of the API: an Enterprise server has both on one host."""
    base = base_url.strip().rstrip("/") or "https://api.github.com"
    web = "https://github.com" if base == "https://api.github.com" else base.removesuffix("/api/v3")
    return f"{web}/{repository}/issues/{issue}"


def put_issue(session: Session, bug: Bug, issue: dict[str, Any] | None, *, by: str, now: datetime) -> None:
    """Make `issue` the issue of the bug, or None: then none is opened by itself, until a person wants it."""
    assert bug.id is not None
    session.execute(sa.delete(Issue).where(col(Issue.bug_id) == bug.id))
    owed = select(OutboxRow).where(
        OutboxRow.bug_id == bug.id, OutboxRow.kind == "open_issue", OutboxRow.state != "done"
    )
    waiting = list(session.exec(owed))
    if issue is not None:
        _refuse_taken(session, issue["repository"], issue["number"])
        session.add(Issue(bug_id=bug.id, synced_at=now, **issue))
        for row in waiting:
            row.state, row.outcome, row.done_at = "done", f"linked to an issue by {by}", now
            row.leased_by = row.leased_until = None
    else:
        # A parked row is what keeps the worker from owing an issue for a bug that has none.
        if not waiting:
            outbox.owe(session, "open_issue", bug.id, occasion=f"unlinked {now.isoformat()}", now=now)
            waiting = list(session.exec(owed))
        for row in waiting:
            row.state, row.outcome, row.done_at = "parked", UNLINKED, now
            row.leased_by = row.leased_until = None
    session.flush()


def _refuse_taken(session: Session, repository: str, number: int) -> None:
    taken = session.exec(
        select(Bug.number)
        .join(Issue, col(Issue.bug_id) == col(Bug.id))
        .where(Issue.repository == repository, Issue.number == number)
    ).first()
    if taken is not None:
        raise Refused(
            f"{repository}#{number} is the issue of {label(taken)}.",
            cure=f"Merge the two bugs, or unlink that one: workbench bugs unlink {label(taken)}",
        )
