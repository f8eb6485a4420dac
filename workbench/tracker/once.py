"""Writing to a tracker exactly once, though answers get lost: look before, look after, and mend what came twice.

Who wrote a thing does not matter, only that it is there: the marker inside it says what it was written for. So a
worker that was killed anywhere in here, or two workers at the same row, end with one issue and one comment.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from workbench.tracker.failures import Gone, Uncertain
from workbench.tracker.port import Found, Issues

# A request whose answer was lost may still be on its way; after this long it has arrived or never will.
SETTLES_WITHIN = timedelta(seconds=30)


def open_once(issues: Issues, markers: set[str], title: str, body: str, *, since: datetime) -> tuple[Found, bool]:
    """Return the one issue that holds one of `markers`, opened if there is none, and whether it was opened now.

    `since` is when an earlier try may first have opened it.
    """
    return begin_open(issues, markers, title, body, since=since)()


def begin_open(
    issues: Issues, markers: set[str], title: str, body: str, *, since: datetime, as_of: float | None = None
) -> Callable[[], tuple[Found, bool]]:
    """Look and write as `open_once`, and return what looks after it and mends.

    Of many that are begun together, each looks into a list that was read at `as_of` or later; if they are ended once
    all are begun, they look after it into one list too. Without `as_of` each reads its own.
    """
    found = issues.find(markers, since=since, as_of=as_of)
    is_new = not found
    if is_new:
        try:
            found = [issues.create(title, body)]
        except Uncertain as doubt:
            found = issues.find(markers, since=since)
            if not found:
                raise _later(doubt) from doubt
    written = _shared(as_of)

    def end() -> tuple[Found, bool]:
        # The answer told of one issue. A request that was repeated on its way has opened two.
        again = issues.find(markers, since=since, as_of=written) if is_new else []
        seen = {issue.number: issue for issue in (*again, *found)}
        first, *surplus = [seen[number] for number in sorted(seen)]
        for other in surplus:
            if other.state == "open":
                issues.set_state(other.number, "closed", "not_planned")
        return first, is_new

    return end


def comment_once(issues: Issues, number: int, marker: str, body: str, *, since: datetime) -> bool:
    """Make sure that the issue has exactly one comment with `marker`; return whether it was written now."""
    return begin_comment(issues, number, marker, body, since=since)()


def begin_comment(
    issues: Issues, number: int, marker: str, body: str, *, since: datetime, as_of: float | None = None
) -> Callable[[], bool]:
    """Look and write as `comment_once`, and return what looks after it and mends: see `begin_open`."""
    found = issues.comments(number, marker, since=since, as_of=as_of)
    is_new = not found
    if is_new:
        try:
            issues.comment(number, body)
        except Uncertain as doubt:
            if not issues.comments(number, marker, since=since):
                raise _later(doubt) from doubt
    written = _shared(as_of)

    def end() -> bool:
        again = issues.comments(number, marker, since=since, as_of=written) if is_new else found
        for surplus in again[1:]:
            with suppress(Gone):  # by another worker, which saw the same
                issues.delete_comment(number, surplus)
        return is_new

    return end


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


def _shared(as_of: float | None) -> float | None:
    """Return from when on a list holds what was just written, where one list is enough for many."""
    return None if as_of is None else time.monotonic()


def _later(doubt: Uncertain) -> Uncertain:
    return Uncertain(str(doubt), cure=doubt.cure, after=max(doubt.after or timedelta(), SETTLES_WITHIN))
