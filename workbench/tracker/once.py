"""Writing to a tracker exactly once, though answers get lost: look before, look after, and mend what came twice.

Who wrote a thing does not matter, only that it is there: the marker inside it says what it was written for. So a
worker that was killed anywhere in here, or two workers at the same row, end with one issue and one comment.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from workbench.tracker.failures import Uncertain
from workbench.tracker.port import Found, Issues

# A request whose answer was lost may still be on its way; after this long it has arrived or never will.
SETTLES_WITHIN = timedelta(seconds=30)


def open_once(issues: Issues, markers: set[str], title: str, body: str, *, since: datetime) -> tuple[Found, bool]:
    """Return the one issue that holds one of `markers`, opened if there is none, and whether it was opened now.

    `since` is when an earlier try may first have opened it.
    """
    found = issues.find(markers, since=since)
    is_new = not found
    if is_new:
        try:
            found = [issues.create(title, body)]
        except Uncertain as doubt:
            found = issues.find(markers, since=since)
            if not found:
                raise _later(doubt) from doubt
        # The answer told of one issue. A request that was repeated on its way has opened two.
        seen = {issue.number: issue for issue in (*issues.find(markers, since=since), *found)}
        found = [seen[number] for number in sorted(seen)]
    for surplus in found[1:]:
        if surplus.state == "open":
            issues.set_state(surplus.number, "closed", "not_planned")
    return found[0], is_new


def comment_once(issues: Issues, number: int, marker: str, body: str, *, since: datetime) -> bool:
    """Make sure that the issue has exactly one comment with `marker`; return whether it was written now."""
    found = issues.comments(number, marker, since=since)
    is_new = not found
    if is_new:
        try:
            issues.comment(number, body)
        except Uncertain as doubt:
            if not issues.comments(number, marker, since=since):
                raise _later(doubt) from doubt
        found = issues.comments(number, marker, since=since)
    for surplus in found[1:]:
        issues.delete_comment(number, surplus)
    return is_new


def pull_once(issues: Issues, head: str, base: str, title: str, body: str) -> tuple[Found, bool]:
    """Return the one open pull request of a branch, opened if there is none, and whether it was opened now.

    GitHub itself refuses a second one for the same two branches, so a lost answer needs no more than another look.
    """
    found = issues.pull(head, base)
    if found is not None:
        return found, False
    try:
        return issues.open_pull(head, base, title, body), True
    except Uncertain as doubt:
        found = issues.pull(head, base)
        if found is None:
            raise _later(doubt) from doubt
        return found, True


def _later(doubt: Uncertain) -> Uncertain:
    return Uncertain(str(doubt), cure=doubt.cure, after=max(doubt.after or timedelta(), SETTLES_WITHIN))
