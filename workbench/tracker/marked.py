"""Issues and comments of one repository, found by the markers in them, from lists that are read as little as can be."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import mktime_tz, parsedate_tz
from typing import Any

from workbench.tracker import listed
from workbench.tracker.failures import Gone
from workbench.tracker.markers import markers_in
from workbench.tracker.port import Found
from workbench.tracker.pulls import Pulls
from workbench.tracker.spans import Span

LABEL = "bug"

# What was written since a time of ours is looked for from a day before it, and from before that by as much as our clock
# is ahead of GitHub's: what one of us wrote must not be older than what is looked at.
_CLOCKS_DIFFER = timedelta(days=1)
_FURTHEST = timedelta(days=3_650)

# Whose issue may be taken for ours by its marker: a stranger must not be able to lay one out for us to adopt.
_STRANGERS = frozenset({"NONE", "CONTRIBUTOR", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN"})


class Marked(Pulls):
    """What carries our markers in a repository, which PyGithub has opened. `login` asks who the token acts as."""

    def __init__(self, repository: Any, *, login: Callable[[], str], token: str) -> None:
        super().__init__(repository, token=token)
        self._before = _CLOCKS_DIFFER + _ahead_of(repository.raw_headers.get("date"))
        self._ask_login = login
        self._marked: dict[str, dict[int, Found]] = {}
        self._issues = Span()
        self._said: dict[tuple[int, str], set[int]] = {}  # ids of comments, by issue and marker
        self._comments = Span()
        self._hears_all = True
        self._asked: tuple[int, Any] | None = None  # the last number that was asked for, and the issue that it led to

    def find(self, markers: set[str], *, since: datetime, as_of: float | None = None) -> list[Found]:
        """Return the issues that hold one of `markers`, lowest number first.

        All issues with our label are known, and all without it that were touched since `since` (they may have lost
        the label, or never got it for want of rights). Search is not asked: it lags behind by minutes.
        """
        start = since - self._before
        if not self._issues.holds(start, as_of):
            with self._told("list issues"):
                self._read(start)
        found = {number: issue for marker in markers for number, issue in self._marked.get(marker, {}).items()}
        return [found[number] for number in sorted(found)]

    def comments(self, number: int, marker: str, *, since: datetime, as_of: float | None = None) -> list[int]:
        """Return the ids of the comments of an issue that hold `marker`, oldest first.

        With `as_of` the list of the repository is asked, if there is one; an issue that was transferred from there is
        not in it.
        """
        start = since - self._before
        if as_of is not None and self._hears(start, as_of):
            return sorted(self._said.get((number, marker), ()))
        doing = f"list the comments of issue #{number}"
        with self._told(doing):
            where = {"since": f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
            address = self._address(number) if as_of is None else f"/issues/{number}"
            comments = self._whole(f"{address}/comments", where, doing)
            return sorted(
                int(one["id"]) for one in comments if marker in markers_in(one.get("body") or "") and self._is_ours(one)
            )

    def edit_comment(self, number: int, comment_id: int, body: str) -> bool:
        """Make `body` the text of a comment of ours; return whether that changed it. Raises `Gone` without it."""
        doing = f"edit a comment of issue #{number}"
        # Where the issue has moved, its comments are known by their ids there, once it was asked for.
        issues, _slash, its_number = self._last_address(number).rpartition("/")
        path = f"{issues}/comments/{comment_id}"
        with self._told(doing):
            _status, _headers, comment = self._ask("GET", path, doing)
            if listed.said(comment).number != int(its_number):
                raise ValueError("a comment of another issue")
        if str(comment.get("body") or "").split() == body.split():
            return False
        with self._told(doing, writes=True):
            listed.said(self._ask("PATCH", path, doing, body={"body": body})[2])
        return True

    def _last_address(self, number: int) -> str:
        """Return where an issue is as far as that is known without asking."""
        return str(self._asked[1].url) if self._asked is not None and self._asked[0] == number else f"/issues/{number}"

    def _address(self, number: int) -> str:
        """Return where an issue is by now: one that was transferred answers at another address."""
        if self._asked is None or self._asked[0] != number:
            self._asked = number, self._repository.get_issue(number)
        return str(self._asked[1].url)

    def _read(self, start: datetime) -> None:
        began = time.monotonic()
        if self._issues.start is None:
            self._take_in({"labels": LABEL})
        self._take_in({"since": self._issues.since(start)})
        self._issues.was_read(start, began)

    def _take_in(self, where: dict[str, str]) -> None:
        # By their numbers: in the order of their changes, one that changes while they are read moves others to a page
        # that was read before.
        asked = {"state": "all", "sort": "created", "direction": "asc", **where}
        for issue in self._whole("/issues", asked, "list issues"):
            at = datetime.fromisoformat(issue["updated_at"]).astimezone(UTC)
            self._issues.saw(at)
            markers, url = markers_in(issue.get("body") or ""), str(issue["html_url"])
            if markers and "/pull/" not in url and self._is_ours(issue):
                self._note(Found(self.full_name, int(issue["number"]), url, issue["state"], at), markers)

    def _hears(self, start: datetime, as_of: float) -> bool:
        """Read the list of all comments unless it was read late enough; return whether there is such a list."""
        if self._hears_all and not self._comments.holds(start, as_of):
            try:
                with self._told("list comments"):
                    self._hear(start)
            except Gone:  # not every server that speaks GitHub's language has this list
                self._hears_all = False
        return self._hears_all

    def _hear(self, start: datetime) -> None:
        began = time.monotonic()
        where = {"sort": "created", "direction": "asc", "since": self._comments.since(start)}
        for comment in self._whole("/issues/comments", where, "list comments"):
            self._comments.saw(datetime.fromisoformat(comment["updated_at"]).astimezone(UTC))
            markers = markers_in(comment.get("body") or "")
            if markers and self._is_ours(comment):
                number = int(str(comment["issue_url"]).rpartition("/")[2])
                for marker in markers:
                    self._said.setdefault((number, marker), set()).add(int(comment["id"]))
        self._comments.was_read(start, began)

    def _is_ours(self, written: Mapping[str, Any]) -> bool:
        if written.get("author_association") not in _STRANGERS:
            return True
        author = written.get("user")  # None once the account was deleted
        return author is not None and (author.get("type") == "Bot" or author.get("login") == self._ask_login())

    def _seen(self, issue: Any, body: str | None = None) -> Found:
        at = issue.updated_at.astimezone(UTC)
        repository, number = self._place(str(issue.url))
        if number != issue.number:
            raise ValueError("no issue in the answer")
        # One that was transferred has its number there, and is none of those here.
        markers = markers_in(body or issue.body or "") if repository == self.full_name else set()
        return self._note(Found(repository, number, str(issue.html_url), issue.state, at), markers)

    def _note(self, found: Found, markers: set[str]) -> Found:
        if found.state not in ("open", "closed"):  # also None: PyGithub makes an issue of any answer below 400
            raise ValueError("no issue in the answer")
        for marker in markers:
            self._marked.setdefault(marker, {})[found.number] = found
        return found


def _ahead_of(date: str | None) -> timedelta:
    """Return how far our clock is ahead of the server's, which said that it is `date`."""
    there = parsedate_tz(date or "")
    ahead = 0.0 if there is None else time.time() - mktime_tz(there)
    return min(max(timedelta(seconds=ahead), timedelta()), _FURTHEST)
