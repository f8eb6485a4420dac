"""Reading what changed, on the stand-in for GitHub: conditional requests, pages, renames, and an App as who we are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standins.faults import Answer, Fault
from standins.github import GitHubRepository

from workbench.bugs.queries import bug_page
from workbench.tracker.failures import Gone, Temporary
from workbench.tracker.github import GitHub
from workbench.tracker.port import Issues
from workbench.tracker.settings import GitHubSettings

pytestmark = pytest.mark.github
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def issues(github_repository: GitHubRepository) -> Iterator[Issues]:
    repository = github_repository
    client = GitHub(GitHubSettings(repository.full_name, repository.base_url, repository.token))
    yield client.issues(repository.full_name)
    client.close()


def test_changes_come_in_order_with_what_people_did(issues: Any, github_repository: GitHubRepository) -> None:
    for title in ("one", "two"):
        github_repository.ask("POST", "/issues", {"title": title, "labels": ["bug"]})
    github_repository.ask("POST", "/issues/1/comments", {"body": "seen"})
    github_repository.ask("PATCH", "/issues/1", {"state": "closed"})
    page = issues.changes("issues", since=LONG_AGO, etag="")
    assert [(one.found.number, one.found.state) for one in page.items] == [(2, "open"), (1, "closed")]
    assert page.items[-1].labels == ("bug",)
    (said,) = issues.said(1)
    assert (said.number, said.author, said.body) == (1, "bot", "seen")
    with pytest.raises(Gone):  # GitHub lists them; the stand-in takes "comments" for the number of an issue
        issues.changes("comments", since=LONG_AGO, etag="")
    assert issues.changes("issues", since=datetime.now(UTC) + timedelta(hours=1), etag="").items == []


def test_a_list_is_asked_with_its_etag_and_nothing_new_is_told(
    issues: Any, github_repository: GitHubRepository
) -> None:
    unchanged = Fault(answer=Answer(304, b"", {"ETag": '"one"'}))
    github_repository.break_next("GET", "/issues", unchanged)
    page = issues.changes("issues", since=LONG_AGO, etag='"one"')
    assert (page.is_new, page.etag, list(page.items)) == (False, '"one"', [])


def test_a_list_longer_than_a_page_goes_on_from_its_last_change(
    issues: Any, github_repository: GitHubRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.tracker.reading._PER_PAGE", 2)
    for title in ("one", "two", "three"):
        github_repository.ask("POST", "/issues", {"title": title})
    page = issues.changes("issues", since=LONG_AGO, etag="")
    assert ([one.title for one in page.items], page.is_cut) == (["one", "two"], True)


def test_how_many_a_page_holds_is_the_servers_to_say(issues: Any, github_repository: GitHubRepository) -> None:
    """It is asked for a hundred, gives two, and links to the rest: what has no link is the last page."""
    for number in range(3):
        github_repository.ask("POST", "/issues", {"title": str(number)})
        github_repository.ask("POST", "/issues/1/comments", {"body": str(number)})
    all_of_them = {
        "issues": github_repository.issues(),
        "issues/1/comments": github_repository.ask("GET", "/issues/1/comments"),
    }
    for path, given in all_of_them.items():
        address = f"{github_repository.base_url}/repos/{github_repository.full_name}/{path}"
        first = {
            "Link": f'<{address}?sort=created&direction=asc&state=all&per_page=2&page=2>; rel="next"',
            "ETag": '"1"',
        }
        github_repository.break_next(
            "GET", f"/{path}", Fault(answer=Answer(200, json.dumps(given[:2]).encode(), first))
        )
    page = issues.changes("issues", since=None, etag="")
    assert [one.title for one in page.items] == ["0", "1"]
    assert page.is_cut, "it is asked for from the last change on"
    assert [one.body for one in issues.said(1)] == ["0", "1", "2"]


def test_commits_of_an_empty_repository_and_of_another_are_listed(
    issues: Any, github_repository: GitHubRepository
) -> None:
    github_repository.push("fix/b-001")
    assert "m" in {one.message for one in issues.changes("commits", since=LONG_AGO, etag="").items}
    empty = Fault(answer=Answer.said(409, "Git Repository is empty."))
    github_repository.break_next("GET", "/commits", empty)
    assert list(issues.changes("commits", since=LONG_AGO, etag="").items) == []


def test_a_list_redirected_after_a_rename_is_not_believed(issues: Any, github_repository: GitHubRepository) -> None:
    github_repository.ask("POST", "/issues", {"title": "one"})
    github_repository.rename(github_repository.full_name.partition("/")[2] + "-renamed")
    with pytest.raises(Temporary, match="another list"):
        issues.changes("issues", since=LONG_AGO, etag="")


def test_a_comment_is_edited_once_and_a_deleted_one_is_gone(issues: Any, github_repository: GitHubRepository) -> None:
    github_repository.ask("POST", "/issues", {"title": "one"})
    written = github_repository.ask("POST", "/issues/1/comments", {"body": "1"})["id"]
    assert issues.edit_comment(1, written, "2") is True
    assert issues.edit_comment(1, written, "2") is False
    assert github_repository.comments(1) == ["2"]
    github_repository.ask("DELETE", f"/issues/comments/{written}")
    with pytest.raises(Gone):
        issues.edit_comment(1, written, "3")
    with pytest.raises(Gone):
        issues.look(99)


def test_an_answer_that_is_no_list_is_tried_again(issues: Any, github_repository: GitHubRepository) -> None:
    for body in (b"{}", b"[7]", b"<html>", b'[{"number": 1}]'):
        github_repository.break_next("GET", "/issues", Fault(answer=Answer(200, body)))
        with pytest.raises(Temporary):
            issues.changes("issues", since=LONG_AGO, etag="")


def test_what_people_did_on_github_shows(site: Any, github_repository: GitHubRepository) -> None:
    site.environ = github_repository.environ | {"WORKBENCH_GITHUB_POLL_SECONDS": "60"}
    site.clock = datetime.now(UTC)
    site.fail()
    run(site)
    github_repository.ask("POST", "/issues/1/comments", {"body": "seen on staging"})
    github_repository.ask("POST", "/issues/1/labels", {"labels": ["billing"]})
    github_repository.ask("PATCH", "/issues/1", {"state": "closed"})
    site.pass_time(minutes=1)
    run(site)
    row = site.issue()
    assert (row.state, row.closed_outside, row.labels, row.comments) == ("closed", True, ["bug", "billing"], 1)
    page = bug_page(site.engine, 1, now=site.clock)
    assert [(one.author, one.text) for one in page.comments] == [("bot", "seen on staging")]
    github_repository.ask("PATCH", "/issues/1", {"state": "open"})
    github_repository.rename(github_repository.full_name.partition("/")[2] + "-renamed")
    site.pass_time(minutes=1)
    run(site)
    assert (site.issue().repository, site.issue().closed_outside) == (github_repository.full_name, False)


def test_the_standing_comment_is_one_and_is_edited(site: Any, github_repository: GitHubRepository) -> None:
    site.environ = github_repository.environ | {"WORKBENCH_GITHUB_POLL_SECONDS": "0"}
    site.fail()
    site.work = lambda: run(site)
    site.work()
    for count in (2, 3):
        site.pass_time(hours=2)
        site.fail()
        site.work()
        (comment,) = github_repository.comments(1)
        assert f"**Seen {count} times** by now" in comment
    writes = len([one for one in github_repository.requests if one.method != "GET"])
    site.pass_time(hours=2)
    site.work()
    assert len([one for one in github_repository.requests if one.method != "GET"]) == writes


def run(site: Any) -> None:
    from workbench.tracker.worker import work_once

    work_once(site.config(), site.engine, environ=site.environ, now=site.now)


def test_an_app_gets_a_token_for_its_installation_and_a_new_one_before_that_ends(
    github_repository: GitHubRepository,
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from workbench.tracker.app import App

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The App and its installation are answered here; what the installation's token may do is the stand-in's.
    soon = f"{datetime.now(UTC) + timedelta(seconds=5):%Y-%m-%dT%H:%M:%SZ}"
    later = f"{datetime.now(UTC) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    proxy = github_repository._proxy
    proxy.break_next("GET", f"/repos/{github_repository.full_name}/installation", json_of({"id": 5}))
    for expires in (soon, later):
        told = {"token": github_repository.token, "expires_at": expires, "permissions": {}}
        proxy.break_next("POST", "/app/installations/5/access_tokens", json_of(told, 201))
    settings = GitHubSettings(github_repository.full_name, github_repository.base_url, "")
    client = GitHub(replace(settings, app=App("123", key.decode())))
    try:
        opened = client.issues(github_repository.full_name)
        opened.create("from an App", "text")
        opened.create("another", "text")
    finally:
        client.close()
    assert [issue["title"] for issue in github_repository.issues()] == ["from an App", "another"]
    asked = [one for one in proxy.requests if one.path == "/app/installations/5/access_tokens"]
    assert len(asked) == 2
    assert client.login() == ""


def json_of(data: Any, status: int = 200) -> Fault:
    return Fault(answer=Answer(status, json.dumps(data).encode()))
