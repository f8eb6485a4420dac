"""What people do on GitHub shows at the bugs: closed, reopened, relabelled, commented, transferred, deleted."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from capture.store.tables import Bug, Delivery, IssueComment, IssueFeed, Mention, OutboxRow
from workbench import doctor
from workbench.bugs.acts import link, unlink
from workbench.bugs.queries import bug_page
from workbench.cli import bugs as commands
from workbench.cli import shapes
from workbench.errors import Refused
from workbench.tracker import outbox
from workbench.tracker.adopting import adopt_by_hand
from workbench.tracker.failures import Permanent, Temporary
from workbench.tracker.health import health
from workbench.tracker.noting import GONE
from workbench.tracker.port import Commit, Page
from workbench.tui.documents.outside import outside_lines

CLINIC = "bot/clinic"


@pytest.fixture
def there(site: Any) -> Any:
    """The issues on the other side, of a site whose first bug has its issue, read once."""
    site.environ = {**site.environ, "WORKBENCH_GITHUB_POLL_SECONDS": "60", "WORKBENCH_GITHUB_STATUS_MINUTES": "0"}
    site.tracker.now = site.now
    site.fail()
    site.work()
    site.pass_time(minutes=2)
    site.work()
    return site.tracker.repositories[CLINIC]


def all_of(site: Any, model: Any) -> list[Any]:
    with Session(site.engine, expire_on_commit=False) as session:
        return list(session.exec(select(model).order_by(*model.__table__.primary_key)))


def later(site: Any) -> None:
    """Let a minute pass, and a worker look."""
    site.pass_time(minutes=1)
    site.work()


def test_an_issue_closed_by_hand_is_closed_outside_and_signs_nothing_off(site: Any, there: Any) -> None:
    there.change(1, state="closed", closed_by="eve")
    later(site)
    row = site.issue()
    assert (row.state, row.closed_outside, row.closed_by) == ("closed", True, "eve")
    (bug,) = all_of(site, Bug)
    assert bug.state == "open"
    assert "closed outside by eve" in (site.folder / "bugs" / "B-001.md").read_text()
    page = bug_page(site.engine, 1, now=site.clock)
    assert shapes.bug(page.row)["issue"]["closed_outside"] is True
    assert "issue bot/clinic#1 closed outside by eve" in "\n".join(line.text for line in outside_lines(page, 100))
    assert "closed outside" in commands._line(page.row, site.clock)[-1]
    there.change(1, state="open")
    later(site)
    assert (site.issue().state, site.issue().closed_outside) == ("open", False)


def test_an_issue_that_a_sign_off_closed_is_not_closed_outside(site: Any, there: Any) -> None:
    site.move("closed")
    later(site)
    later(site)
    assert (site.issue().state, site.issue().closed_outside) == ("closed", False)
    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")  # it came back; its issue is still closed until the worker has been there
    later(site)
    assert (site.issue().state, site.issue().closed_outside) == ("open", False)


def test_labels_and_the_number_of_comments_are_those_on_github(site: Any, there: Any) -> None:
    there.change(1, labels=("bug", "billing"), is_locked=True)
    there.hear(1, "seen on staging")
    later(site)
    row = site.issue()
    assert (row.labels, row.comments, row.is_locked) == (["bug", "billing"], 1, True)


def test_comments_of_people_are_kept_once_and_ours_are_not(site: Any, there: Any) -> None:
    there.hear(1, "seen on staging")
    there.hear(1, "ours\n<!-- bug-workbench comment 0123456789abcdef01234567 -->")
    later(site)
    later(site)
    assert [(one.author, one.text) for one in all_of(site, IssueComment)] == [("ada", "seen on staging")]
    there._issue(1).comments[1] = "not on staging"
    there._issue(1).written_at[1] = site.clock
    later(site)
    assert [one.text for one in all_of(site, IssueComment)] == ["not on staging"]


def test_what_people_write_is_shown_inert(site: Any, there: Any) -> None:
    there.hear(1, "\x1b[31mred\u202e @everyone [link](javascript:x)")
    there.change(1, labels=("\x1b]0;x\x07",), state="closed", closed_by="\x1b[2J")
    there.commits.append(Commit("\x1b" * 40, "https://c/\x1b", "B-001 \x1b[31m", "\x1b", site.clock))
    later(site)
    page = bug_page(site.engine, 1, now=site.clock)
    shown = "\n".join(line.text for line in outside_lines(page, 100))
    filed = (site.folder / "bugs" / "B-001.md").read_text()
    assert "red" in shown
    assert not any(char in shown + filed for char in "\x1b\u202e\x07")


def test_a_list_that_says_nothing_new_is_not_written_down(site: Any, there: Any) -> None:
    changed = all_of(site, Bug)[0].changed_at
    owed = len(all_of(site, OutboxRow))
    for _minute in range(3):
        later(site)
    assert all_of(site, Bug)[0].changed_at == changed
    assert len(all_of(site, OutboxRow)) == owed


def test_what_was_read_before_our_own_change_is_not_believed(site: Any, there: Any) -> None:
    there.change(1, state="closed", closed_by="eve")
    stale = there._remote(1)
    site.pass_time(minutes=1)
    there.change(1, state="open")
    later(site)
    there.changes = lambda feed, **_asked: Page([stale] if feed == "issues" else [])
    later(site)
    assert site.issue().state == "open"


def test_a_deleted_issue_is_told_once_somebody_looks(site: Any, there: Any) -> None:
    del there.opened[1]
    site.pass_time(days=1)
    later(site)
    assert site.issue().note == GONE
    looks = site.tracker.steps.count("look")
    later(site)
    assert site.tracker.steps.count("look") == looks


def test_a_transferred_issue_is_followed_to_its_new_number(site: Any, there: Any) -> None:
    issue = there.opened[1]
    issue.found = replace(
        issue.found, repository="bot/other", number=7, url="https://github.example/bot/other/issues/7"
    )
    deliver(site, 1, "transferred")
    later(site)
    row = site.issue()
    assert (row.repository, row.number, row.note) == ("bot/other", 7, "transferred from bot/clinic#1")


def test_an_issue_of_a_renamed_repository_was_not_transferred(site: Any, there: Any) -> None:
    """Looked at before the lists of its repository are read again, which would follow the new name too."""
    old = site.tracker.issues("bot/old")
    old.create("by hand", "text")
    unlink(site.engine, 1, by="Ada", now=site.clock)
    link(site.engine, 1, repository="bot/old", issue=1, url="https://g/bot/old/issues/1", by="Ada", now=site.clock)
    later(site)
    old.full_name = "bot/new"
    old.opened[1].found = replace(old.opened[1].found, repository="bot/new", url="https://g/bot/new/issues/1")
    with site.engine.begin() as connection:
        much_later = {"next_at": site.clock + timedelta(days=9)}
        connection.execute(sa.update(IssueFeed).where(IssueFeed.repository == "bot/old").values(much_later))
    site.pass_time(days=1)
    later(site)
    row = site.issue()
    assert (row.repository, row.number, row.url, row.note) == ("bot/new", 1, "https://g/bot/new/issues/1", "")


def deliver(site: Any, number: int | None, action: str, id_: str = "d1") -> None:
    with Session(site.engine) as session:
        row = Delivery(id=id_, repository=CLINIC, event="issues", action=action, number=number, received_at=site.clock)
        session.add(row)
        session.commit()


def test_a_webhook_makes_the_lists_due_at_once(site: Any, there: Any) -> None:
    site.work()
    there.change(1, state="closed")
    site.work()
    assert site.issue().state == "open"  # the minute is not over
    deliver(site, 1, "closed")
    site.work()
    assert site.issue().state == "closed"
    assert all_of(site, Delivery)[0].done_at is not None


def test_an_issue_linked_by_hand_is_looked_at(site: Any, there: Any) -> None:
    there.create("by hand", "text")
    there.change(2, state="closed", closed_by="eve", is_pull=True)
    unlink(site.engine, 1, by="Ada", now=site.clock)
    link(site.engine, 1, repository=CLINIC, issue=2, url="u", by="Ada", now=site.clock)
    later(site)
    row = site.issue()
    assert (row.number, row.state, row.closed_outside, row.is_pull) == (2, "closed", True, True)


def test_a_pull_request_is_neither_closed_nor_reopened(site: Any, there: Any) -> None:
    there.change(1, is_pull=True)
    later(site)
    site.move("closed")
    outcomes = [done.outcome for done in site.work() if done.kind == "close_issue"]
    assert outcomes == ["bot/clinic#1 is a pull request, which is left as it is"]
    assert there.opened[1].found.state == "open"


def test_commits_and_pull_requests_that_name_a_bug_are_found(site: Any, there: Any) -> None:
    there.create("Fix the price", "Closes #1")
    there.change(2, is_pull=True)
    there.create("Another", "B-001x and AB-001 and B-999")
    there.change(3, is_pull=True)
    there.commits.append(Commit("a" * 40, "https://c/1", "B-001: mend\n\nmore", "ada", site.clock))
    there.commits.append(Commit("b" * 40, "https://c/2", "unrelated", "ada", site.clock))
    later(site)
    later(site)
    found = sorted((one.kind, one.title, one.state) for one in all_of(site, Mention))
    assert found == [("commit", "B-001: mend", "a" * 12), ("pull", "Fix the price", "open")]
    there.change(2, is_merged=True, state="closed")
    later(site)
    assert {one.state for one in all_of(site, Mention) if one.kind == "pull"} == {"merged"}


def test_who_names_every_bug_names_none(site: Any, there: Any) -> None:
    there.create("all", " ".join(f"B-{number:03}" for number in range(1, 30)))
    there.change(2, is_pull=True)
    later(site)
    assert all_of(site, Mention) == []


def test_issues_with_the_label_are_adopted_where_that_is_wanted(site: Any, there: Any) -> None:
    there.create("the printer burns", "really")
    later(site)
    assert len(all_of(site, Bug)) == 1
    site.environ = {**site.environ, "WORKBENCH_GITHUB_ADOPT": "on"}
    there.change(2, labels=("Bug",), author="eve")
    there.create("no label", "")
    there.change(3, labels=())
    later(site)
    later(site)
    _first, second = all_of(site, Bug)
    assert (second.title, second.state) == ("the printer burns", "open")
    assert site.issue(2).number == 2
    assert {row.state for row in site.rows("open_issue")} == {"done"}
    assert len(there.opened) == 3
    unlink(site.engine, 2, by="Ada", now=site.clock)
    there.change(2, labels=("bug", "again"))
    later(site)
    assert len(all_of(site, Bug)) == 2


def test_a_rate_limit_lets_all_of_github_rest(site: Any, there: Any) -> None:
    site.tracker.on_step = refuse(Temporary("used up", after=timedelta(minutes=10)), "list issues")
    worker = site.worker()
    site.pass_time(minutes=1)
    worker.round()
    site.tracker.on_step = lambda _step: None
    site.fail(key="ffffffffffffffff")
    there.change(1, state="closed")
    worker.round()
    assert len(there.opened) == 1
    assert site.issue().state == "open"
    site.pass_time(minutes=11)
    worker.round()
    assert len(there.opened) == 2
    assert site.issue().state == "closed"


def test_a_new_token_need_not_wait_for_the_limit_of_the_old_one(site: Any, there: Any) -> None:
    site.tracker.on_step = refuse(Temporary("used up", after=timedelta(hours=1)), "list issues")
    environ = dict(site.environ)
    site.environ = environ
    worker = site.worker()
    site.pass_time(minutes=1)
    worker.round()
    site.tracker.on_step = lambda _step: None
    environ["GITHUB_TOKEN"] = "another"
    site.fail(key="ffffffffffffffff")
    worker.round()
    assert len(there.opened) == 2


def test_a_bug_that_a_person_unlinked_gets_no_issue_when_all_that_failed_is_tried_again(site: Any, there: Any) -> None:
    unlink(site.engine, 1, by="Ada", now=site.clock)
    assert outbox.retry_parked(site.engine, now=site.clock) == 0
    (finding,) = [doctor._outbox(site.engine, site.config(), site.clock)]
    site.work()
    assert site.issue() is None
    assert finding.status != "wrong"


def test_what_cannot_be_read_is_said_and_tried_again(site: Any, there: Any) -> None:
    site.tracker.on_step = refuse(Permanent("GitHub answered 403", cure="Give it rights."), "list commits")
    later(site)
    (commits,) = [feed for feed in all_of(site, IssueFeed) if feed.kind == "commits"]
    assert commits.problem == "GitHub answered 403 Give it rights."
    site.tracker.on_step = lambda _step: None
    site.pass_time(minutes=11)
    site.work()
    assert {feed.problem for feed in all_of(site, IssueFeed)} == {""}


def refuse(failure: Exception, at: str) -> Any:
    def strike(step: str) -> None:
        if step == at:
            raise failure

    return strike


class Killed(BaseException):
    """The process ended here."""


@pytest.mark.parametrize("fatal", range(1, 8))
def test_a_worker_that_dies_at_any_request_has_it_read_again(site: Any, there: Any, fatal: int) -> None:
    there.change(1, state="closed", closed_by="eve")
    there.hear(1, "seen on staging")
    there.create("Fix", "B-001")
    there.change(2, is_pull=True)
    deliver(site, 1, "closed")
    begun = len(site.tracker.steps)

    def strike(_step: str) -> None:
        if len(site.tracker.steps) - begun == fatal:
            raise Killed

    site.tracker.on_step = strike
    site.pass_time(minutes=1)
    try:
        site.work()
    except Killed:
        pass
    else:
        assert len(site.tracker.steps) - begun < fatal
    site.tracker.on_step = lambda _step: None
    later(site)
    assert (site.issue().state, site.issue().closed_outside) == ("closed", True)
    assert [one.text for one in all_of(site, IssueComment)] == ["seen on staging"]
    assert [one.kind for one in all_of(site, Mention)] == ["pull"]
    assert len(all_of(site, Bug)) == 1


def test_two_workers_read_a_list_once(site: Any, there: Any) -> None:
    site.pass_time(minutes=1)
    before = site.tracker.steps.count("list issues")
    site.work()
    site.work()
    assert site.tracker.steps.count("list issues") == before + 1


def test_reading_works_the_same_on_postgresql(any_site: Any) -> None:
    any_site.environ = {**any_site.environ, "WORKBENCH_GITHUB_POLL_SECONDS": "60", "WORKBENCH_GITHUB_ADOPT": "on"}
    any_site.tracker.now = any_site.now
    any_site.fail()
    any_site.work()
    there = any_site.tracker.repositories[CLINIC]
    there.change(1, state="closed", closed_by="eve")
    there.hear(1, "seen\0on staging")
    there.create("by hand", "text")
    there.create("Fix", "B-001")
    there.change(3, is_pull=True)
    later(any_site)
    later(any_site)
    assert any_site.issue().closed_outside
    assert any_site.issue(2).number == 2
    with any_site.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(Mention)) == 1


def test_an_issue_is_adopted_by_hand_once(site: Any, there: Any) -> None:
    there.create("the printer burns", "really")
    assert adopt_by_hand(site.engine, there.look(2), by="Ada", now=site.clock) == 2
    with pytest.raises(Refused):
        adopt_by_hand(site.engine, there.look(2), by="Ada", now=site.clock)
    with pytest.raises(Refused, match="opened for a bug"):
        adopt_by_hand(site.engine, there.look(1), by="Ada", now=site.clock)
    assert site.issue(2).number == 2


def test_doctor_tells_what_cannot_be_read_and_how_much_was_written(site: Any, there: Any) -> None:
    site.tracker.on_step = refuse(Permanent("GitHub answered 403", cure="Give it rights."), "list commits")
    later(site)
    found = {one.subject: one for one in doctor._tracker(site.engine, site.config(), site.clock)}
    assert found["GitHub writes"].message == "1 of 400 within the last hour"
    assert found["GitHub reading"].message.startswith("commits of bot/clinic: GitHub answered 403")


def test_the_hourly_budget_ends_writes_and_keeps_room_for_what_people_wait_for(site: Any) -> None:
    site.environ = {**site.environ, "WORKBENCH_GITHUB_HOURLY_WRITES": "4"}
    for key in ("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc"):
        site.fail(key=key)
    site.owe("status_issue", "test", number=1)
    site.work()
    assert [row.state for row in site.rows("open_issue")] == ["done"] * 3
    assert [row.state for row in site.rows("status_issue")] == ["due"]  # three of four are for counts at most
    site.fail(key="dddddddddddddddd")
    site.fail(key="eeeeeeeeeeeeeeee")
    worker = site.worker()
    worker.round()
    assert [row.state for row in site.rows("open_issue")] == ["done"] * 4 + ["due"]
    assert "4 writes of this hour" in worker.status
    site.pass_time(minutes=61)
    worker.round()
    assert {row.state for row in site.rows()} == {"done"}
    assert worker.status == ""


@pytest.mark.parametrize("fatal", range(1, 10))
def test_a_worker_that_dies_while_telling_counts_leaves_one_comment(site: Any, fatal: int) -> None:
    site.tracker.now = site.now
    site.fail()
    site.work()
    begun = len(site.tracker.steps)

    def strike(_step: str) -> None:
        if len(site.tracker.steps) - begun == fatal:
            raise Killed

    site.tracker.on_step = strike
    for _life in range(3):
        site.pass_time(hours=2)
        site.fail()
        with suppress(Killed):
            site.work()
    site.tracker.on_step = lambda _step: None
    site.pass_time(hours=2)
    site.work()
    (comment,) = site.tracker.repositories[CLINIC].opened[1].comments.values()
    assert "**Seen 4 times** by now" in comment


def test_the_lists_of_a_repository_that_is_out_of_use_are_left_alone(site: Any) -> None:
    """Its rows stay due for good: they keep no worker busy, and nobody is told to read them."""
    site.environ = {**site.environ, "WORKBENCH_GITHUB_POLL_SECONDS": "60"}
    with Session(site.engine) as session:
        session.add(IssueFeed(repository="bot/old-clinic", kind="issues", next_at=site.clock - timedelta(days=9)))
        session.commit()
    worker = site.worker()
    worker.round()
    begun: list[str] = []
    sa.event.listen(site.engine, "begin", lambda connection: begun.append(str(connection.get_execution_options())))
    worker.round()
    assert begun
    assert not any("write" in options for options in begun)
    found = health(site.engine, ["bot/clinic"], most=0, now=site.clock)
    assert {feed.repository for feed in found.feeds} == {"bot/clinic"}
