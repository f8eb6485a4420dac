"""Whatever the network does to a write: one issue, one comment, or a failure that says why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from standins import faults
from standins.faults import Answer, Fault
from standins.github import GitHubRepository

from workbench.tracker.failures import Failure, Permanent, Temporary, Uncertain
from workbench.tracker.github import GitHub, Issues
from workbench.tracker.markers import comment_marker, issue_marker
from workbench.tracker.once import SETTLES_WITHIN, comment_once, open_once
from workbench.tracker.port import Found
from workbench.tracker.settings import GitHubSettings

pytestmark = pytest.mark.github

MARKER = issue_marker("clinic", "a1b2c3")
BODY = f"Something failed.\n\n{MARKER}\n"

ANSWER_LOST = {
    "502 before": faults.REFUSED_BEFORE,
    "502 after": faults.LOST_AFTER,
    "reset before": faults.RESET_BEFORE,
    "reset after": faults.RESET_AFTER,
    "hang before": faults.HANG_BEFORE,
    "hang after": faults.HANG_AFTER,
    "truncated": faults.TRUNCATED_AFTER,
    "performed twice": faults.TWICE,
    "500 after, performed twice": Fault(performed=2, answer=Answer.said(500, "Server Error")),
    "a page instead of an answer": Fault(performed=1, answer=Answer(200, faults.HTML, {"Content-Type": "text/html"})),
    "broken JSON": Fault(performed=1, answer=Answer(201, b'{"number": ')),
    "an empty answer": Fault(performed=1, answer=Answer(201, b"")),
    "redirected": Fault(answer=Answer.said(307, "Moved Permanently", Location="/elsewhere")),
}


def settings(repository: GitHubRepository) -> GitHubSettings:
    return GitHubSettings(repository.full_name, repository.base_url, repository.token)


@pytest.fixture
def client(github_repository: GitHubRepository) -> Iterator[GitHub]:
    client = GitHub(settings(github_repository), timeout=1)
    yield client
    client.close()


@pytest.fixture
def issues(client: GitHub, github_repository: GitHubRepository) -> Issues:
    return client.issues(github_repository.full_name)


def long_ago() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def open_it(issues: Issues) -> tuple[Found, bool]:
    return open_once(issues, {MARKER}, "A title", BODY, since=long_ago())


def opened_or_doubt(issues: Issues) -> Found | Failure:
    try:
        return open_it(issues)[0]
    except Failure as failure:
        return failure


def still_open(repository: GitHubRepository) -> list[int]:
    return [issue["number"] for issue in repository.issues() if issue["state"] == "open"]


def test_an_issue_is_opened_with_its_label_and_marker(issues: Issues, github_repository: GitHubRepository) -> None:
    found, is_new = open_it(issues)
    assert is_new
    (issue,) = github_repository.issues()
    assert (issue["title"], issue["body"]) == ("A title", BODY)
    assert [label["name"] for label in issue["labels"]] == ["bug"]
    assert found == Found(github_repository.full_name, 1, issue["html_url"], "open")


def test_opening_it_again_finds_it(issues: Issues, github_repository: GitHubRepository) -> None:
    opened, _new = open_it(issues)
    assert open_it(issues) == (opened, False)
    fresh = GitHub(settings(github_repository))
    assert open_it(fresh.issues(github_repository.full_name)) == (opened, False)
    fresh.close()
    assert len(github_repository.issues()) == 1


@pytest.mark.parametrize("fault", ANSWER_LOST.values(), ids=ANSWER_LOST)
def test_a_create_that_goes_wrong_ends_with_one_issue(
    issues: Issues, github_repository: GitHubRepository, fault: Fault
) -> None:
    github_repository.break_next("POST", "/issues", fault)
    found = opened_or_doubt(issues)
    if isinstance(found, Uncertain):
        assert found.after is not None
        assert found.after >= SETTLES_WITHIN
        assert still_open(github_repository) == []
        found, _new = open_it(issues)
    assert isinstance(found, Found)
    assert still_open(github_repository) == [found.number]
    assert open_it(issues) == (found, False)


@pytest.mark.parametrize("fault", ANSWER_LOST.values(), ids=ANSWER_LOST)
def test_a_comment_that_goes_wrong_is_there_once(
    issues: Issues, github_repository: GitHubRepository, fault: Fault
) -> None:
    found, _new = open_it(issues)
    since = long_ago()
    marker = comment_marker("comment_issue:1:sign-off 7", since)
    github_repository.break_next("POST", f"/issues/{found.number}/comments", fault)
    for _try in range(2):
        try:
            comment_once(issues, found.number, marker, f"Fixed.\n{marker}", since=since)
            break
        except Uncertain:
            assert github_repository.comments(found.number) == []
    assert github_repository.comments(found.number) == [f"Fixed.\n{marker}"]
    assert comment_once(issues, found.number, marker, f"Fixed.\n{marker}", since=since) is False


@pytest.mark.parametrize("fault", ANSWER_LOST.values(), ids=ANSWER_LOST)
def test_a_close_that_goes_wrong_ends_with_a_closed_issue(
    issues: Issues, github_repository: GitHubRepository, fault: Fault
) -> None:
    found, _new = open_it(issues)
    github_repository.break_next("PATCH", f"/issues/{found.number}", fault)
    try:
        issues.set_state(found.number, "closed", "completed")
    except Uncertain:
        issues.set_state(found.number, "closed", "completed")
    (issue,) = github_repository.issues()
    assert (issue["state"], issue["state_reason"]) == ("closed", "completed")
    assert issues.set_state(found.number, "closed", "completed")[1] is False


LIMITS = {
    "429 with a time": (Answer.said(429, "Too many requests", Retry_After="120"), 120),
    "429 without": (Answer.said(429, "Too many requests"), 60),
    "403 secondary with a time": (
        Answer.said(403, "You have exceeded a secondary rate limit.", Retry_After="90"),
        90,
    ),
    "403 secondary without": (Answer.said(403, "You have exceeded a secondary rate limit."), 60),
    "403 primary": (
        Answer.said(
            403,
            "API rate limit exceeded for user ID 1.",
            X_RateLimit_Remaining="0",
            X_RateLimit_Reset="1795348800",
            Date="Sun, 22 Nov 2026 11:50:00 GMT",
        ),
        601,
    ),
}


@pytest.mark.parametrize(("answer", "seconds"), LIMITS.values(), ids=LIMITS)
def test_a_rate_limit_says_how_long_to_wait_and_does_not_wait_itself(
    issues: Issues, github_repository: GitHubRepository, answer: Answer, seconds: int
) -> None:
    github_repository.break_next("POST", "/issues", Fault(answer=answer))
    with pytest.raises(Temporary) as caught:
        open_it(issues)
    assert caught.value.after == timedelta(seconds=seconds)
    assert not isinstance(caught.value, Uncertain)
    assert open_it(issues)[1]
    assert len(github_repository.issues()) == 1


REFUSED = {
    401: Answer.said(401, "Bad credentials"),
    403: Answer.said(403, "Resource not accessible by personal access token"),
    404: Answer.said(404, "Not Found"),
    410: Answer.said(410, "Issues has been disabled in this repository."),
    422: Answer.said(422, "Validation Failed"),
    451: Answer.said(451, "Repository access blocked"),
    400: Answer(400, b""),
}


@pytest.mark.parametrize("status", REFUSED)
def test_a_refusal_is_permanent_and_says_what_to_do(
    issues: Issues, github_repository: GitHubRepository, status: int
) -> None:
    github_repository.break_next("POST", "/issues", Fault(answer=REFUSED[status]))
    with pytest.raises(Permanent) as caught:
        open_it(issues)
    assert f"GitHub answered {status} to the request to open an issue in {github_repository.full_name}" in str(
        caught.value
    )
    assert caught.value.cure
    assert github_repository.issues() == []


@pytest.mark.parametrize("fault", ANSWER_LOST.values(), ids=ANSWER_LOST)
def test_when_looking_fails_nothing_is_written(
    issues: Issues, github_repository: GitHubRepository, fault: Fault
) -> None:
    github_repository.break_next("GET", "/issues", fault)
    if fault is faults.TWICE:  # a read that is performed twice is a read
        assert open_it(issues)[1]
        return
    found = opened_or_doubt(issues)
    if isinstance(found, Failure):
        assert not isinstance(found, Uncertain)
        assert github_repository.issues() == []
    else:
        # PyGithub reads an empty or redirected answer as an empty list. Nothing was there, so nothing is doubled.
        assert still_open(github_repository) == [found.number]


def test_a_repository_that_was_renamed_before_is_found(github_repository: GitHubRepository) -> None:
    old = settings(github_repository)
    github_repository.rename(github_repository.full_name.partition("/")[2] + "-renamed")
    client = GitHub(old)
    issues = client.issues(old.repository)
    found, _new = open_it(issues)
    client.close()
    assert found.repository == github_repository.full_name
    assert len(github_repository.issues()) == 1


def test_a_repository_that_is_renamed_in_between_gets_its_issue_from_the_next_client(
    issues: Issues, github_repository: GitHubRepository
) -> None:
    old = settings(github_repository)
    github_repository.rename(github_repository.full_name.partition("/")[2] + "-renamed")
    with pytest.raises(Failure):
        open_it(issues)
    assert github_repository.issues() == []
    client = GitHub(old)
    open_it(client.issues(old.repository))
    client.close()
    assert len(github_repository.issues()) == 1


def test_a_missing_repository_is_told(client: GitHub) -> None:
    with pytest.raises(Permanent, match=r"404.*open bot/nowhere") as caught:
        client.issues("bot/nowhere")
    assert "github.repository" in caught.value.cure


def test_a_server_that_is_not_there_is_temporary(github_repository: GitHubRepository) -> None:
    client = GitHub(GitHubSettings("bot/x", "http://127.0.0.1:9", "secret-token"), timeout=1)
    with pytest.raises(Temporary, match="did not answer") as caught:
        client.issues("bot/x")
    assert "secret-token" not in str(caught.value)


def test_the_token_is_in_no_error(issues: Issues, github_repository: GitHubRepository) -> None:
    said = f"Bad token {github_repository.token}\x1b[31m\nand more"
    github_repository.break_next("POST", "/issues", Fault(answer=Answer.said(401, said)))
    with pytest.raises(Permanent) as caught:
        open_it(issues)
    assert github_repository.token not in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.__cause__ is None
    assert github_repository.token not in repr(settings(github_repository))
