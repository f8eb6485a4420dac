"""What the actions need of a tracker, so that they can be tried against one that fails at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Feed = Literal["issues", "comments", "commits"]


@dataclass(frozen=True)
class Found:
    """An issue as the tracker shows it."""

    repository: str
    number: int
    url: str
    state: str  # open, closed
    at: datetime | None = field(default=None, compare=False)  # its last change, by the tracker's clock


@dataclass(frozen=True)
class Remote:
    """An issue or pull request with what people did to it. `at` is its last change, by the tracker's clock."""

    found: Found
    title: str
    body: str
    author: str
    labels: tuple[str, ...]
    comments: int
    is_pull: bool
    is_merged: bool
    is_locked: bool
    closed_by: str | None
    at: datetime


@dataclass(frozen=True)
class Said:
    """A comment on issue `number`. `at` is its last change."""

    id: int
    number: int
    author: str
    body: str
    written_at: datetime
    at: datetime


@dataclass(frozen=True)
class Commit:
    """A commit of the default branch. `at` is when it was committed."""

    sha: str
    url: str
    message: str
    author: str
    at: datetime


@dataclass(frozen=True)
class Page:
    """What of a list has changed. `etag` stands for this answer; `is_new` is false where it still is the answer.

    `is_cut`: there is more, and it is asked for with the time of the last item.
    """

    items: Sequence[Remote | Said | Commit]
    etag: str = ""
    is_new: bool = True
    is_cut: bool = False


class Issues(Protocol):
    """The issues of one repository. Every method may raise `workbench.tracker.failures.Failure`."""

    full_name: str  # owner/name, as it is now

    def find(self, markers: set[str], *, since: datetime, as_of: float | None = None) -> list[Found]:
        """Return the issues that hold one of `markers`, lowest number first.

        A list that began to be read at `as_of` (of `time.monotonic`) or later will do; without it, one is read now.
        """
        ...

    def create(self, title: str, body: str) -> Found:
        """Open an issue. Raises `Uncertain` when it may have been opened all the same."""
        ...

    def set_state(self, number: int, state: str, reason: str) -> tuple[Found, bool]:
        """Close or reopen an issue; return it, and whether that changed anything."""
        ...

    def comments(self, number: int, marker: str, *, since: datetime, as_of: float | None = None) -> list[int]:
        """Return the ids of the comments of an issue that hold `marker`, oldest first.

        With `as_of`, as for `find`, from the list of all comments of the repository: one read for many issues.
        """
        ...

    def comment(self, number: int, body: str) -> None:
        """Write a comment. Raises `Uncertain` when it may have been written all the same."""
        ...

    def edit_comment(self, number: int, comment_id: int, body: str) -> bool:
        """Make `body` the text of a comment of ours; return whether that changed it. Raises `Gone` without it."""
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

    def changes(self, feed: Feed, *, since: datetime | None, etag: str) -> Page:
        """Return what of a list has changed since then, the earliest change first; `since` itself is included."""
        ...

    def look(self, number: int) -> Remote:
        """Return one issue or pull request, wherever it was transferred to. Raises `Gone` where it is no more."""
        ...

    def said(self, number: int) -> list[Said]:
        """Return the latest comments of an issue, oldest first."""
        ...
