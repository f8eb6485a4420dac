"""What each kind of owed action does. Every one may be done again from the start, and then changes nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col

from capture.store.outbox import Kind, owe
from capture.store.tables import Bug, Issue, OutboxRow
from workbench.bugs import files, queries
from workbench.tracker import issue_text
from workbench.tracker.failures import Permanent, Temporary
from workbench.tracker.markers import comment_marker, issue_marker
from workbench.tracker.once import comment_once, open_once, pull_once
from workbench.tracker.outbox import Leased
from workbench.tracker.port import Found, Issues


@dataclass(frozen=True)
class Outcome:
    """What an action did, in words, and the issue as it is now where it has to do with one."""

    text: str
    issue: Found | None = None


@dataclass(frozen=True)
class Hands:
    """What actions are done with. `issues` opens a repository; `repository` gets the new issues."""

    engine: Engine
    bugs_directory: Path
    repository: str
    issues: Callable[[str], Issues]


@dataclass(frozen=True)
class _Bug:
    """The bug of an owed action, as it is now, and the issue that it is linked to."""

    number: int
    state: str
    issue: Found | None
    first_owed: datetime  # when its issue was first owed: no issue of ours is older
    closed_as: str | None = None


def perform(leased: Leased, hands: Hands, *, now: datetime) -> Outcome:
    """Do the action and return what came of it. Raises `Failure`."""
    bug = _bug(hands.engine, leased)
    return _ACTIONS[leased.kind](leased, bug, hands, now)


def record(session: Session, leased: Leased, issue: Found, *, now: datetime) -> None:
    """Write what is now known of the bug's issue; its first link owes a new bug file. Nothing is committed."""
    if session.get(Issue, leased.bug_id) is None:
        owe(session, "write_file", leased.bug_id, occasion=f"issue {issue.number}", now=now)
    session.merge(
        Issue(
            bug_id=leased.bug_id,
            repository=issue.repository,
            number=issue.number,
            url=issue.url,
            state=issue.state,
            synced_at=now,
        )
    )
    session.execute(sa.update(Bug).where(col(Bug.id) == leased.bug_id).values(changed_at=now))


def _bug(engine: Engine, leased: Leased) -> _Bug:
    with Session(engine) as session:
        bug = session.get_one(Bug, leased.bug_id)
        linked = session.get(Issue, leased.bug_id)
        first_owed = session.scalar(
            sa.select(sa.func.min(col(OutboxRow.created_at))).where(
                col(OutboxRow.bug_id) == leased.bug_id, col(OutboxRow.kind) == "open_issue"
            )
        )
        issue = Found(linked.repository, linked.number, linked.url, linked.state) if linked else None
        return _Bug(
            bug.number, bug.state, issue, min(first_owed or leased.created_at, leased.created_at), bug.closed_as
        )


def _write_file(leased: Leased, bug: _Bug, hands: Hands, now: datetime) -> Outcome:
    try:
        path = files.write(queries.bug_page(hands.engine, bug.number, now=now), hands.bugs_directory)
    except OSError as error:
        raise Temporary(
            f"The bug file could not be written: {error.strerror or type(error).__name__}.",
            cure=f"Make {hands.bugs_directory} a folder that can be written to.",
        ) from error
    except files.OtherBugsFile as other:
        raise Permanent(
            f"{other} is the file of another bug.",
            cure="Use the database that the files came from, or move them to another folder (bugs.directory).",
        ) from other
    return Outcome(f"wrote {path.name}")


def _open_issue(leased: Leased, bug: _Bug, hands: Hands, now: datetime) -> Outcome:
    if bug.issue is not None:
        return Outcome(f"is linked to {_named(bug.issue)} already")
    if bug.state == "closed":
        return Outcome("the bug was closed before an issue was opened")
    page = queries.bug_page(hands.engine, bug.number, now=now)
    # Its own only: the issue of a bug that was merged into this one stays that bug's.
    foreign = {key for other in page.merged for key in other.fingerprints}
    markers = [issue_marker(page.row.project, key) for key, _parts in page.fingerprints if key not in foreign]
    issues = hands.issues(hands.repository)
    issue, is_new = open_once(
        issues,
        set(markers),
        issue_text.title(page),
        issue_text.body(page, markers[0]),
        since=bug.first_owed,
    )
    if issue.state == "closed":
        issue, _changed = issues.set_state(issue.number, "open", "reopened")
        return Outcome(f"reopened {_named(issue)}, which was opened for this fault before", issue)
    return Outcome(f"opened {_named(issue)}" if is_new else f"found {_named(issue)}", issue)


def _comment_issue(leased: Leased, bug: _Bug, hands: Hands, now: datetime) -> Outcome:
    if bug.issue is None:
        return Outcome("no issue was opened")
    marker = comment_marker(leased.key, leased.created_at)
    page = queries.bug_page(hands.engine, bug.number, now=now)
    issues = hands.issues(bug.issue.repository)
    is_new = comment_once(
        issues, bug.issue.number, marker, issue_text.comment(page, leased.body, marker), since=leased.created_at
    )
    return Outcome(f"commented on {_named(bug.issue)}" if is_new else f"the comment was on {_named(bug.issue)} already")


def _close_issue(leased: Leased, bug: _Bug, hands: Hands, now: datetime) -> Outcome:
    if bug.issue is None:
        return Outcome("no issue was opened")
    if bug.state != "closed":
        return Outcome("the bug was opened again, so its issue stays open")
    return _set_state(bug.issue, "closed", "completed" if bug.closed_as in ("fixed", None) else "not_planned", hands)


def _reopen_issue(leased: Leased, bug: _Bug, hands: Hands, now: datetime) -> Outcome:
    if bug.state == "closed":
        return Outcome("the bug was closed again, so its issue stays closed")
    if bug.issue is None:
        return _open_issue(leased, bug, hands, now)
    return _set_state(bug.issue, "open", "reopened", hands)


def _open_pull(leased: Leased, bug: _Bug, hands: Hands, now: datetime) -> Outcome:
    head, base = leased.body["branch"], leased.body["base"]
    if bug.state != "closed":
        return Outcome(f"the bug was opened again, so no pull request was opened for {head}")
    title, body = issue_text.pull(queries.bug_page(hands.engine, bug.number, now=now), leased.body)
    repository = bug.issue.repository if bug.issue else hands.repository
    found, is_new = pull_once(hands.issues(repository), head, base, title, body)
    return Outcome(f"{'opened' if is_new else 'found'} pull request {_numbered(found)}: {found.url}")


def _set_state(linked: Found, state: str, reason: str, hands: Hands) -> Outcome:
    issue, changed = hands.issues(linked.repository).set_state(linked.number, state, reason)
    done = "closed" if state == "closed" else "reopened"
    was = "closed" if state == "closed" else "open"
    return Outcome(f"{done} {_named(issue)}" if changed else f"{_named(issue)} was {was} already", issue)


def _named(issue: Found) -> str:
    return f"issue {_numbered(issue)}"


def _numbered(found: Found) -> str:
    return f"{found.repository}#{found.number}"


_ACTIONS: dict[Kind, Callable[[Leased, _Bug, Hands, datetime], Outcome]] = {
    "write_file": _write_file,
    "open_issue": _open_issue,
    "comment_issue": _comment_issue,
    "close_issue": _close_issue,
    "reopen_issue": _reopen_issue,
    "open_pull": _open_pull,
}
