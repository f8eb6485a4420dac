"""What is read of GitHub locks bugs in the order in which everybody does, and before it looks at what it changes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store import creation
from capture.store.tables import Delivery, Issue, IssueFeed
from workbench.tracker import budget, inbound
from workbench.tracker.locks import lock_bugs

READS = {"WORKBENCH_GITHUB_POLL_SECONDS": "60", "WORKBENCH_GITHUB_STATUS_MINUTES": "0"}


@pytest.fixture
def two_bugs(postgres_site: Any) -> Any:
    """Two bugs with an issue each, and with what happens to those read from now on."""
    site = postgres_site
    for number in (1, 2):
        site.fail(key=f"{number:016x}")
    site.work()
    site.environ = {**site.environ, **READS}
    site.tracker.now = site.now
    site.work()
    site.pass_time(minutes=5)
    return site


@contextmanager
def at_the_same_time(site: Any, others: Session) -> Iterator[None]:
    """Let a worker run until it waits for what `others` hold; at the end it has to be done without an error."""
    with ThreadPoolExecutor(1) as pool:
        try:
            working = pool.submit(site.work)
            while not (working.done() or _somebody_waits(site.engine)):
                time.sleep(0.01)
            assert not working.done()
            yield
            others.commit()
        finally:
            others.rollback()
        working.result(60)


def _somebody_waits(engine: Engine) -> bool:
    with engine.connect() as connection:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0"
        here = " AND datname = current_database()"
        return bool(connection.scalar(sa.text(waiting + here)))


def test_a_pull_request_that_names_a_bug_waits_for_it_before_other_bugs_are_locked(two_bugs: Any) -> None:
    two_bugs.tracker.repositories["bot/clinic"].change(two_bugs.issue(2).number, is_locked=True)
    pull = two_bugs.tracker.issues("bot/clinic").create("Fix B-001", "")
    two_bugs.tracker.repositories["bot/clinic"].change(pull.number, is_pull=True)
    with Session(two_bugs.engine) as others:
        lock_bugs(others, [1])
        with at_the_same_time(two_bugs, others):
            lock_bugs(others, [2])
    assert two_bugs.issue(2).is_locked


def test_what_a_webhook_tells_waits_for_the_bug_before_lists_are_locked(two_bugs: Any) -> None:
    with Session(two_bugs.engine) as session:
        session.add(Delivery(id="1", event="issues", repository="bot/clinic", number=1, received_at=two_bugs.now()))
        session.commit()
    with Session(two_bugs.engine) as others:
        lock_bugs(others, [1])
        others.execute(sa.update(Issue).where(col(Issue.number) == 1).values(comments=7))
        with at_the_same_time(two_bugs, others):
            others.execute(sa.update(IssueFeed).values(problem=""))
    with Session(two_bugs.engine) as session:
        assert session.exec(select(Delivery)).one().done_at is not None


def test_a_list_that_is_older_than_what_was_settled_meanwhile_is_not_believed(two_bugs: Any) -> None:
    """Somebody closed the issue, and it was reopened by us while the list of before waited for its bug."""
    two_bugs.tracker.repositories["bot/clinic"].change(1, state="closed")
    with Session(two_bugs.engine) as others:
        lock_bugs(others, [1])
        with at_the_same_time(two_bugs, others):
            newer = two_bugs.now().replace(year=2027)
            others.execute(sa.update(Issue).where(col(Issue.number) == 1).values(remote_at=newer))
    assert two_bugs.issue(1).state == "open"


def test_a_page_of_a_list_holds_a_handful_of_bugs_at_a_time(two_bugs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the second of a page waits for its bug, the first is written down, and its bug free for everybody."""
    monkeypatch.setattr(inbound, "_HANDFUL", 1)
    for number in (1, 2):
        two_bugs.tracker.repositories["bot/clinic"].change(number, is_locked=True)
        two_bugs.pass_time(minutes=1)
    with Session(two_bugs.engine) as others:
        lock_bugs(others, [2])
        with at_the_same_time(two_bugs, others):
            lock_bugs(others, [1])
            assert two_bugs.issue(1).is_locked
            assert not two_bugs.issue(2).is_locked
    assert two_bugs.issue(2).is_locked


def test_lists_that_hold_nothing_to_adopt_leave_the_numbers_of_bugs_alone(two_bugs: Any) -> None:
    two_bugs.environ = {**two_bugs.environ, "WORKBENCH_GITHUB_ADOPT": "on"}
    two_bugs.tracker.repositories["bot/clinic"].change(1, is_locked=True)
    with Session(two_bugs.engine) as others:
        creation.lock_numbers(others)
        two_bugs.work()
    assert two_bugs.issue(1).is_locked


def test_who_counts_writes_waits_for_others_without_a_bug(two_bugs: Any) -> None:
    """All workers write to the row of this minute; one that has no processor meanwhile keeps no site from its bugs."""
    two_bugs.owe("comment_issue", body={"text": "seen"})
    with Session(two_bugs.engine) as others:
        budget.note(others, 1, now=two_bugs.now())
        with at_the_same_time(two_bugs, others):
            lock_bugs(others, [1])
