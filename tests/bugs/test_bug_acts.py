"""Filing a bug by hand and moving one from state to state."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from capture.store.intake import Intake
from capture.store.lifecycle import Actor
from capture.testing import NOW, make_event
from workbench.bugs import acts, files, queries
from workbench.errors import NotFound, Refused, UsageError

ADA = Actor("person", "Ada")


def owed(engine: Engine, number: int) -> list[str]:
    return sorted(row.kind for row in queries.bug_page(engine, number, now=NOW).owed)


def test_a_bug_by_hand_has_a_number_a_history_and_what_was_reported(any_engine: Engine) -> None:
    number = acts.new_bug(
        any_engine, title=" Prices \n lack tax ", text="since\nMonday", by="Ada", project="p", now=NOW
    )
    page = queries.bug_page(any_engine, number, now=NOW)
    assert (number, page.row.title, page.row.kind, page.row.count) == (1, "Prices lack tax", "message", 1)
    assert (page.row.project, page.row.state, page.row.trend[-1]) == ("p", "open", 1)
    assert [(s.from_state, s.to_state, s.actor_kind, s.actor) for s in page.history] == [
        (None, "open", "person", "Ada")
    ]
    assert page.event is not None
    assert page.event.message == "since\nMonday"
    ((key, parts),) = page.fingerprints
    assert key == page.row.fingerprint == page.event.id
    assert parts[0].why == "written by hand; no other event joins it"
    assert owed(any_engine, number) == ["open_issue", "write_file"]
    assert "> since\n> Monday" in files.render(page)


def test_bugs_by_hand_and_by_capture_share_the_numbers(any_engine: Engine, carry_into: Callable[..., Intake]) -> None:
    numbers = [acts.new_bug(any_engine, title="same", text="", by="Ada", now=NOW)]
    numbers += carry_into(any_engine, make_event()).new_bugs
    numbers += [acts.new_bug(any_engine, title="same", text="", by="Ada", now=NOW)]
    assert numbers == [1, 2, 3]


def test_a_report_without_a_title_is_refused(any_engine: Engine) -> None:
    with pytest.raises(UsageError, match="needs a title"):
        acts.new_bug(any_engine, title=" \n", text="x", by="Ada", now=NOW)
    assert queries.list_bugs(any_engine, now=NOW) == []


def test_a_report_may_hold_what_no_database_can(any_engine: Engine) -> None:
    number = acts.new_bug(any_engine, title="a\0b\ud800", text="\udcff\0", by="A\0da", now=NOW)
    assert queries.bug_page(any_engine, number, now=NOW).row.title == "a\ufffdb\ufffd"


def test_many_may_file_bugs_at_once(any_engine: Engine) -> None:
    numbers: list[Any] = []

    def file() -> None:
        numbers.extend(acts.new_bug(any_engine, title="x", text="", by="Ada", now=NOW) for _ in range(5))

    threads = [threading.Thread(target=file) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert sorted(numbers) == list(range(1, 21))


def test_a_change_of_state_is_recorded_and_told_to_the_outside(
    any_engine: Engine, carry_into: Callable[..., Intake]
) -> None:
    carry_into(any_engine, make_event())
    with any_engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM outbox")
    acts.change_state(any_engine, 1, "muted", by=ADA, reason="known", now=NOW + timedelta(hours=1))
    assert owed(any_engine, 1) == ["write_file"]
    acts.change_state(any_engine, 1, "closed", by=ADA, reason="not a bug", now=NOW + timedelta(hours=2))
    assert owed(any_engine, 1) == ["close_issue", "write_file"]
    acts.change_state(any_engine, 1, "open", by=ADA, reason="it is", now=NOW + timedelta(hours=3))
    assert owed(any_engine, 1) == ["close_issue", "reopen_issue", "write_file"]
    page = queries.bug_page(any_engine, 1, now=NOW)
    assert page.row.state == "open"
    assert not page.row.is_recurrence
    assert [(step.to_state, step.reason) for step in page.history][1:] == [
        ("muted", "known"),
        ("closed", "not a bug"),
        ("open", "it is"),
    ]


def test_an_illegal_step_is_refused_and_writes_nothing(any_engine: Engine, carry_into: Callable[..., Intake]) -> None:
    carry_into(any_engine, make_event())
    before = queries.bug_page(any_engine, 1, now=NOW)
    with pytest.raises(Refused, match="only a person closes a bug") as caught:
        acts.change_state(any_engine, 1, "closed", by=Actor("agent", "s1"), reason="", now=NOW)
    assert "bugs show B-001" in caught.value.cure
    with pytest.raises(Refused, match="from open to open"):
        acts.change_state(any_engine, 1, "open", by=ADA, reason="", now=NOW)
    assert queries.bug_page(any_engine, 1, now=NOW) == before


def test_a_bug_that_is_not_there_cannot_be_moved(any_engine: Engine) -> None:
    with pytest.raises(NotFound, match="no bug B-009"):
        acts.change_state(any_engine, 9, "muted", by=ADA, reason="", now=NOW)
