"""Workers that die at every step of every action: exactly one issue, one comment, one state, one file."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from capture.store.engine import open_engine
from workbench.tracker import outbox, worker
from workbench.tracker.failures import Uncertain
from workbench.tracker.outbox import LEASE_SECONDS

SIGN_OFF = {"sign_off": 1, "by": "Ada", "at": "", "commit": "4f2d1c0", "verdict": "demonstrated"}


class Killed(BaseException):
    """The process ended here: nothing of ours catches this."""


def whole_life(site: Any, work: Callable[[], Any]) -> None:
    """A bug fails, is signed off, comes back and is signed off again; `work` is called after each."""
    site.fail()
    work()
    site.owe("comment_issue", "sign-off 1", body=SIGN_OFF)
    site.move("closed")
    work()
    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")
    work()
    site.owe("comment_issue", "sign-off 2", body=SIGN_OFF)
    site.move("closed")
    work()


def until_done(site: Any) -> None:
    """Let fresh workers go on after each that died, until nothing is owed."""
    for _life in range(20):
        with suppress(Killed):
            site.work()
            if all(row.state == "done" for row in site.rows()):
                return
        site.pass_time(seconds=LEASE_SECONDS + 1)
    pytest.fail(f"still owed: {[row for row in site.rows() if row.state != 'done']}")


def assert_one_of_everything(site: Any) -> None:
    (issue,) = site.tracker.repositories["bot/clinic"].opened.values()
    assert (issue.found.number, issue.found.state) == (1, "closed")
    first, again, second = issue.comments.values()
    assert "signed off" in first
    assert "came back" in again
    assert "signed off" in second
    assert (site.issue().number, site.issue().state) == (1, "closed")
    assert [path.name for path in (site.folder / "bugs").iterdir() if path.suffix == ".md"] == ["B-001.md"]
    assert 'state: "closed"' in (site.folder / "bugs" / "B-001.md").read_text()


# The requests of a whole life, in order; the test below fails if this no longer counts them all.
STEPS = 30


def test_the_steps_of_a_whole_life_are_all_tried(any_site: Any) -> None:
    whole_life(any_site, any_site.work)
    assert_one_of_everything(any_site)
    assert len(any_site.tracker.steps) == STEPS


@pytest.mark.parametrize("fatal", range(1, STEPS + 1))
@pytest.mark.parametrize("error", [Killed(), Uncertain("the answer was lost")], ids=["killed", "uncertain"])
def test_a_worker_that_dies_at_a_request_leaves_one_of_everything(site: Any, fatal: int, error: BaseException) -> None:
    def strike(_step: str) -> None:
        if len(site.tracker.steps) == fatal:
            raise error

    site.tracker.on_step = strike
    whole_life(site, lambda: until_done(site))
    assert_one_of_everything(site)


# So often a whole life settles what was done together.
SETTLED = 8


@pytest.mark.parametrize("fatal", range(1, SETTLED + 1))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_at_settling_leaves_one_of_everything(
    site: Any, monkeypatch: pytest.MonkeyPatch, fatal: int, when: str
) -> None:
    settle, calls = outbox.settle, iter(range(1, 1000))

    def dying(*arguments: Any, **options: Any) -> set[int]:
        if next(calls) != fatal:
            return settle(*arguments, **options)
        if when == "after":
            settle(*arguments, **options)
        raise Killed

    monkeypatch.setattr(outbox, "settle", dying)
    whole_life(site, lambda: until_done(site))
    assert_one_of_everything(site)
    assert next(calls) > fatal  # it was struck, and went on


@pytest.mark.parametrize("fatal", range(1, SETTLED + 1))
def test_a_worker_that_dies_in_the_transaction_that_settles_leaves_one_of_everything(
    site: Any, monkeypatch: pytest.MonkeyPatch, fatal: int
) -> None:
    commit, seen = Session.commit, {"is": False, "calls": 0}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen["is"] |= statement.startswith("UPDATE outbox SET state=") and "done" in str(parameters)

    def dying(self: Session) -> None:
        if seen["is"]:
            seen["is"] = False
            seen["calls"] += 1
            if seen["calls"] == fatal:
                raise Killed  # what was written is rolled back
        commit(self)

    sa.event.listen(site.engine, "before_cursor_execute", note)
    monkeypatch.setattr(Session, "commit", dying)
    whole_life(site, lambda: until_done(site))
    assert_one_of_everything(site)
    assert seen["calls"] > fatal  # it was struck, and went on


def test_many_workers_at_once_leave_one_of_everything(any_site: Any) -> None:
    """Six threads as six processes: each with an engine and a client of its own, all on the same tracker."""
    for number in range(5):
        any_site.fail(key=f"{number:016x}")
        any_site.owe("comment_issue", "note", number=number + 1, body={"text": "a word"})

    def run(_worker: int) -> None:
        engine = open_engine(any_site.engine.url.render_as_string(hide_password=False))
        one = worker.Worker(
            any_site.config(),
            engine,
            environ=any_site.environ,
            now=any_site.now,
            connect=lambda _settings: any_site.tracker,
        )
        for _round in range(5):
            one.round()
        engine.dispose()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(run, range(6)))
    any_site.work()
    assert {row.state for row in any_site.rows()} == {"done"}
    opened = any_site.tracker.repositories["bot/clinic"].opened
    assert len(opened) == 5
    assert [len(issue.comments) for issue in opened.values()] == [1] * 5
