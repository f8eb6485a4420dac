"""A pull request of the agent's branch that was a draft is marked as ready: a person has signed the fix off."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import github
import pytest

from workbench.tracker.failures import Uncertain
from workbench.tracker.github import Issues
from workbench.tracker.once import pull_once
from workbench.tracker.port import Found

BRANCH, READY = "workbench/B-012-1", Found("octo/clinic", 7, "https://github.com/octo/clinic/pull/7", "open")


class Pull:
    """An open pull request as PyGithub gives it; `ready` counts how often it was marked as ready."""

    def __init__(self, head: str = BRANCH, *, draft: bool, fails: bool = False) -> None:
        self.head, self.base = SimpleNamespace(ref=head), SimpleNamespace(ref="main")
        self.number, self.html_url, self.state, self.draft = READY.number, READY.url, "open", draft
        self.fails, self.ready = fails, 0

    def mark_ready_for_review(self) -> None:
        """Note it, or fail as GitHub does."""
        if self.fails:
            raise github.GithubException(502, {"message": "Bad gateway"}, {})
        self.ready += 1


def issues(*pulls: Pull) -> Issues:
    def no_second(*_given: Any, **_named: Any) -> None:
        raise AssertionError("there is one already")

    repository: Any = SimpleNamespace(
        full_name="octo/clinic",
        raw_headers={},
        url="https://api.github.com/repos/octo/clinic",
        requester=None,
        get_pulls=lambda **_named: list(pulls),
        create_pull=no_second,
    )
    return Issues(repository, login=lambda: "octocat", token="t0ken", count=lambda: None)


@pytest.mark.parametrize(("draft", "marked"), [(True, 1), (False, 0)])
def test_a_draft_is_ready_once_its_fix_is_signed_off(draft: bool, marked: int) -> None:
    pull = Pull(draft=draft)
    assert pull_once(issues(pull), BRANCH, "main", "Fix B-012", "text") == (READY, False)
    assert pull.ready == marked


def test_the_draft_of_another_branch_is_left_alone() -> None:
    pull = Pull("somebody/else", draft=True)
    assert issues(pull).pull(BRANCH, "main") is None
    assert pull.ready == 0


def test_a_draft_that_could_not_be_marked_is_tried_again() -> None:
    with pytest.raises(Uncertain, match="mark pull request #7 as ready"):
        issues(Pull(draft=True, fails=True)).pull(BRANCH, "main")
