"""Workers that die at every step of every action: exactly one issue, one comment, one state, one file."""

from __future__ import annotations

import itertools
import pickle
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
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


def fails(site: Any) -> None:
    site.fail()


def comes_back(site: Any) -> None:
    site.pass_time(hours=1)
    site.fail(release="9a9a9a9")


def is_signed_off(site: Any, number: int) -> None:
    site.owe("comment_issue", f"sign-off {number}", body=SIGN_OFF)
    site.move("closed")


# A bug fails, is signed off, comes back and is signed off again; a worker works after each.
PARTS = (fails, partial(is_signed_off, number=1), comes_back, partial(is_signed_off, number=2))


@dataclass(frozen=True)
class Part:
    """What there was before a part of an undisturbed life, and what can be seen after it.

    A life that is struck in this part was like this one until then: it begins here, and has to end as this one did.
    """

    act: Callable[[Any], None]
    files: Path
    opened: bytes
    clock: datetime
    steps: range
    settled: range
    seen: dict[str, Any]


def seen(site: Any) -> dict[str, Any]:
    """Everything that anybody can see of the bug: its issue with all comments, its file, its rows."""
    opened = site.tracker.repositories["bot/clinic"].opened.values()
    issue = site.issue()
    return {
        "issues": [(one.found.number, one.found.state, one.reason, list(one.comments.values())) for one in opened],
        "linked": (issue.number, issue.state, issue.closed_outside),
        "files": {path.name: path.read_text() for path in (site.folder / "bugs").glob("*.md")},
        "owed": {row.state for row in site.rows()},
    }


@dataclass
class Life:
    """An undisturbed life in parts, and the site that lived it: its engine knows all statements by now."""

    site: Any
    parts: list[Part] = field(default_factory=list)

    def begin(self, part: Part) -> Any:
        """Return the site as it was before a part."""
        site = self.site
        site.engine.dispose()
        shutil.rmtree(site.folder)
        shutil.copytree(part.files / "checkout", site.folder)
        shutil.copyfile(part.files / "workbench.db", site.engine.url.database)
        site.tracker = type(site.tracker)()
        there = site.tracker.issues("bot/clinic")
        there.opened = pickle.loads(part.opened)  # noqa: S301 (our own)
        there._comment_ids = itertools.count(1 + sum(len(one.comments) for one in there.opened.values()))
        site.tracker.steps.clear()
        site.clock, site.ends = part.clock, itertools.count(100)
        return site


_LIVES: list[Life] = []


@pytest.fixture
def life(new_site: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The undisturbed life, which is lived once."""
    if not _LIVES:
        settled = counted_settling(monkeypatch)
        life = Life(new_site())
        site = life.site
        site.tracker.issues("bot/clinic")
        site.tracker.steps.clear()
        for act in PARTS:
            files = tmp_path_factory.mktemp("part")
            site.engine.dispose()
            shutil.copytree(site.folder, files / "checkout")
            shutil.copyfile(site.engine.url.database, files / "workbench.db")
            opened = pickle.dumps(site.tracker.repositories["bot/clinic"].opened)
            clock, steps, settles = site.clock, len(site.tracker.steps), len(settled)
            act(site)
            site.work()
            done = range(steps, len(site.tracker.steps)), range(settles, len(settled))
            life.parts.append(Part(act, files, opened, clock, *done, seen(site)))
        monkeypatch.undo()
        assert_one_of_everything(site)
        assert (len(site.tracker.steps), len(settled)) == (STEPS, SETTLED)
        _LIVES.append(life)
    yield _LIVES[0]
    _LIVES[0].site.engine.dispose()


def counted_settling(
    monkeypatch: pytest.MonkeyPatch, strike: Callable[[int, str], None] = lambda *_: None
) -> list[int]:
    """Return what counts the calls that settle; `strike` is told of each, before and after."""
    settle, calls = outbox.settle, []

    def counting(*arguments: Any, **options: Any) -> set[int]:
        calls.append(len(calls) + 1)
        number = len(calls)
        strike(number, "before")
        mine = settle(*arguments, **options)
        strike(number, "after")
        return mine

    monkeypatch.setattr(outbox, "settle", counting)
    return calls


def live(site: Any, part: Part) -> None:
    """Live through a part, whatever strikes; afterwards all looks as it does after an undisturbed one."""
    part.act(site)
    until_done(site)
    assert seen(site) == part.seen


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


# The requests of a whole life, and how often it settles what was done together.
STEPS, SETTLED = 30, 8


def test_a_whole_life_on_either_database(any_site: Any) -> None:
    for act in PARTS:
        act(any_site)
        any_site.work()
    assert_one_of_everything(any_site)
    assert len(any_site.tracker.steps) == STEPS


def test_a_life_in_which_every_request_is_struck_once(site: Any) -> None:
    """One after the other, each by a worker that dies: what one leaves is where the next begins."""
    struck: set[tuple[int, str]] = set()
    for number, act in enumerate(PARTS):

        def strike(step: str, part: int = number) -> None:
            if (part, step) not in struck:
                struck.add((part, step))
                raise Killed

        site.tracker.on_step = strike
        act(site)
        until_done(site)
    assert_one_of_everything(site)
    assert len(struck) > STEPS / 2


@pytest.mark.parametrize("fatal", range(STEPS))
@pytest.mark.parametrize("error", [Killed(), Uncertain("the answer was lost")], ids=["killed", "uncertain"])
def test_a_worker_that_dies_at_a_request_leaves_one_of_everything(life: Life, fatal: int, error: BaseException) -> None:
    (part,) = (part for part in life.parts if fatal in part.steps)
    site = life.begin(part)

    def strike(_step: str) -> None:
        if len(site.tracker.steps) == fatal - part.steps.start + 1:
            raise error

    site.tracker.on_step = strike
    live(site, part)
    assert len(site.tracker.steps) > len(part.steps)  # it was struck, and went on


@pytest.mark.parametrize("fatal", range(SETTLED))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_at_settling_leaves_one_of_everything(
    life: Life, monkeypatch: pytest.MonkeyPatch, fatal: int, when: str
) -> None:
    (part,) = (part for part in life.parts if fatal in part.settled)

    def strike(number: int, at: str) -> None:
        if (number, at) == (fatal - part.settled.start + 1, when):
            raise Killed

    site = life.begin(part)
    calls = counted_settling(monkeypatch, strike)
    live(site, part)
    assert len(calls) >= len(part.settled)


@pytest.mark.parametrize("fatal", range(SETTLED))
def test_a_worker_that_dies_in_the_transaction_that_settles_leaves_one_of_everything(
    life: Life, monkeypatch: pytest.MonkeyPatch, fatal: int
) -> None:
    (part,) = (part for part in life.parts if fatal in part.settled)
    commit, seen = Session.commit, {"is": False, "calls": part.settled.start}

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        seen["is"] |= statement.startswith("UPDATE outbox SET state=") and "done" in str(parameters)

    def dying(self: Session) -> None:
        if seen["is"]:
            seen["is"] = False
            seen["calls"] += 1
            if seen["calls"] == fatal + 1:
                raise Killed  # what was written is rolled back
        commit(self)

    site = life.begin(part)
    sa.event.listen(site.engine, "before_cursor_execute", note)
    monkeypatch.setattr(Session, "commit", dying)
    try:
        live(site, part)
    finally:
        sa.event.remove(site.engine, "before_cursor_execute", note)
    assert seen["calls"] > part.settled.stop  # it was struck, and went on


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
