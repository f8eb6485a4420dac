"""Actions that are done together: one that is slow, refused or poisoned costs the others nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from capture.errors import EventUnreadable, StoreUnreachable
from workbench.tracker import doing, outbox, owed_bugs
from workbench.tracker.failures import Temporary
from workbench.tracker.outbox import LEASE_SECONDS


def bugs(site: Any, number: int) -> None:
    for one in range(1, number + 1):
        site.fail(key=f"{one:016x}")


def opened(site: Any) -> list[str]:
    return [issue.found.state for issue in site.tracker.repositories["bot/clinic"].opened.values()]


def once(site: Any, step: str, act: Any) -> None:
    """Let `act` happen at the first `step`, and never again."""

    def strike(seen: str) -> None:
        if seen == step:
            site.tracker.on_step = lambda _step: None
            act()

    site.tracker.on_step = strike


def test_a_worker_that_oversleeps_its_leases_begins_nothing_more_with_them(site: Any) -> None:
    bugs(site, 3)

    def oversleep() -> None:
        site.pass_time(seconds=LEASE_SECONDS + 1)
        site.work()  # others have them all now

    once(site, "before create", oversleep)
    done = site.worker().round()
    assert [one.state for one in done if one.kind == "open_issue"] == ["lost"]
    assert opened(site).count("open") == 3
    assert {row.state for row in site.rows()} == {"done"}


def test_a_worker_that_was_suspended_before_it_began_begins_nothing(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bugs(site, 1)
    read = owed_bugs.read

    def oversleep(*given: Any, **named: Any) -> Any:
        monkeypatch.setattr(owed_bugs, "read", read)
        site.pass_time(seconds=LEASE_SECONDS + 1)
        site.work()
        return read(*given, **named)

    monkeypatch.setattr(owed_bugs, "read", oversleep)
    assert site.worker().round() == []
    assert opened(site) == ["open"]
    assert {row.state for row in site.rows()} == {"done"}


def test_what_there_is_no_time_to_look_after_is_put_back_and_ended_by_others(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doing, "_END_SECONDS", -1.0)
    bugs(site, 3)
    site.work()
    assert opened(site) == ["open"] * 3
    assert [row.outcome.split()[0] for row in site.rows("open_issue")] == ["opened", "found", "found"]
    assert {(row.state, row.attempts) for row in site.rows()} == {("done", 1)}


def test_files_are_written_and_stay_so_while_github_is_down(site: Any) -> None:
    asked: list[int] = []

    def down(_step: str) -> None:
        asked.append(len(list((site.folder / "bugs").glob("B-*.md"))))
        raise Temporary("GitHub is down.")

    bugs(site, 3)
    site.tracker.on_step = down
    site.worker().round()
    assert asked[1:] == [3, 3]  # nothing was asked a second time before all files were there
    assert {(row.state, row.attempts) for row in site.rows("write_file")} == {("done", 1)}


def test_what_cannot_be_looked_after_fails_and_what_is_done_is_done(site: Any) -> None:
    def lost(step: str) -> None:
        if step == "find" and site.tracker.steps.count("find") > 1:
            raise Temporary("GitHub is down.")

    bugs(site, 2)
    site.tracker.on_step = lost
    site.worker().round()
    assert {row.state for row in site.rows("open_issue")} == {"due"}
    assert {(row.state, row.attempts) for row in site.rows("write_file")} == {("done", 1)}


def test_who_is_told_to_wait_asks_nothing_more(site: Any) -> None:
    def refuse(step: str) -> None:
        if site.tracker.steps.count("before create") == 2:
            raise Temporary("Slow down.", after=timedelta(minutes=5))

    bugs(site, 3)
    site.tracker.on_step = refuse
    worker = site.worker()
    worker.round()
    assert site.tracker.steps[-1] == "before create"
    site.tracker.on_step = lambda _step: None
    site.pass_time(minutes=6)
    worker.round()
    assert opened(site) == ["open"] * 3
    assert {row.state for row in site.rows()} == {"done"}


def test_what_the_database_broke_off_is_tried_again_before_its_lease_ends(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs(site, 2)
    settle = outbox.settle

    def away(*_arguments: Any, **_options: Any) -> None:
        monkeypatch.setattr(outbox, "settle", settle)
        raise OperationalError("UPDATE outbox", {}, Exception("server closed the connection"))

    monkeypatch.setattr(outbox, "settle", away)
    worker = site.worker()
    with pytest.raises(OperationalError):
        worker.round()
    worker.round()  # the database is back
    site.pass_time(seconds=10)
    worker.round()
    assert opened(site) == ["open"] * 2
    assert {row.state for row in site.rows()} == {"done"}


def test_workers_at_once_keep_to_the_budget_together(any_site: Any) -> None:
    any_site.environ = {**any_site.environ, "WORKBENCH_GITHUB_HOURLY_WRITES": "10"}
    bugs(any_site, 20)
    once(any_site, "before create", lambda: any_site.work())
    any_site.work()
    assert 5 < len(opened(any_site)) <= 10


def test_a_bug_that_cannot_be_read_says_why_and_keeps_no_other_back(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read = owed_bugs.read

    def poisoned(engine: Any, batch: Any, **options: Any) -> Any:
        if any(leased.bug_id == 2 for leased in batch):
            raise EventUnreadable("This stored event is damaged.", cure="Restore a backup.")
        return read(engine, batch, **options)

    monkeypatch.setattr(owed_bugs, "read", poisoned)
    bugs(site, 3)
    site.worker().round()
    assert len(opened(site)) == 2
    assert {(row.bug_id, row.state) for row in site.rows("open_issue")} == {(1, "done"), (2, "due"), (3, "done")}
    assert {row.outcome for row in site.rows() if row.bug_id == 2} == {
        "This stored event is damaged. Restore a backup."
    }


def test_a_store_that_is_away_is_not_a_rows_own_trouble(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_arguments: Any, **_options: Any) -> None:
        raise StoreUnreachable("The database does not answer.", cure="Start it.")

    monkeypatch.setattr(doing, "begin", away)
    bugs(site, 1)
    with pytest.raises(StoreUnreachable):
        site.worker().round()
    assert {row.outcome for row in site.rows()} == {""}
