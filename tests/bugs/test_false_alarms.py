"""A release brought a bug back, and git says later that it lacks the fix: the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from bugs.hearing import heard
from signoff.came_back import FIX, MINUTE, git_says, see, sign_off
from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from capture.store.tables import Bug, OutboxRow
from capture.testing import NOW, make_event
from workbench.bugs import acts, queries
from workbench.bugs.needs import needs, news
from workbench.bugs.rows import BugPage
from workbench.bugs.watch import Watcher
from workbench.errors import Refused
from workbench.tui.documents.bug import head_lines
from workbench.tui.documents.history import history_lines

KEY = "a" * 16
Carry = Callable[..., Any]
Say = Callable[..., None]


@pytest.fixture
def signed(any_engine: Engine, carry_into: Carry) -> Engine:
    """A bug that was seen in release one, and whose fix was signed off a minute ago."""
    carry_into(any_engine, make_event(key=KEY, at=NOW - 9 * MINUTE, release="one"))
    sign_off(any_engine, 1, now=NOW)
    return any_engine


@pytest.fixture
def seen(signed: Engine) -> Carry:
    """A function that lets the bug be seen in a release, so many minutes from now."""
    return lambda release, minutes=1: see(signed, KEY, release, at=NOW + minutes * MINUTE)


@pytest.fixture
def git(signed: Engine) -> Say:
    """A function that answers whether releases hold the fix."""
    return lambda **holds: git_says(signed, holds, now=NOW + 5 * MINUTE)


def page(engine: Engine) -> BugPage:
    return queries.bug_page(engine, 1, now=NOW + 10 * MINUTE)


def dismiss(engine: Engine) -> acts.Done:
    return acts.close_false_alarm(engine, [1], by="Ada", now=NOW + 10 * MINUTE)


def test_until_git_has_answered_it_is_a_recurrence(signed: Engine, seen: Carry) -> None:
    seen("two")
    assert page(signed).row.is_recurrence
    assert page(signed).false_alarm is None
    with pytest.raises(Refused, match="Git has not said yet whether the release that brought B-001 back holds its fix"):
        dismiss(signed)


def test_the_page_says_that_git_takes_it_for_a_false_alarm(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    git(two=False)
    found = page(signed)
    assert found.false_alarm is not None
    assert (found.false_alarm.release, found.false_alarm.commit) == ("two", FIX)
    assert "↻ false alarm" in head_lines(found, 100, NOW)[0].text
    told = [each.text for each in history_lines(found, 100)]
    assert told[-1].strip() == "git says that release two lacks the fix f1x000000000"
    assert "a false alarm  by system git" in told[-2]


def test_a_screen_that_shows_it_hears_of_the_answer(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    with Watcher(signed) as watcher:
        watcher.changed()
        git(two=False)
        assert heard(watcher)
    with Session(signed) as session:
        assert session.get_one(Bug, 1).changed_at == NOW + 5 * MINUTE


def test_it_is_news_once_for_who_looks_elsewhere(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    before = needs(signed)
    git(two=False)
    after = needs(signed)
    assert news(before, after) == ["B-001: git says that it came back by a false alarm; x closes it again."]
    assert news(after, needs(signed)) == []
    dismiss(signed)
    assert needs(signed).false_alarms == frozenset()


def test_one_act_closes_it_again_under_its_sign_off(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    git(two=False)
    done = dismiss(signed)
    assert done.text == "B-001 closed again: a false alarm. The sign-off stands."
    found = page(signed)
    assert (found.row.state, found.row.closed_as, found.row.is_recurrence) == ("closed", "fixed", False)
    assert found.signed_off is not None
    assert found.false_alarm is None
    last = found.history[-1]
    said = "false alarm: git says that release two lacks the fix f1x000000000"
    assert (last.actor_kind, last.actor, last.to_state, last.reason) == ("person", "Ada", "closed", said)
    with Session(signed) as session:
        owed = select(OutboxRow).where(col(OutboxRow.key).contains(f"act {done.acts[0]}"))
        bodies = {row.kind: row.body for row in session.exec(owed)}
    assert set(bodies) >= {"close_issue", "comment_issue"}
    assert bodies["comment_issue"] == {"text": f"Closed again by Ada, a {said}."}


def test_it_is_watched_for_the_next_recurrence(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    git(two=False, three=True)
    dismiss(signed)
    seen("two", 20)
    assert page(signed).row.state == "closed"
    seen("three", 21)
    assert (page(signed).row.state, page(signed).row.is_recurrence) == ("open", True)


def test_undone_it_is_open_as_a_recurrence_and_may_be_closed_again(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    git(two=False)
    done = dismiss(signed)
    acts.undo(signed, done.acts, by="Ada", now=NOW + 11 * MINUTE)
    assert (page(signed).row.state, page(signed).row.is_recurrence) == ("open", True)
    assert page(signed).false_alarm is not None
    dismiss(signed)
    assert page(signed).row.state == "closed"


@pytest.mark.parametrize(
    ("also", "why"),
    [
        ("holding", "B-001 is back: it was seen in release holding, and git says that the fix is in."),
        ("unknown", "B-001 was also seen in release unknown, of which git has not said whether the fix is in."),
    ],
)
def test_what_came_while_it_was_open_is_judged_as_well(
    signed: Engine, seen: Carry, git: Say, also: str, why: str
) -> None:
    seen("two")
    seen(also, 2)
    git(two=False, holding=True)
    assert page(signed).false_alarm is None
    with pytest.raises(Refused) as refused:
        dismiss(signed)
    assert str(refused.value) == why
    assert page(signed).row.state == "open"


def test_the_release_from_before_the_fix_is_no_objection(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    seen("one", 2)
    git(two=False)
    assert page(signed).false_alarm is not None


@pytest.mark.parametrize(("minutes", "is_alarm"), [(2, True), (90, False)])
def test_an_event_without_a_release_counts_once_the_quiet_time_is_over(
    signed: Engine, seen: Carry, git: Say, minutes: int, *, is_alarm: bool
) -> None:
    seen("two")
    seen(None, minutes)
    git(two=False)
    assert (page(signed).false_alarm is not None) == is_alarm


def test_where_git_says_that_the_release_holds_the_fix_it_is_back(signed: Engine, seen: Carry, git: Say) -> None:
    seen("two")
    git(two=True)
    with pytest.raises(Refused, match="B-001 is back: it was seen in release two"):
        dismiss(signed)
    with Session(signed) as session:
        assert session.get_one(Bug, 1).state == "open"


def test_known_from_the_start_is_told_as_well(signed: Engine, seen: Carry, git: Say) -> None:
    git(two=True)
    seen("two")
    with pytest.raises(Refused, match="is back"):
        dismiss(signed)


def test_what_is_no_recurrence_is_no_false_alarm(signed: Engine, seen: Carry) -> None:
    with pytest.raises(Refused, match="B-001 is closed; a false alarm is an open bug"):
        dismiss(signed)
    acts.reopen(signed, [1], reason="seen on staging", by="Ada", now=NOW)
    with pytest.raises(Refused, match="B-001 has not come back after it was closed"):
        dismiss(signed)


def test_a_nameless_release_is_nothing_that_git_can_speak_of(signed: Engine, seen: Carry) -> None:
    seen(None, 90)
    with pytest.raises(Refused, match="a release without a name"):
        dismiss(signed)


def test_one_of_several_that_is_none_keeps_all_open(signed: Engine, seen: Carry, git: Say, carry_into: Carry) -> None:
    seen("two")
    git(two=False)
    carry_into(signed, make_event(key="e" * 16, at=NOW))
    with pytest.raises(Refused, match="B-002 has not come back"):
        acts.close_false_alarm(signed, [1, 2], by="Ada", now=NOW + 10 * MINUTE)
    assert page(signed).row.state == "open"


def test_an_agent_cannot_say_so(signed: Engine, seen: Carry, git: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    seen("two")
    git(two=False)
    monkeypatch.setenv("CLAUDECODE", "1")
    with pytest.raises(Refused):
        dismiss(signed)
    assert page(signed).row.state == "open"
