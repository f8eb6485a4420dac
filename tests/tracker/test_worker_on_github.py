"""The worker against the stand-in for GitHub: a bug's whole life, and every refusal parked with its reason."""

from __future__ import annotations

from typing import Any

import pytest
from sqlmodel import Session
from standins import faults
from standins.faults import Answer, Fault
from standins.github import GitHubRepository, GitHubServer

from workbench.tracker import outbox
from workbench.tracker.worker import Done, work_once

pytestmark = pytest.mark.github


@pytest.fixture
def repository(site: Any, github_repository: GitHubRepository) -> GitHubRepository:
    site.environ = github_repository.environ
    return github_repository


def work(site: Any) -> list[Done]:
    return work_once(site.config(), site.engine, environ=site.environ, now=site.now)


def test_a_bug_from_its_issue_to_its_sign_off_and_back(site: Any, repository: GitHubRepository) -> None:
    site.fail()
    work(site)
    (issue,) = repository.issues()
    assert issue["title"] == "KeyError: 'rabbit' in price_of"
    assert [label["name"] for label in issue["labels"]] == ["bug"]
    assert (site.issue().repository, site.issue().url) == (repository.full_name, issue["html_url"])

    site.owe("comment_issue", "sign-off 1", body={"sign_off": 1, "by": "Ada", "verdict": "demonstrated"})
    site.move("closed")
    work(site)
    (issue,) = repository.issues()
    assert (issue["state"], issue["state_reason"], issue["comments"]) == ("closed", "completed", 1)
    assert site.issue().state == "closed"

    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")
    work(site)
    (issue,) = repository.issues()
    assert (issue["state"], issue["comments"]) == ("open", 2)
    assert work(site) == []


@pytest.mark.parametrize("status", [401, 403, 404, 410, 422])
def test_a_refusal_is_parked_with_its_reason_and_done_after_a_retry(
    site: Any, repository: GitHubRepository, status: int
) -> None:
    repository.break_next("POST", "/issues", Fault(answer=Answer.said(status, "No.")))
    site.fail()
    work(site)
    (row,) = site.rows("open_issue")
    assert row.state == "parked"
    assert f"GitHub answered {status}" in row.outcome
    assert row.outcome.endswith("retry.")
    assert repository.issues() == []
    outbox.retry(site.engine, row.id, now=site.clock)
    work(site)
    assert len(repository.issues()) == 1


@pytest.mark.parametrize(
    "fault",
    [faults.REFUSED_BEFORE, faults.LOST_AFTER, faults.RESET_AFTER, faults.TRUNCATED_AFTER, faults.TWICE],
    ids=["502 before", "502 after", "reset after", "truncated", "twice"],
)
def test_whatever_becomes_of_the_answer_there_is_one_open_issue(
    site: Any, repository: GitHubRepository, fault: Fault
) -> None:
    repository.break_next("POST", "/issues", fault)
    site.fail()
    work(site)
    site.pass_time(minutes=1)
    work(site)
    assert [issue["state"] for issue in repository.issues()].count("open") == 1
    assert site.issue().number == 1
    assert {row.state for row in site.rows()} == {"done"}


def test_a_repository_renamed_between_two_actions_is_followed(site: Any, repository: GitHubRepository) -> None:
    site.fail()
    work(site)
    old = repository.full_name
    repository.rename(old.partition("/")[2] + "-renamed")
    site.move("closed")
    work(site)
    (issue,) = repository.issues()
    assert issue["state"] == "closed"
    assert site.issue().repository == repository.full_name != old


def test_a_deleted_issue_is_told(site: Any, repository: GitHubRepository) -> None:
    site.fail()
    work(site)
    gone = Fault(answer=Answer.said(410, "This issue was deleted"))
    repository.break_next("GET", "/issues/1", gone)
    site.move("closed")
    work(site)
    (row,) = site.rows("close_issue")
    assert row.state == "parked"
    assert "This issue was deleted" in row.outcome


def test_an_issue_that_is_not_shown_yet_is_asked_for_again(site: Any, repository: GitHubRepository) -> None:
    """GitHub answers 404 for some seconds where a server has not heard of what another one made."""
    site.fail()
    work(site)
    site.move("closed")
    for _attempt in range(2):
        repository.break_next("GET", "/issues/1", Fault(answer=Answer.said(404, "Not Found")))
        work(site)
        (row,) = site.rows("close_issue")
        assert row.state == "due"
        assert row.outcome.endswith("It was opened a moment ago: it is tried again.")
        site.pass_time(minutes=1)
    work(site)
    assert [issue["state"] for issue in repository.issues()] == ["closed"]


def test_an_issue_that_is_long_there_and_not_found_is_told(site: Any, repository: GitHubRepository) -> None:
    site.fail()
    work(site)
    site.pass_time(hours=1)
    site.move("closed")
    repository.break_next("GET", "/issues/1", Fault(answer=Answer.said(404, "Not Found")))
    work(site)
    (row,) = site.rows("close_issue")
    assert row.state == "parked"
    assert "workbench bugs unlink" in row.outcome


def test_a_transferred_issue_gets_what_is_owed_and_its_link_follows(
    site: Any, repository: GitHubRepository, github_server: GitHubServer
) -> None:
    """Before any list told of it. It has another number there, which is another issue's here."""
    site.environ = {**site.environ, "WORKBENCH_GITHUB_POLL_SECONDS": "0"}
    for key in ("a1b2c3d4e5f60718", "ffffffffffffffff"):
        site.fail(key=key)
        work(site)
    other = github_server.new_repository()
    for title in ("there before", "KeyError"):
        other.ask("POST", "/issues", {"title": title})
    github_server.proxy.move(f"/repos/{repository.full_name}/issues/1", f"/repos/{other.full_name}/issues/2")
    site.owe("comment_issue", body={"text": "a word"})
    for count in (2, 3):
        site.fail()
        site.owe("status_issue", f"count {count}")
        work(site)
        _word, standing = other.comments(2)
        assert f"**Seen {count} times** by now" in standing
    site.move("closed")
    work(site)
    assert {row.state for row in site.rows()} == {"done"}
    assert [(issue["state"], issue["comments"]) for issue in other.issues()] == [("open", 0), ("closed", 2)]
    assert [(site.issue(bug).repository, site.issue(bug).number) for bug in (1, 2)] == [
        (other.full_name, 2),
        (repository.full_name, 2),
    ]


def test_an_issue_whose_label_was_removed_is_found_by_another_database(site: Any, repository: GitHubRepository) -> None:
    site.fail()
    work(site)
    repository.ask("DELETE", "/issues/1/labels/bug")
    with Session(site.engine) as session:
        session.delete(site.issue())
        session.commit()
    site.owe("open_issue", "again")
    work(site)
    assert [issue["number"] for issue in repository.issues()] == [1]
    assert site.issue().number == 1


def test_an_issue_that_is_locked_while_it_is_written_to_parks_that_row_alone(
    site: Any, repository: GitHubRepository
) -> None:
    site.fail()
    site.fail(key="ffffffffffffffff")
    work(site)
    locked = Answer.said(403, "Unable to create comment because issue is locked.")
    repository.break_next("POST", f"/issues/{site.issue(1).number}/comments", Fault(answer=locked))
    for number in (1, 2):
        site.owe("comment_issue", number=number, body={"text": "a word"})
    work(site)
    first, second = site.rows("comment_issue")
    assert (first.state, second.state) == ("parked", "done")
    assert "locked" in first.outcome
    assert repository.comments(site.issue(1).number) == []
    outbox.retry(site.engine, first.id, now=site.clock)
    work(site)
    assert [len(repository.comments(number)) for number in (1, 2)] == [1, 1]


def test_a_token_revoked_in_the_middle_of_a_run_parks_the_row_and_doubles_nothing(
    site: Any, repository: GitHubRepository
) -> None:
    site.environ = {**site.environ, "WORKBENCH_GITHUB_POLL_SECONDS": "0"}
    for number in range(3):
        site.fail(key=f"{number:016x}")
    revoked = Fault(answer=Answer.said(401, "Bad credentials"))
    # Two lists are read, three issues are opened, and the list that looks after them is refused to each.
    repository.break_next("GET", "/issues", Fault(performed=1), times=2)
    repository.break_next("GET", "/issues", revoked, times=3)
    work(site)
    assert [row.state for row in site.rows("open_issue")] == ["parked"] * 3
    assert len(repository.issues()) == 3
    for row in site.rows("open_issue"):
        outbox.retry(site.engine, row.id, now=site.clock)
    work(site)
    assert {row.state for row in site.rows("open_issue")} == {"done"}
    assert [issue["state"] for issue in repository.issues()] == ["open"] * 3


def test_a_secondary_limit_while_reading_lets_all_wait_as_long_as_it_says(
    site: Any, repository: GitHubRepository
) -> None:
    site.environ = {**site.environ, "WORKBENCH_GITHUB_POLL_SECONDS": "0"}
    site.fail()
    site.fail(key="ffffffffffffffff")
    limit = Answer.said(403, "You have exceeded a secondary rate limit.", Retry_After="90")
    repository.break_next("GET", "/issues", Fault(answer=limit))
    work(site)
    assert repository.issues() == []
    assert {row.state for row in site.rows("open_issue")} == {"due"}
    first, second = sorted((row.due_at - site.clock).total_seconds() for row in site.rows("open_issue"))
    assert (first, second) == (0, 90)  # the second was put back untouched, and waits with the worker
    site.pass_time(seconds=91)
    work(site)
    assert len(repository.issues()) == 2


def test_the_token_is_nowhere_in_the_database(site: Any, repository: GitHubRepository) -> None:
    repository.break_next("POST", "/issues", Fault(answer=Answer.said(401, f"Bad credentials {repository.token}")))
    site.fail()
    work(site)
    with site.engine.connect() as connection:
        dump = "\n".join(connection.connection.iterdump())  # type: ignore[union-attr]
    assert repository.token not in dump
