"""What each kind of owed action does. Every one may be done again from the start, and then changes nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from capture.store.lifecycle import label
from capture.store.outbox import Kind
from workbench.tracker import issue_text, standing
from workbench.tracker.bug_files import BugFiles
from workbench.tracker.markers import comment_marker, issue_marker, standing_marker
from workbench.tracker.once import begin_comment, begin_open, pull_once
from workbench.tracker.outbox import Leased
from workbench.tracker.owed_bugs import OwedBug
from workbench.tracker.port import Found, Issues
from workbench.tracker.routing import Rule, repository_of


@dataclass(frozen=True)
class Outcome:
    """What an action did, in words, and the issue as it is now where it has to do with one."""

    text: str
    issue: Found | None = None
    told: int | None = None  # the count that the issue tells from now on
    comment: int | None = None  # the id of the comment that tells it


@dataclass(frozen=True)
class Hands:
    """What actions are done with. `issues` opens a repository; `repository` gets the new issues, but for `rules`.

    `as_of` is when they were leased (by `time.monotonic`), where several are done together and look into one list.
    """

    files: BugFiles
    repository: str
    issues: Callable[[str], Issues]
    rules: tuple[Rule, ...] = ()
    as_of: float | None = None


End = Callable[[], Outcome]


def begin(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome | End:
    """Do the action, and return what came of it, or what looks after it and tells that. Both raise `Failure`.

    Of several that are done together all are begun before the first is ended.
    """
    return _ACTIONS[leased.kind](leased, bug, hands)


def _write_file(_leased: Leased, bug: OwedBug, hands: Hands) -> Outcome:
    return Outcome(hands.files.write(bug.facts))


def _open_issue(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome | End:
    if bug.issue is not None:
        return Outcome(f"is linked to {_named(bug.issue)} already")
    if bug.state == "closed":
        return Outcome("the bug was closed before an issue was opened")
    page = bug.facts
    # Its own only: the issue of a bug that was merged into this one stays that bug's.
    foreign = {key for other in page.merged for key in other.fingerprints}
    markers = [issue_marker(page.row.project, key) for key, _parts in page.fingerprints if key not in foreign]
    issues = hands.issues(repository_of(page, hands.rules, hands.repository))
    opened = begin_open(
        issues,
        set(markers),
        issue_text.title(page),
        issue_text.body(page, markers[0]),
        since=bug.first_owed,
        as_of=hands.as_of,
    )

    def end() -> Outcome:
        issue, is_new = opened()
        if issue.state == "closed":
            issue, _changed = issues.set_state(issue.number, "open", "reopened")
            return Outcome(f"reopened {_named(issue)}, which was opened for this fault before", issue)
        told = page.row.count if is_new else None
        return Outcome(f"opened {_named(issue)}" if is_new else f"found {_named(issue)}", issue, told)

    return end


def _comment_issue(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome | End:
    issue = bug.issue
    if issue is None:
        return Outcome("no issue was opened")
    if "release" in leased.body:  # it came back: the comment that tells how it stands says that too
        return _tell_standing(leased, bug, hands)
    marker = comment_marker(leased.key, leased.created_at)
    if leased.body.get("evidence") is None:
        text = issue_text.comment_without_page(label(bug.number), leased.body, marker)
    else:
        text = issue_text.comment(bug.facts, leased.body, marker)
    said = begin_comment(
        hands.issues(issue.repository),
        issue.number,
        marker,
        text,
        since=leased.created_at,
        as_of=hands.as_of,
    )

    def end() -> Outcome:
        return Outcome(f"commented on {_named(issue)}" if said() else f"the comment was on {_named(issue)} already")

    return end


def _tell_standing(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome:
    if bug.issue is None:
        return Outcome("no issue was opened")
    page = bug.facts
    marker = standing_marker(page.row.project, page.row.fingerprint)
    text = issue_text.standing(page, marker)
    issues = hands.issues(bug.issue.repository)
    comment, is_new = standing.tell(
        issues, bug.issue.number, bug.status_comment, marker, text, since=page.row.first_seen
    )
    done = "told" if is_new else "had told"
    return Outcome(f"{done} {_named(bug.issue)} how often it was seen", told=page.row.count, comment=comment)


def _close_issue(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome:
    if bug.issue is None:
        return Outcome("no issue was opened")
    if bug.state != "closed":
        return Outcome("the bug was opened again, so its issue stays open")
    if bug.is_pull:
        return Outcome(f"{_numbered(bug.issue)} is a pull request, which is left as it is")
    return _set_state(bug.issue, "closed", "completed" if bug.closed_as in ("fixed", None) else "not_planned", hands)


def _reopen_issue(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome | End:
    if bug.state == "closed":
        return Outcome("the bug was closed again, so its issue stays closed")
    if bug.issue is None:
        return _open_issue(leased, bug, hands)
    if bug.is_pull:
        return Outcome(f"{_numbered(bug.issue)} is a pull request, which is left as it is")
    return _set_state(bug.issue, "open", "reopened", hands)


def _open_pull(leased: Leased, bug: OwedBug, hands: Hands) -> Outcome:
    head, base = leased.body["branch"], leased.body["base"]
    if bug.state != "closed":
        return Outcome(f"the bug was opened again, so no pull request was opened for {head}")
    title, body = issue_text.pull(bug.facts, leased.body)
    # Where the branch was pushed to, wherever the issue is.
    found, is_new = pull_once(hands.issues(hands.repository), head, base, title, body)
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


_ACTIONS: dict[Kind, Callable[[Leased, OwedBug, Hands], Outcome | End]] = {
    "write_file": _write_file,
    "open_issue": _open_issue,
    "comment_issue": _comment_issue,
    "close_issue": _close_issue,
    "reopen_issue": _reopen_issue,
    "open_pull": _open_pull,
    "status_issue": _tell_standing,
}
