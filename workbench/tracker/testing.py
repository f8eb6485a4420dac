"""A tracker in memory, for tests that break it at every step. It keeps the same promises as the one on GitHub."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from workbench.tracker.failures import Permanent
from workbench.tracker.markers import markers_in
from workbench.tracker.port import Found


@dataclass
class FakeIssue:
    """An issue in memory. `comments` maps ids to bodies."""

    found: Found
    title: str
    body: str
    reason: str = ""
    comments: dict[int, str] = field(default_factory=dict)


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
        self.on_step(step)


class FakeIssues:
    """The issues of one repository of a `FakeTracker`."""

    def __init__(self, repository: str, tracker: FakeTracker) -> None:
        self.full_name = repository
        self.opened: dict[int, FakeIssue] = {}
        self._tracker = tracker
        self.pulls: dict[tuple[str, str], FakeIssue] = {}
        self._comment_ids = itertools.count(1)

    def find(self, markers: set[str], *, since: datetime) -> list[Found]:
        """Return the issues that hold one of `markers`, lowest number first."""
        self._tracker.step("find")
        return [issue.found for _number, issue in sorted(self.opened.items()) if markers & markers_in(issue.body)]

    def create(self, title: str, body: str) -> Found:
        """Open an issue."""
        self._tracker.step("before create")
        with self._tracker.lock:
            number = len(self.opened) + 1
            found = Found(self.full_name, number, f"https://github.example/{self.full_name}/issues/{number}", "open")
            self.opened[number] = FakeIssue(found, title, body)
        self._tracker.step("after create")
        return found

    def set_state(self, number: int, state: str, reason: str) -> tuple[Found, bool]:
        """Close or reopen an issue; return it, and whether that changed anything."""
        issue = self._issue(number)
        if issue.found.state == state:
            return issue.found, False
        self._tracker.step(f"before {state}")
        issue.found, issue.reason = replace(issue.found, state=state), reason
        self._tracker.step(f"after {state}")
        return issue.found, True

    def comments(self, number: int, marker: str, *, since: datetime) -> list[int]:
        """Return the ids of the comments of an issue that hold `marker`, oldest first."""
        self._tracker.step("comments")
        return [key for key, body in sorted(self._issue(number).comments.items()) if marker in markers_in(body)]

    def comment(self, number: int, body: str) -> None:
        """Write a comment."""
        self._tracker.step("before comment")
        self._issue(number).comments[next(self._comment_ids)] = body
        self._tracker.step("after comment")

    def delete_comment(self, number: int, comment_id: int) -> None:
        """Delete a comment of ours."""
        self._tracker.step("before delete")
        del self._issue(number).comments[comment_id]

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
            raise Permanent(f"There is no issue #{number} in {self.full_name}.")
        return self.opened[number]
