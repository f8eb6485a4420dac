"""What the actions need of a tracker, so that they can be tried against one that fails at every step."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class Found:
    """An issue as the tracker shows it."""

    repository: str
    number: int
    url: str
    state: str  # open, closed


class Issues(Protocol):
    """The issues of one repository. Every method may raise `workbench.tracker.failures.Failure`."""

    def find(self, markers: set[str], *, since: datetime) -> list[Found]:
        """Return the issues that hold one of `markers`, lowest number first."""
        ...

    def create(self, title: str, body: str) -> Found:
        """Open an issue. Raises `Uncertain` when it may have been opened all the same."""
        ...

    def set_state(self, number: int, state: str, reason: str) -> tuple[Found, bool]:
        """Close or reopen an issue; return it, and whether that changed anything."""
        ...

    def comments(self, number: int, marker: str, *, since: datetime) -> list[int]:
        """Return the ids of the comments of an issue that hold `marker`, oldest first."""
        ...

    def comment(self, number: int, body: str) -> None:
        """Write a comment. Raises `Uncertain` when it may have been written all the same."""
        ...

    def delete_comment(self, number: int, comment_id: int) -> None:
        """Delete a comment of ours."""
        ...

    def pull(self, head: str, base: str) -> Found | None:
        """Return the open pull request of the branch `head` into `base`; one that was a draft is ready now."""
        ...

    def open_pull(self, head: str, base: str, title: str, body: str) -> Found:
        """Open a pull request. Raises `Uncertain` when it may have been opened all the same."""
        ...
