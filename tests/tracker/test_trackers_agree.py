"""The tracker in memory and the one on GitHub keep the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standins.github import GitHubRepository

from workbench.tracker.failures import Permanent
from workbench.tracker.github import GitHub
from workbench.tracker.markers import comment_marker, issue_marker
from workbench.tracker.port import Issues
from workbench.tracker.settings import GitHubSettings
from workbench.tracker.testing import FakeIssues, FakeTracker

ONE, TWO = issue_marker("clinic", "one"), issue_marker("clinic", "two")
SINCE = datetime.now(UTC) - timedelta(minutes=1)


@pytest.fixture(params=["in memory", pytest.param("github", marks=pytest.mark.github)])
def issues(request: pytest.FixtureRequest) -> Iterator[Issues]:
    if request.param == "in memory":
        yield FakeTracker().issues("bot/clinic")
        return
    repository: GitHubRepository = request.getfixturevalue("github_repository")
    client = GitHub(GitHubSettings(repository.full_name, repository.base_url, repository.token))
    yield client.issues(repository.full_name)
    client.close()


@pytest.fixture
def branch(request: pytest.FixtureRequest, issues: Issues) -> str:
    """A branch that can be asked to be pulled."""
    if isinstance(issues, FakeIssues):
        return "fix/b-001"
    request.getfixturevalue("github_repository").push("fix/b-001")
    return "fix/b-001"


def test_an_issue_is_found_by_its_marker_only(issues: Issues) -> None:
    assert issues.find({ONE}, since=SINCE) == []
    first = issues.create("first", f"text\n{ONE}")
    assert (first.number, first.state) == (1, "open")
    assert issues.find({ONE}, since=SINCE) == [first]
    assert issues.find({TWO}, since=SINCE) == []


def test_issues_with_any_of_the_markers_are_found_lowest_number_first(issues: Issues) -> None:
    first, _other, second = issues.create("a", TWO), issues.create("b", "no marker"), issues.create("c", ONE)
    assert issues.find({ONE, TWO}, since=SINCE) == [first, second]


def test_states_change_once(issues: Issues) -> None:
    number = issues.create("a", ONE).number
    closed, changed = issues.set_state(number, "closed", "completed")
    assert (closed.state, changed) == ("closed", True)
    assert issues.set_state(number, "closed", "completed") == (closed, False)
    assert issues.find({ONE}, since=SINCE) == [closed]
    assert issues.set_state(number, "open", "reopened")[0].state == "open"


def test_comments_are_found_by_marker_and_can_be_deleted(issues: Issues) -> None:
    number = issues.create("a", ONE).number
    marker = comment_marker("comment_issue:1:x", SINCE)
    assert issues.comments(number, marker, since=SINCE) == []
    issues.comment(number, f"one\n{marker}")
    issues.comment(number, "another")
    issues.comment(number, f"two\n{marker}")
    first, second = issues.comments(number, marker, since=SINCE)
    issues.delete_comment(number, second)
    assert issues.comments(number, marker, since=SINCE) == [first]


def test_a_branch_has_one_pull_request(issues: Issues, branch: str) -> None:
    assert issues.pull(branch, "main") is None
    first = issues.open_pull(branch, "main", "the fix", "text")
    assert first.state == "open"
    assert issues.pull(branch, "main") == first
    assert issues.pull("another", "main") is None


def test_an_issue_that_does_not_exist_is_refused(issues: Issues) -> None:
    with pytest.raises(Permanent):
        issues.set_state(77, "closed", "completed")
    with pytest.raises(Permanent):
        issues.comment(77, "text")
