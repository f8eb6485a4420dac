"""The worker as a thread: it goes on whatever happens, says what is wrong, and stops when told."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from capture.errors import StoreUnreachable
from capture.store.engine import open_engine
from workbench.errors import DatabaseError
from workbench.tracker import doing
from workbench.tracker import worker as module
from workbench.tracker.failures import Temporary
from workbench.tracker.outbox import KINDS
from workbench.tracker.testing import FakeTracker
from workbench.tracker.worker import Worker, utc_now


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@contextmanager
def running(worker: Worker) -> Iterator[threading.Thread]:
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AFTER_TROUBLE_SECONDS", 0.02)


def test_what_is_owed_while_it_runs_is_done(site: Any) -> None:
    with running(site.worker(poll_seconds=0.02)):
        site.fail()
        wait_for(lambda: site.issue() is not None)
        site.fail(key="ffffffffffffffff")
        wait_for(lambda: site.issue(2) is not None)
    assert site.tracker.is_closed


def test_an_idle_worker_only_reads(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    worker = site.worker()
    worker.round()
    sa.event.listen(site.engine, "begin", lambda connection: begun.append(str(connection.get_execution_options())))
    worker.round()
    assert begun
    assert not any("write" in options for options in begun)


def test_a_database_that_goes_away_is_told_and_waited_for(site: Any, tmp_path: Path) -> None:
    missing = open_engine(f"sqlite:///{tmp_path / 'other.db'}", create=True)  # without any table
    site.environ = {}
    worker = Worker(site.config(), missing, environ={}, poll_seconds=0.02)
    with running(worker):
        wait_for(lambda: "database cannot be used" in worker.status)
        with missing.begin() as connection:
            for statement in _schema(site.engine):
                connection.exec_driver_sql(statement)
        wait_for(lambda: worker.status == "")
    missing.dispose()


def _schema(engine: sa.Engine) -> list[str]:
    with engine.connect() as connection:
        statement = sa.text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'")
        return list(connection.scalars(statement))


def test_trouble_with_the_database_in_an_action_leaves_the_row_to_be_done_again(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_arguments: Any, **_options: Any) -> None:
        raise DatabaseError("The database is locked.", cure="Wait.")

    site.environ = {}
    site.fail()
    monkeypatch.setattr(doing, "begin", locked)
    worker = site.worker(poll_seconds=0.02)
    with running(worker):
        wait_for(lambda: worker.status == "The database is locked. Wait.")
    (row,) = site.rows("write_file")
    assert row.state == "due"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError(), "The worker failed (ZeroDivisionError); trying again."),
        (StoreUnreachable("No answer.", cure="Start the server."), "No answer. Start the server."),
        (OperationalError("SELECT 1", {}, sqlite3.OperationalError("disk I/O error")), "its disk failed"),
    ],
)
def test_whatever_happens_is_said_in_its_own_words_and_does_not_end_the_thread(
    site: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def broken(*_arguments: Any) -> bool:
        raise error

    monkeypatch.setattr(module.outbox, "is_owed", broken)
    worker = site.worker(poll_seconds=0.02)
    with running(worker) as thread:
        wait_for(lambda: said in worker.status)
        assert thread.is_alive()


def test_a_missing_token_is_a_status_and_files_are_written_all_the_same(site: Any) -> None:
    site.environ = {"WORKBENCH_GITHUB_REPOSITORY": "bot/clinic"}
    site.fail()
    worker = site.worker(poll_seconds=0.02)
    with running(worker):
        wait_for((site.folder / "bugs" / "B-001.md").exists)
        wait_for(lambda: "GITHUB_TOKEN" in worker.status)
    assert [row.attempts for row in site.rows("open_issue")] == [0]


def test_a_new_token_is_taken_up_without_a_restart(site: Any) -> None:
    environ = {"GITHUB_TOKEN": "old", "WORKBENCH_GITHUB_REPOSITORY": "bot/clinic"}
    site.environ = environ
    tokens: list[str] = []

    def connect(settings: Any) -> FakeTracker:
        tokens.append(settings.token)
        return site.tracker  # type: ignore[no-any-return]

    worker = site.worker(connect)
    site.fail()
    worker.round()
    site.fail(key="ffffffffffffffff")
    environ["GITHUB_TOKEN"] = "new"
    worker.round()
    assert tokens == ["old", "new"]


def test_after_a_failure_the_connection_is_made_anew(site: Any) -> None:
    def down(_step: str) -> None:
        raise Temporary("down")

    connected: list[Any] = []

    def connect(settings: Any) -> FakeTracker:
        connected.append(settings)
        return site.tracker  # type: ignore[no-any-return]

    worker = site.worker(connect)
    site.tracker.on_step = down
    site.fail()
    worker.round()
    site.tracker.on_step = lambda _step: None
    site.pass_time(minutes=1)
    worker.round()
    assert len(connected) == 2


def test_a_worker_that_is_told_to_stop_finishes_the_row_in_its_hands_and_no_more(site: Any) -> None:
    stop = threading.Event()
    for number in range(3):
        site.fail(key=f"{number:016x}")
    site.tracker.on_step = lambda step: stop.set() if step == "after create" else None
    worker = site.worker()
    worker.run(stop)
    assert [row.state for row in site.rows("open_issue")].count("done") == 1
    assert all(row.leased_by is None for row in site.rows())


def test_a_row_that_another_worker_took_first_ends_the_round(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.fail()
    monkeypatch.setattr(module.outbox, "lease_many", lambda *_arguments: [])
    assert site.worker().round() == []


def test_the_time_is_aware() -> None:
    assert utc_now().utcoffset() is not None


def test_every_kind_of_action_can_be_done() -> None:
    from workbench.tracker.actions import _ACTIONS

    assert set(_ACTIONS) == set(KINDS)
