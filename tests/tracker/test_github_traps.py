"""What PyGithub and GitHub do that one would not expect, and what we do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from standins.faults import REFUSED_BEFORE, Answer, Fault
from standins.github import GitHubRepository

from workbench.tracker.failures import Temporary, Uncertain
from workbench.tracker.github import GitHub, Issues
from workbench.tracker.markers import issue_marker
from workbench.tracker.settings import GitHubSettings

pytestmark = pytest.mark.github

MARKER = issue_marker("clinic", "a1b2c3")
SINCE = datetime.now(UTC) - timedelta(minutes=1)
FORBIDDEN = Fault(answer=Answer.said(403, "Resource not accessible by personal access token"))


@pytest.fixture
def client(github_repository: GitHubRepository) -> Iterator[GitHub]:
    client = GitHub(
        GitHubSettings(github_repository.full_name, github_repository.base_url, github_repository.token), timeout=5
    )
    yield client
    client.close()


@pytest.fixture
def issues(client: GitHub, github_repository: GitHubRepository) -> Issues:
    return client.issues(github_repository.full_name)


@pytest.fixture
def listed(github_repository: GitHubRepository) -> Callable[..., None]:
    """Let the next list of issues hold one as GitHub would show it, with changes."""

    def show(**changes: Any) -> None:
        name = github_repository.full_name
        issue = {
            "url": f"{github_repository.base_url}/repos/{name}/issues/5",
            "html_url": f"https://github.example/{name}/issues/5",
            "number": 5,
            "state": "open",
            "title": "A title",
            "body": MARKER,
            "user": {"login": "mallory", "type": "User"},
            "author_association": "NONE",
            "updated_at": "2026-11-22T12:00:00Z",
            **changes,
        }
        github_repository.break_next("GET", "/issues", Fault(answer=Answer(200, json.dumps([issue]).encode())))

    return show


def found(issues: Issues) -> list[int]:
    return [issue.number for issue in issues.find({MARKER}, since=SINCE)]


def test_the_label_is_created_once_where_it_is_missing(issues: Issues, github_repository: GitHubRepository) -> None:
    issues.create("one", MARKER)
    issues.create("two", MARKER)
    labels = [(label["name"], label["color"]) for label in github_repository.ask("GET", "/labels")]
    assert labels == [("bug", "d73a4a")]
    asked = [request.path for request in github_repository.requests if "/labels" in request.path]
    assert len(asked) == 2


def test_the_label_is_left_alone_where_it_exists(issues: Issues, github_repository: GitHubRepository) -> None:
    github_repository.ask("POST", "/labels", {"name": "bug", "color": "000000"})
    issues.create("one", MARKER)
    assert [label["color"] for label in github_repository.ask("GET", "/labels")] == ["000000"]


def test_without_the_right_to_create_labels_the_issue_is_opened_all_the_same(
    issues: Issues, github_repository: GitHubRepository
) -> None:
    github_repository.break_next("POST", "/labels", FORBIDDEN)
    assert issues.create("one", MARKER).number == 1


def test_an_issue_that_lost_its_label_is_found(issues: Issues, github_repository: GitHubRepository) -> None:
    number = issues.create("one", MARKER).number
    github_repository.ask("DELETE", f"/issues/{number}/labels/bug")
    fresh = GitHub(GitHubSettings(github_repository.full_name, github_repository.base_url, github_repository.token))
    assert found(fresh.issues(github_repository.full_name)) == [number]
    fresh.close()


def test_all_pages_are_read(issues: Issues, github_repository: GitHubRepository) -> None:
    for number in range(101):
        github_repository.ask("POST", "/issues", {"title": f"{number}", "body": MARKER})
    assert len(found(issues)) == 101


def test_what_was_read_before_is_not_read_again(issues: Issues, github_repository: GitHubRepository) -> None:
    issues.create("one", MARKER)
    found(issues)
    github_repository.requests.clear()
    before = len(github_repository.requests)
    assert found(issues) == [1]
    assert len(github_repository.requests) == before + 1


def test_a_stranger_cannot_lay_out_an_issue_for_us_to_adopt(issues: Issues, listed: Callable[..., None]) -> None:
    listed()
    assert found(issues) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"author_association": "MEMBER"},
        {"author_association": "NONE", "user": {"login": "our-app[bot]", "type": "Bot"}},
        {"author_association": "NONE", "user": {"login": "bot", "type": "User"}},
    ],
    ids=["a colleague", "an app", "we ourselves"],
)
def test_an_issue_of_ours_is_adopted(issues: Issues, listed: Callable[..., None], changes: dict[str, Any]) -> None:
    listed(**changes)
    assert found(issues) == [5]


def test_an_issue_of_a_deleted_account_is_not(issues: Issues, listed: Callable[..., None]) -> None:
    listed(user=None)
    assert found(issues) == []


def test_a_pull_request_that_quotes_a_marker_is_no_issue(issues: Issues, listed: Callable[..., None]) -> None:
    listed(author_association="OWNER", html_url="https://github.example/bot/clinic/pull/5")
    assert found(issues) == []


def test_an_app_may_not_ask_who_it_is(
    client: GitHub, issues: Issues, listed: Callable[..., None], github_repository: GitHubRepository
) -> None:
    client_proxy = github_repository._proxy
    client_proxy.break_next("GET", "/user", FORBIDDEN)
    listed()
    assert found(issues) == []
    assert client.login() == ""


@pytest.mark.parametrize("body", [b"[]", b"{}", b'"text"', b"<html>", b'{"full_name": "nonsense"}'])
def test_a_repository_answer_that_is_none_is_not_taken_for_one(
    client: GitHub, github_repository: GitHubRepository, body: bytes
) -> None:
    github_repository.break_next("GET", "", Fault(answer=Answer(200, body)), times=9)
    with pytest.raises(Temporary, match="was not GitHub's"):
        client.issues(github_repository.full_name)


def test_a_change_of_state_that_is_quietly_ignored_is_noticed(
    issues: Issues, github_repository: GitHubRepository
) -> None:
    number = issues.create("one", MARKER).number
    moved = Answer.said(307, "Moved Permanently", Location="/elsewhere")
    github_repository.break_next("PATCH", f"/issues/{number}", Fault(answer=moved))
    with pytest.raises(Uncertain, match="still open"):
        issues.set_state(number, "closed", "completed")


def test_a_repository_is_opened_once(client: GitHub, issues: Issues, github_repository: GitHubRepository) -> None:
    assert client.issues(github_repository.full_name) is issues


def test_far_away_servers_are_asked_at_githubs_pace() -> None:
    client = GitHub(GitHubSettings("a/b", "https://api.github.com", "t0ken", hourly_writes=400))
    requester = client._api.requester
    assert (requester.kwargs["seconds_between_requests"], requester.kwargs["seconds_between_writes"]) == (0.25, 1.0)
    client.close()


def test_when_the_owner_of_the_token_cannot_be_asked_nothing_is_decided(
    issues: Issues, listed: Callable[..., None], github_repository: GitHubRepository
) -> None:
    github_repository._proxy.break_next("GET", "/user", REFUSED_BEFORE)
    listed()
    with pytest.raises(Temporary, match="token's owner"):
        found(issues)


@pytest.mark.parametrize("days", [0, 3])
def test_what_is_looked_at_begins_a_day_earlier_by_githubs_own_clock(
    client: GitHub, github_repository: GitHubRepository, days: int
) -> None:
    """A clock of ours that is ahead would else have us look past what we wrote, and write it again."""
    there = datetime.now(UTC) - timedelta(days=days)
    answer = json.dumps(github_repository.ask("GET", "")).encode()
    headers = {"Content-Type": "application/json", "Date": f"{there:%a, %d %b %Y %H:%M:%S GMT}"}
    github_repository.break_next("GET", "", Fault(answer=Answer(200, answer, headers)))
    client.issues(github_repository.full_name).find({MARKER}, since=datetime.now(UTC))
    (since,) = [
        found[1] for one in github_repository.requests if (found := re.search("since=([0-9TZ:.%A-]+)", one.path))
    ]
    begun = datetime.fromisoformat(unquote(since))
    assert abs(begun - (there - timedelta(days=1))) < timedelta(hours=1)
