"""Workers that die among actions done together, at a pull request, at an adoption and within the settling itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from capture.store.tables import Bug
from workbench.tracker import outbox
from workbench.tracker.failures import Uncertain
from workbench.tracker.outbox import LEASE_SECONDS

PULL = {"branch": "fix/b-001", "base": "main", "sign_off": 1, "by": "Ada", "verdict": "demonstrated"}


class Killed(BaseException):
    """The process ended here: nothing of ours catches this."""


def at_step(site: Any, fatal: int, error: BaseException) -> Callable[[str], None]:
    begun = len(site.tracker.steps)

    def strike(_step: str) -> None:
        if len(site.tracker.steps) - begun == fatal:
            raise error

    return strike


def until_done(site: Any) -> None:
    for _life in range(9):
        with suppress(Killed):
            site.work()
            if all(row.state == "done" for row in site.rows()):
                return
        site.pass_time(seconds=LEASE_SECONDS + 1)
    pytest.fail(f"still owed: {[row for row in site.rows() if row.state != 'done']}")


def two_bugs_with_a_comment_each(site: Any) -> None:
    for number in (1, 2):
        site.fail(key=f"{number:016x}")
        site.owe("comment_issue", number=number, body={"text": f"word {number}"})


def assert_one_issue_and_one_comment_each(site: Any) -> None:
    opened = site.tracker.repositories["bot/clinic"].opened
    assert len(opened) == 2
    for number in (1, 2):
        (comment,) = opened[site.issue(number).number].comments.values()
        assert f"word {number}" in comment


TOGETHER = 16


def test_actions_done_together_share_their_lists(site: Any) -> None:
    two_bugs_with_a_comment_each(site)
    site.work()
    assert_one_issue_and_one_comment_each(site)
    assert len(site.tracker.steps) == TOGETHER
    assert (site.tracker.steps.count("find"), site.tracker.steps.count("comments")) == (2, 2)


@pytest.mark.parametrize("fatal", range(1, TOGETHER + 1))
def test_a_worker_that_dies_among_actions_done_together_leaves_one_of_each(site: Any, fatal: int) -> None:
    two_bugs_with_a_comment_each(site)
    site.tracker.on_step = at_step(site, fatal, Killed())
    until_done(site)
    assert_one_issue_and_one_comment_each(site)


def test_what_was_not_begun_is_put_back_as_if_it_had_not_been_taken(site: Any) -> None:
    two_bugs_with_a_comment_each(site)
    first, second = outbox.lease_many(site.engine, "w", outbox.ISSUE_KINDS, site.clock, 9)
    assert outbox.lease(site.engine, "v", outbox.ISSUE_KINDS, site.clock) is None
    outbox.put_back(site.engine, [second])
    again = outbox.lease(site.engine, "v", outbox.ISSUE_KINDS, site.clock)
    assert again is not None
    assert (again.id, again.attempt, first.attempt) == (second.id, 1, 1)
    outbox.put_back(site.engine, [second])  # no more this worker's: nothing is written
    assert outbox.lease(site.engine, "w", outbox.ISSUE_KINDS, site.clock) is None


def test_a_row_that_was_tried_before_is_taken_alone(site: Any) -> None:
    two_bugs_with_a_comment_each(site)
    taken = outbox.lease_many(site.engine, "dead", outbox.ISSUE_KINDS, site.clock, 1)
    heirs = outbox.lease_many(site.engine, "heir", outbox.ISSUE_KINDS, taken[0].until, 9)
    assert [(one.id, one.attempt) for one in heirs] == [(taken[0].id, 2)]


@pytest.mark.parametrize("fatal", range(1, 5))
@pytest.mark.parametrize("error", [Killed(), Uncertain("the answer was lost")], ids=["killed", "uncertain"])
def test_a_worker_that_dies_at_a_pull_request_leaves_one(site: Any, fatal: int, error: BaseException) -> None:
    site.fail()
    site.move("closed")
    until_done(site)
    site.owe("open_pull", body=PULL)
    begun = len(site.tracker.steps)
    site.tracker.on_step = at_step(site, fatal, error)
    until_done(site)
    assert len(site.tracker.steps) - begun > fatal  # it was struck, and went on
    repository = site.tracker.repositories["bot/clinic"]
    assert [pull.found.state for pull in repository.pulls.values()] == ["open"]
    assert site.rows("open_pull")[0].outcome.startswith(("opened", "found"))
    assert len(site.tracker.steps) >= fatal  # it was struck


def an_issue_to_adopt(site: Any) -> None:
    site.environ = {
        **site.environ,
        "WORKBENCH_GITHUB_POLL_SECONDS": "60",
        "WORKBENCH_GITHUB_STATUS_MINUTES": "0",
        "WORKBENCH_GITHUB_ADOPT": "on",
    }
    site.tracker.now = site.now
    there = site.tracker.issues("bot/clinic")
    there.create("the printer burns", "really")


def assert_adopted_once(site: Any) -> None:
    site.tracker.on_step = lambda _step: None
    for _round in range(3):
        site.pass_time(minutes=5)
        site.work()
    with Session(site.engine) as session:
        assert session.exec(select(Bug.title)).all() == ["the printer burns"]
    assert site.issue().number == 1
    assert len(site.tracker.repositories["bot/clinic"].opened) == 1


@pytest.mark.parametrize("fatal", range(1, 7))
def test_a_worker_that_dies_while_it_reads_adopts_an_issue_once(site: Any, fatal: int) -> None:
    an_issue_to_adopt(site)
    site.tracker.on_step = at_step(site, fatal, Killed())
    with suppress(Killed):
        site.work()
    assert_adopted_once(site)


def dies_at_statement(site: Any, fatal: int, first: str) -> list[str]:
    """Let the process end at the n-th statement from the one that begins with `first`; return those that were seen."""
    seen: list[str] = []

    def strike(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if seen or statement.startswith(first):
            seen.append(statement)
            if len(seen) == fatal:
                raise Killed

    sa.event.listen(site.engine, "before_cursor_execute", strike)
    return seen


@pytest.mark.parametrize("fatal", [1, 3, 5, 7, 9, 11, 13, 15])
def test_a_worker_that_dies_within_an_adoption_leaves_all_of_it_or_nothing(site: Any, fatal: int) -> None:
    an_issue_to_adopt(site)
    seen = dies_at_statement(site, fatal, "INSERT INTO bug")
    with suppress(Killed):
        site.work()
    assert len(seen) == fatal
    assert_adopted_once(site)


@pytest.mark.parametrize("fatal", range(1, 9))
def test_a_worker_that_dies_at_a_statement_of_settling_leaves_one_issue(site: Any, fatal: int) -> None:
    site.fail()
    seen = dies_at_statement(site, fatal, "UPDATE outbox SET state")
    until_done(site)
    assert len(seen) >= fatal
    assert len(site.tracker.repositories["bot/clinic"].opened) == 1
    assert site.issue().number == 1
