"""What the worker does for a bug, from its first failure to its sign-off and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from capture.testing import NOW
from workbench.errors import ConfigurationError
from workbench.tracker.failures import Permanent, Temporary, Uncertain
from workbench.tracker.markers import issue_marker
from workbench.tracker.testing import FakeIssue
from workbench.tracker.worker import Done, work_once

SIGN_OFF = {
    "sign_off": 1,
    "by": "Ada",
    "at": "2026-11-22T12:00:00+00:00",
    "commit": "4f2d1c0",
    "branch": "fix/b-001",
    "note": "",
    "verdict": "demonstrated",
    "reason": "fails on the base, passes on the fix",
}


def only_issue(site: Any) -> FakeIssue:
    (issue,) = site.tracker.repositories["bot/clinic"].opened.values()
    return issue


def sign_off(site: Any) -> None:
    site.owe("comment_issue", "sign-off 1", body=SIGN_OFF)
    site.move("closed")


def test_a_new_bug_gets_its_file_and_its_issue(site: Any) -> None:
    site.fail()
    assert sorted(site.work(), key=lambda done: done.kind) == [
        Done("open_issue", 1, "opened issue bot/clinic#1"),
        Done("write_file", 1, "wrote B-001.md"),
        Done("write_file", 1, "wrote B-001.md"),  # again, now that its issue is known
    ]
    assert "KeyError" in (site.folder / "bugs" / "B-001.md").read_text()
    issue = only_issue(site)
    assert issue.title == "KeyError: 'rabbit' in price_of"
    assert issue_marker("clinic", "a1b2c3d4e5f60718") in issue.body
    linked = site.issue()
    assert (linked.repository, linked.number, linked.state) == ("bot/clinic", 1, "open")
    assert linked.synced_at == NOW


PULL = {**SIGN_OFF, "branch": "fix/b-001", "base": "main"}


def test_a_fix_that_was_signed_off_gets_one_pull_request(site: Any) -> None:
    site.fail()
    site.work()
    site.owe("open_pull", "sign-off 1", body=PULL)
    site.move("closed")
    url = "https://github.example/bot/clinic/pull/2"
    assert Done("open_pull", 1, f"opened pull request bot/clinic#2: {url}") in site.work()
    pull = site.tracker.repositories["bot/clinic"].pulls["fix/b-001", "main"]
    assert pull.title == "Fix B-001: KeyError: 'rabbit' in price_of"
    assert "Issue: bot/clinic#1" in pull.body
    assert "Evidence: demonstrated" in pull.body
    site.owe("open_pull", "sign-off 2", body=PULL)
    assert Done("open_pull", 1, f"found pull request bot/clinic#2: {url}") in site.work()


def test_a_lost_answer_makes_no_second_pull_request(site: Any) -> None:
    site.fail()
    site.work()
    site.owe("open_pull", "sign-off 1", body=PULL)
    site.move("closed")
    lost = iter([Uncertain("lost")])

    def lose(step: str) -> None:
        if step == "after open pull" and (error := next(lost, None)):
            raise error

    site.tracker.on_step = lose
    assert any(done.outcome.startswith("opened pull request bot/clinic#2") for done in site.work())
    assert len(site.tracker.repositories["bot/clinic"].pulls) == 1


def test_no_pull_request_for_a_bug_that_came_back(site: Any) -> None:
    site.fail()
    site.work()
    site.owe("open_pull", "sign-off 1", body=PULL)
    assert any("was opened again, so no pull request" in done.outcome for done in site.work())
    assert site.tracker.repositories["bot/clinic"].pulls == {}


def test_the_bug_file_is_written_again_once_the_issue_is_known(site: Any) -> None:
    site.fail()
    site.work()
    assert "issue 1" in (site.folder / "bugs" / "B-001.md").read_text()


def test_work_that_is_done_is_not_done_again(site: Any) -> None:
    site.fail()
    site.work()
    site.work()
    steps = len(site.tracker.steps)
    assert site.work() == []
    assert len(site.tracker.steps) == steps


def test_a_sign_off_comments_and_closes(site: Any) -> None:
    site.fail()
    site.work()
    sign_off(site)
    outcomes = [done.outcome for done in site.work() if done.kind != "write_file"]
    assert outcomes == ["commented on issue bot/clinic#1", "closed issue bot/clinic#1"]
    issue = only_issue(site)
    assert (issue.found.state, issue.reason) == ("closed", "completed")
    (comment,) = issue.comments.values()
    assert "signed off** by Ada" in comment
    assert site.issue().state == "closed"


def test_a_recurrence_reopens_and_says_in_which_release(site: Any) -> None:
    site.fail()
    site.work()
    sign_off(site)
    site.work()
    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")
    outcomes = [done.outcome for done in site.work() if done.kind != "write_file"]
    assert outcomes == ["reopened issue bot/clinic#1", "told issue bot/clinic#1 how often it was seen"]
    assert only_issue(site).found.state == "open"
    assert "release 9a9a9a9" in list(only_issue(site).comments.values())[-1]


def test_a_bug_closed_before_its_issue_was_opened_gets_none(site: Any) -> None:
    site.fail()
    sign_off(site)
    outcomes = [done.outcome for done in site.work() if done.kind != "write_file"]
    assert outcomes == ["the bug was closed before an issue was opened", "no issue was opened", "no issue was opened"]
    assert site.tracker.repositories == {}


def test_a_bug_that_comes_back_without_an_issue_gets_one(site: Any) -> None:
    site.fail()
    sign_off(site)
    site.work()
    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")
    site.work()
    assert only_issue(site).found.state == "open"
    assert len(only_issue(site).comments) == 1
    assert site.issue().number == 1


def test_a_bug_that_was_opened_again_keeps_its_issue_open(site: Any) -> None:
    site.fail()
    site.work()
    site.move("closed")
    site.move("open")
    outcomes = [done.outcome for done in site.work() if done.kind != "write_file"]
    assert outcomes == [
        "the bug was opened again, so its issue stays open",
        "issue bot/clinic#1 was open already",
    ]
    assert only_issue(site).found.state == "open"


def test_a_bug_that_was_closed_again_keeps_its_issue_closed(site: Any) -> None:
    site.fail()
    site.work()
    site.move("closed")
    site.work()
    site.move("open")
    site.move("closed")
    outcomes = [done.outcome for done in site.work() if done.kind != "write_file"]
    assert outcomes == [
        "the bug was closed again, so its issue stays closed",
        "issue bot/clinic#1 was closed already",
    ]


def test_an_issue_that_exists_is_found_and_not_opened_twice(site: Any) -> None:
    marker = issue_marker("clinic", "a1b2c3d4e5f60718")
    site.tracker.issues("bot/clinic").create("from another database", marker)
    site.fail()
    assert "found issue bot/clinic#1" in [done.outcome for done in site.work()]
    assert site.issue().number == 1


def test_a_closed_issue_of_the_same_fault_is_reopened(site: Any) -> None:
    issues = site.tracker.issues("bot/clinic")
    issues.create("from another database", issue_marker("clinic", "a1b2c3d4e5f60718"))
    issues.set_state(1, "closed", "completed")
    site.fail()
    outcomes = [done.outcome for done in site.work()]
    assert "reopened issue bot/clinic#1, which was opened for this fault before" in outcomes
    assert only_issue(site).found.state == "open"


def test_an_issue_that_belongs_to_another_bug_is_not_taken(site: Any) -> None:
    site.fail()
    site.work()
    site.fail(key="ffffffffffffffff")
    first = only_issue(site)
    first.body += issue_marker("clinic", "ffffffffffffffff") + "\r\nwritten by a person"
    (done,) = [done for done in site.work() if done.kind == "open_issue"]
    assert (done.bug, done.state) == (2, "parked")
    assert done.outcome == "Issue bot/clinic#1 belongs to another bug already."
    assert site.issue(2) is None


def test_two_databases_share_one_issue_but_not_their_comments(site: Any) -> None:
    site.fail()
    site.work()
    sign_off(site)
    site.work()
    assert len(only_issue(site).comments) == 1


def test_without_github_the_files_are_written_and_issues_stay_owed(site: Any) -> None:
    site.environ = {}
    site.fail()
    assert [done.kind for done in site.work()] == ["write_file"]
    (row,) = site.rows("open_issue")
    assert (row.state, row.attempts) == ("due", 0)
    assert site.tracker.steps == []


def test_github_set_up_later_gets_an_issue_for_every_bug_that_is_not_closed(site: Any) -> None:
    site.fail()
    site.fail(key="ffffffffffffffff")
    site.move("closed")
    site.work()
    with Session(site.engine) as session:
        for row in (*site.rows(), site.issue(1), site.issue(2)):
            if row is not None:
                session.delete(row)
        session.commit()
    assert [(done.kind, done.bug) for done in site.work()] == [("open_issue", 2), ("write_file", 2)]
    assert site.work() == []


def test_a_bug_reopened_after_its_row_was_settled_is_owed_one_anew(site: Any) -> None:
    site.fail()
    sign_off(site)
    site.work()
    with Session(site.engine) as session:
        for row in site.rows("reopen_issue"):
            session.delete(row)
        session.commit()
    site.move("open")
    site.work()
    assert site.issue().number == 1


def test_a_token_that_is_missing_stops_a_single_run_before_anything_is_done(site: Any) -> None:
    site.environ = {"WORKBENCH_GITHUB_REPOSITORY": "bot/clinic"}
    site.fail()
    with pytest.raises(ConfigurationError, match="no token") as caught:
        work_once(site.config(), site.engine, environ=site.environ, now=site.now)
    assert "GITHUB_TOKEN" in caught.value.cure
    assert not (site.folder / "bugs").exists()


def test_a_single_run_does_all_that_is_due_and_closes_its_connections(site: Any) -> None:
    site.fail()
    done = work_once(
        site.config(), site.engine, environ=site.environ, now=site.now, connect=lambda _settings: site.tracker
    )
    assert {one.kind for one in done} >= {"write_file", "open_issue"}
    assert site.tracker.is_closed


def test_what_fails_for_a_time_is_tried_again_later(site: Any) -> None:
    def down(step: str) -> None:
        if step == "before create":
            raise Temporary("GitHub is down.")

    site.fail()
    site.tracker.on_step = down
    (failed,) = [done for done in site.work() if done.kind == "open_issue"]
    assert (failed.state, failed.outcome) == ("due", "GitHub is down.")
    assert site.work() == []
    site.tracker.on_step = lambda _step: None
    site.pass_time(minutes=1)
    assert "opened issue bot/clinic#1" in [done.outcome for done in site.work()]


def test_what_cannot_work_is_parked_with_reason_and_cure(site: Any) -> None:
    def refuse(_step: str) -> None:
        raise Permanent("There is no such repository.", cure="Check github.repository.")

    site.fail()
    site.tracker.on_step = refuse
    site.work()
    (row,) = site.rows("open_issue")
    assert (row.state, row.outcome) == ("parked", "There is no such repository. Check github.repository.")


def test_a_rate_limit_stops_all_requests_until_it_is_over_but_no_files(site: Any) -> None:
    def limit(step: str) -> None:
        if step == "before create":
            raise Temporary("limit", after=timedelta(minutes=10))

    for number in range(3):
        site.fail(key=f"{number:016x}")
    site.tracker.on_step = limit
    worker = site.worker()
    kinds = [done.kind for done in worker.round()]
    assert kinds.count("open_issue") == 1
    assert kinds.count("write_file") == 3
    site.tracker.on_step = lambda _step: None
    worker.round()
    assert len(site.rows("open_issue")) == 3
    assert {row.state for row in site.rows("open_issue")} == {"due"}
    site.pass_time(minutes=11)
    assert [done.kind for done in worker.round()].count("open_issue") == 3


def test_an_uncertain_write_delays_only_its_own_row(site: Any) -> None:
    doubts = iter([Uncertain("lost")])

    def lose(step: str) -> None:
        if step == "before create":
            for doubt in doubts:
                raise doubt

    for number in range(3):
        site.fail(key=f"{number:016x}")
    site.tracker.on_step = lose
    states = sorted(done.state for done in site.work() if done.kind == "open_issue")
    assert states == ["done", "done", "due"]


def test_a_mistake_of_ours_is_kept_to_its_row(site: Any, caplog: pytest.LogCaptureFixture) -> None:
    def stumble(step: str) -> None:
        if step == "find":
            raise ZeroDivisionError

    site.fail()
    site.tracker.on_step = stumble
    (failed,) = [done for done in site.work() if done.kind == "open_issue"]
    assert (failed.state, failed.outcome) == ("due", "The workbench itself failed at this (ZeroDivisionError).")
    assert "owed action" in caplog.text


def test_a_bug_file_that_cannot_be_written_is_tried_again(site: Any) -> None:
    (site.folder / "bugs").write_text("a file where the folder should be")
    site.fail()
    (failed,) = [done for done in site.work() if done.kind == "write_file"]
    assert failed.state == "due"
    assert failed.outcome.startswith("The bug file could not be written: ")
    (site.folder / "bugs").unlink()
    site.pass_time(minutes=1)
    site.work()
    assert (site.folder / "bugs" / "B-001.md").exists()


def test_the_file_of_another_bug_is_parked_and_not_written_over(site: Any) -> None:
    """A fresh database on a repository that has bug files already."""
    path = site.folder / "bugs" / "B-001.md"
    path.parent.mkdir()
    path.write_text('---\nfingerprints: ["ffff"]\n---\nanother bug\n')
    site.fail()
    failed = [done for done in site.work() if done.kind == "write_file"]
    assert {done.state for done in failed} == {"parked"}
    (row, *_) = site.rows("write_file")
    assert "B-001.md is the file of another bug. Use the database that the files came from" in row.outcome
    assert path.read_text().endswith("another bug\n")


def test_a_worker_that_overslept_says_that_its_action_is_lost(site: Any) -> None:
    def oversleep(step: str) -> None:
        if step == "before create":
            site.tracker.on_step = lambda _step: None
            site.pass_time(hours=1)
            site.work()

    site.fail()
    site.tracker.on_step = oversleep
    states = {done.state for done in site.work() if done.kind == "open_issue"}
    assert states == {"lost"}
    opened = site.tracker.repositories["bot/clinic"].opened.values()
    assert [issue.found.state for issue in opened] == ["open", "closed"]
    assert site.issue().number == 1
