"""A tracker in memory, for tests that break it at every step. It keeps the same promises as the one on GitHub."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from workbench.tracker.failures import Gone, Permanent
from workbench.tracker.markers import markers_in
from workbench.tracker.port import Commit, Feed, Found, Page, Remote, Said

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class FakeIssue:
    """An issue in memory. `comments` maps ids to bodies, and `at` says when something of it changed last."""

    found: Found
    title: str
    body: str
    reason: str = ""
    comments: dict[int, str] = field(default_factory=dict)
    written_at: dict[int, datetime] = field(default_factory=dict)
    at: datetime = _BEGINNING
    labels: tuple[str, ...] = ("bug",)
    author: str = "bot"
    closed_by: str | None = None
    is_pull: bool = False
    is_merged: bool = False
    is_locked: bool = False


class FakeTracker:
    """A tracker whose every request calls `on_step` with what is about to be done and with what has been done.

    `on_step` gets names such as "before create" and "after create"; what it raises is what the caller gets.
    """

    def __init__(self, on_step: Callable[[str], None] = lambda _step: None) -> None:
        self.on_step = on_step
        self.steps: list[str] = []
        self.repositories: dict[str, FakeIssues] = {}
        self.is_closed = False
        self.lock = threading.Lock()
        self.writes = 0
        self.now: Callable[[], datetime] = lambda: _BEGINNING

    def issues(self, repository: str) -> FakeIssues:
        """Return the issues of a repository, which exists from now on."""
        self.step("open")
        with self.lock:
            return self.repositories.setdefault(repository, FakeIssues(repository, self))

    def close(self) -> None:
        """Note that the connections were closed."""
        self.is_closed = True

    def step(self, step: str) -> None:
        """Note the step, and let the test break it."""
        self.steps.append(step)
        self.writes += step.startswith("before ")
        self.on_step(step)


class FakeIssues:
    """The issues of one repository of a `FakeTracker`."""

    def __init__(self, repository: str, tracker: FakeTracker) -> None:
        self.full_name = repository
        self.opened: dict[int, FakeIssue] = {}
        self._tracker = tracker
        self.pulls: dict[tuple[str, str], FakeIssue] = {}
        self.commits: list[Commit] = []
        self._comment_ids = itertools.count(1)
        self._read_at: dict[str, float] = {}

    def find(self, markers: set[str], *, since: datetime, as_of: float | None = None) -> list[Found]:
        """Return the issues that hold one of `markers`, lowest number first."""
        self._read("find", as_of)
        return [issue.found for _number, issue in sorted(self.opened.items()) if markers & markers_in(issue.body)]

    def _read(self, step: str, as_of: float | None) -> None:
        """A list that was read late enough is not read again."""
        if as_of is None or self._read_at.get(step, 0.0) < as_of:
            began = time.monotonic()
            self._tracker.step(step)
            self._read_at[step] = began

    def create(self, title: str, body: str) -> Found:
        """Open an issue."""
        self._tracker.step("before create")
        with self._tracker.lock:
            number = len(self.opened) + 1
            found = Found(self.full_name, number, f"https://github.example/{self.full_name}/issues/{number}", "open")
            self.opened[number] = FakeIssue(found, title, body, at=self._tracker.now())
        self._tracker.step("after create")
        return found

    def set_state(self, number: int, state: str, reason: str) -> tuple[Found, bool]:
        """Close or reopen an issue; return it, and whether that changed anything."""
        issue = self._issue(number)
        if issue.found.state == state:
            return issue.found, False
        self._tracker.step(f"before {state}")
        issue.found, issue.reason = replace(issue.found, state=state, at=self._tracker.now()), reason
        issue.at = self._tracker.now()
        self._tracker.step(f"after {state}")
        return issue.found, True

    def comments(self, number: int, marker: str, *, since: datetime, as_of: float | None = None) -> list[int]:
        """Return the ids of the comments of an issue that hold `marker`, oldest first."""
        self._read("comments", as_of)
        return [key for key, body in sorted(self._issue(number).comments.items()) if marker in markers_in(body)]

    def comment(self, number: int, body: str) -> None:
        """Write a comment."""
        self._tracker.step("before comment")
        self.hear(number, body)
        self._tracker.step("after comment")

    def delete_comment(self, number: int, comment_id: int) -> None:
        """Delete a comment of ours."""
        self._tracker.step("before delete")
        del self._issue(number).comments[comment_id]

    def edit_comment(self, number: int, comment_id: int, body: str) -> bool:
        """Make `body` the text of a comment of ours; return whether that changed it."""
        issue = self._issue(number)
        if comment_id not in issue.comments:
            raise Gone(f"There is no comment {comment_id} on #{number}.")
        if issue.comments[comment_id] == body:
            return False
        self._tracker.step("before edit")
        issue.comments[comment_id], issue.at = body, self._tracker.now()
        self._tracker.step("after edit")
        return True

    def hear(self, number: int, body: str) -> None:
        """Let somebody comment on an issue."""
        issue, key = self._issue(number), next(self._comment_ids)
        issue.at = issue.written_at[key] = self._tracker.now()
        issue.comments[key] = body

    def change(self, number: int, **changes: object) -> None:
        """Let somebody change an issue: its state, its labels, who closed it."""
        issue = self._issue(number)
        if "state" in changes:
            issue.found = replace(issue.found, state=str(changes.pop("state")))
        for name, value in changes.items():
            setattr(issue, name, value)
        issue.at = self._tracker.now()

    def changes(self, feed: Feed, *, since: datetime | None, etag: str) -> Page:
        """Return what of a list has changed since then."""
        self._tracker.step(f"list {feed}")
        items: list[Remote | Said | Commit] = []
        if feed == "commits":
            items = list(self.commits)
        elif feed == "issues":
            items = [self._remote(number) for number in self.opened]
        else:
            items = [said for number in self.opened for said in self._said(number)]
        items = sorted((item for item in items if since is None or item.at >= since), key=lambda item: item.at)
        tag = f'"{hash(tuple(items))}"'
        return Page((), etag, is_new=False) if tag == etag else Page(items, tag)

    def look(self, number: int) -> Remote:
        """Return one issue. Raises `Gone` where it is no more."""
        self._tracker.step("look")
        self._issue(number)
        return self._remote(number)

    def said(self, number: int) -> list[Said]:
        """Return the comments of an issue, oldest first."""
        self._tracker.step("said")
        return self._said(number)

    def _said(self, number: int) -> list[Said]:
        issue = self._issue(number)
        return [
            Said(key, number, "ada", body, issue.written_at[key], issue.written_at[key])
            for key, body in sorted(issue.comments.items())
        ]

    def _remote(self, number: int) -> Remote:
        issue = self._issue(number)
        return Remote(
            found=replace(issue.found, at=issue.at),
            title=issue.title,
            body=issue.body,
            author=issue.author,
            labels=issue.labels,
            comments=len(issue.comments),
            is_pull=issue.is_pull,
            is_merged=issue.is_merged,
            is_locked=issue.is_locked,
            closed_by=issue.closed_by,
            at=issue.at,
        )

    def pull(self, head: str, base: str) -> Found | None:
        """Return the open pull request of a branch."""
        self._tracker.step("pull")
        pull = self.pulls.get((head, base))
        return pull.found if pull is not None and pull.found.state == "open" else None

    def open_pull(self, head: str, base: str, title: str, body: str) -> Found:
        """Open a pull request; like GitHub, never a second one for the same branches."""
        self._tracker.step("before open pull")
        with self._tracker.lock:
            if (head, base) in self.pulls:
                raise Permanent(f"A pull request already exists for {head}.")
            number = len(self.opened) + len(self.pulls) + 1
            found = Found(self.full_name, number, f"https://github.example/{self.full_name}/pull/{number}", "open")
            self.pulls[head, base] = FakeIssue(found, title, body)
        self._tracker.step("after open pull")
        return found

    def _issue(self, number: int) -> FakeIssue:
        if number not in self.opened:
            raise Gone(f"There is no issue #{number} in {self.full_name}.")
        return self.opened[number]
