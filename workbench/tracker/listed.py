"""What GitHub lists, as plain data: issues, comments and commits, read from its JSON.

Everything in here was written by people outside. It is bounded, and judged as text only where it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from workbench.tracker.port import Commit, Found, Remote, Said

_ISSUE = re.compile(r"/repos/([\w.-]+/[\w.-]+)/issues/([0-9]{1,9})(?:[/#?]|$)", re.ASCII)
_LABELS = 100  # of an issue; GitHub allows as many
_TEXT = 65_536


def remote(data: Mapping[str, Any]) -> Remote:
    """Return an issue or pull request. Raises `ValueError` for what is neither."""
    repository, number = place(str(data.get("url", "")))
    state = data.get("state")
    if state not in ("open", "closed") or data.get("number") != number:
        raise ValueError("no issue in the answer")
    pull = data.get("pull_request")
    is_merged = isinstance(pull, Mapping) and pull.get("merged_at") is not None
    labels = [label.get("name") if isinstance(label, Mapping) else label for label in data.get("labels") or ()]
    at = _time(data.get("updated_at"))
    return Remote(
        found=Found(repository, number, str(data.get("html_url", ""))[:500], state, at),
        title=str(data.get("title") or "")[:1_000],
        body=str(data.get("body") or "")[:_TEXT],
        author=_login(data.get("user")),
        labels=tuple(str(name)[:100] for name in labels[:_LABELS] if name),
        comments=int(data.get("comments") or 0),
        is_pull=isinstance(pull, Mapping) or "/pull/" in str(data.get("html_url", "")),
        is_merged=is_merged,
        is_locked=data.get("locked") is True,
        closed_by=_login(data.get("closed_by")) or None,
        at=at,
    )


def said(data: Mapping[str, Any]) -> Said:
    """Return a comment. Raises `ValueError` for what is none."""
    _repository, number = place(str(data.get("issue_url", "")))
    return Said(
        id=int(data["id"]),
        number=number,
        author=_login(data.get("user")),
        body=str(data.get("body") or "")[:_TEXT],
        written_at=_time(data.get("created_at")),
        at=_time(data.get("updated_at")),
    )


def commit(data: Mapping[str, Any]) -> Commit:
    """Return a commit. Raises `ValueError` for what is none."""
    inner = data.get("commit")
    if not isinstance(inner, Mapping):
        raise ValueError("no commit in the answer")
    committer = inner.get("committer") or {}
    author = inner.get("author") or {}
    return Commit(
        sha=str(data["sha"])[:64],
        url=str(data.get("html_url", ""))[:500],
        message=str(inner.get("message") or "")[:_TEXT],
        author=_login(data.get("author")) or str(author.get("name") or "")[:100],
        at=_time(committer.get("date")),
    )


def place(url: str) -> tuple[str, int]:
    """Return the repository and number of an issue by its address in the API. Raises `ValueError` for another."""
    found = _ISSUE.search(url)
    if found is None:
        raise ValueError("no issue in the answer")
    return found[1], int(found[2])


def _login(user: Any) -> str:
    return str(user.get("login") or "")[:100] if isinstance(user, Mapping) else ""  # None: the account is gone


def _time(text: Any) -> datetime:
    return datetime.fromisoformat(str(text)).astimezone(UTC)
