"""The stand-in for GitHub itself: it runs, and its proxy breaks what it is told to break."""

from __future__ import annotations

import pytest
import requests
from standins import faults
from standins.github import GitHubRepository

pytestmark = pytest.mark.github


def post(repository: GitHubRepository, title: str) -> requests.Response:
    url = f"{repository.base_url}/repos/{repository.full_name}/issues"
    headers = {"Authorization": f"token {repository.token}", "Connection": "close"}
    return requests.post(url, json={"title": title}, headers=headers, timeout=2)


def test_a_fresh_repository_has_no_issues(github_repository: GitHubRepository) -> None:
    assert github_repository.issues() == []


def test_requests_pass_through_the_proxy_and_are_noted(github_repository: GitHubRepository) -> None:
    assert post(github_repository, "one").json()["number"] == 1
    assert [issue["title"] for issue in github_repository.issues()] == ["one"]
    (request,) = github_repository.requests
    assert (request.method, request.body) == ("POST", {"title": "one"})


@pytest.mark.parametrize(
    ("fault", "performed"),
    [(faults.REFUSED_BEFORE, 0), (faults.LOST_AFTER, 1), (faults.TWICE, 2), (faults.TRUNCATED_AFTER, 1)],
)
def test_a_broken_answer_comes_before_or_after_the_act(
    github_repository: GitHubRepository, fault: faults.Fault, performed: int
) -> None:
    github_repository.break_next("POST", "/issues", fault)
    if fault is faults.TRUNCATED_AFTER:
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            post(github_repository, "one")
    else:
        assert post(github_repository, "one").status_code == (201 if fault is faults.TWICE else 502)
    assert len(github_repository.issues()) == performed
    assert post(github_repository, "another").status_code == 201


@pytest.mark.parametrize(
    ("fault", "performed"), [(faults.RESET_BEFORE, 0), (faults.RESET_AFTER, 1)], ids=["before", "after"]
)
def test_a_connection_is_reset(github_repository: GitHubRepository, fault: faults.Fault, performed: int) -> None:
    github_repository.break_next("POST", "/issues", fault)
    with pytest.raises(requests.exceptions.ConnectionError):
        post(github_repository, "one")
    assert len(github_repository.issues()) == performed
