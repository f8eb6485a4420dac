"""The list a window at a time: the same lines as the whole list has, wherever the window lies."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.event import LEVELS
from capture.store.engine import writing
from capture.store.lifecycle import STATES
from capture.store.tables import Bug, BugLabel, FingerprintRow, FixSession, Issue, Occurrence, Tally
from capture.testing import NOW
from workbench.bugs import listing
from workbench.bugs.filters import FilterError
from workbench.bugs.listing import SORTABLE, Order, Question
from workbench.tui.columns import SORTS

MANY = 57


@pytest.fixture
def bugs(any_engine: Engine) -> dict[int, dict[str, Any]]:
    """Bugs with many equal values, so that only the number parts them."""
    dice = random.Random(7)  # noqa: S311
    made = {
        number: {
            "title": dice.choice(["a", "B", "c"]),
            "state": dice.choice(STATES),
            "route": dice.choice([None, "/a/", "/b/"]),
            "count": dice.randrange(3),
            "first_seen": NOW - timedelta(hours=dice.randrange(4)),
            "last_seen": NOW - timedelta(minutes=dice.randrange(4)),
            "environment": dice.choice(["", "production"]),
            "project": "shop",
            "last_release": dice.choice([None, "1", "2"]),
            "assignee": dice.choice([None, "ann"]),
            "level": dice.choice(["warning", "error"]),
        }
        for number in range(1, MANY + 1)
    }
    with Session(writing(any_engine)) as session:
        session.add_all(
            Bug(id=1_000 - number, number=number, kind="status", changed_at=NOW, **values)
            for number, values in made.items()
        )
        session.flush()
        for number in range(1, MANY + 1, 5):
            made[number]["issue"] = MANY - number
            session.add(
                Issue(
                    bug_id=1_000 - number,
                    repository="o/r",
                    number=MANY - number,
                    url="u",
                    state="open",
                    synced_at=NOW,
                )
            )
        for number in range(3, MANY + 1, 7):
            _add_figures(session, 1_000 - number, number, made[number])
        session.commit()
    return made


def _add_figures(session: Session, bug_id: int, number: int, bug: dict[str, Any]) -> None:
    """Add what is counted in other tables: labels, users, events by hour, a session."""
    bug |= {"labels": ["x", f"l{number % 3}"], "users": number % 4, "trend": 2, "days": 5, "session": "working"}
    session.add_all(BugLabel(bug_id=bug_id, name=name) for name in bug["labels"])
    session.add(FingerprintRow(
        id=number, key=f"{number:016x}", version="1", bug_id=bug_id, home_id=bug_id, count=1,
        first_seen=NOW, last_seen=NOW,
    ))  # fmt: skip
    session.flush()
    hour = NOW.replace(minute=0, second=0, microsecond=0)
    for ago, count in ((0, 2), (30, 3), (24 * 20, 100)):
        session.add(Tally(fingerprint_id=number, hour=hour - timedelta(hours=ago), count=count))
    for index in range(number % 4 * 2):  # each user met it twice
        session.add(Occurrence(
            id=f"{number}-{index}", bug_id=bug_id, fingerprint_id=number, at=NOW, user_id=f"u{index // 2}", payload=b"",
        ))  # fmt: skip
    session.add(FixSession(
        id=f"s{number}", bug_id=bug_id, state="working", model="m", launched_by="ann", repository="r", branch="b",
        worktree="w", base_commit="c", host="h", started_at=NOW,
    ))  # fmt: skip


def value(by: str, number: int, bug: dict[str, Any]) -> Any:
    values = {
        "number": number,
        "state": STATES.index(bug["state"]),
        "first": bug["first_seen"],
        "last": bug["last_seen"],
        "env": bug["environment"],
        "release": bug["last_release"] or "",
        "assigned": bug["assignee"] or "",
        "level": LEVELS.index(bug["level"]),
        "labels": min(bug.get("labels", [""])),
        "session": bug.get("session", ""),
        "route": bug["route"] or "",
        "title": bug["title"],
        "project": bug["project"],
    }
    return values[by] if by in values else bug.get(by, 0)


@pytest.mark.parametrize("is_descending", [True, False])
def test_every_window_of_every_order_is_a_piece_of_the_whole(
    any_engine: Engine, bugs: dict[int, dict[str, Any]], *, is_descending: bool
) -> None:
    for by in sorted(SORTABLE):
        if by == "title":  # databases disagree on which of a, B and c comes first
            continue
        question = Question(order=Order(by, is_descending))
        whole = sorted(bugs, key=lambda number: (value(by, number, bugs[number]), number), reverse=is_descending)
        for start in (0, 20, 50):
            by_state, found = listing.listed(any_engine, question, start=start, size=7, now=NOW)
            assert by_state == Counter(bug["state"] for bug in bugs.values())
            assert found == listing.window(any_engine, question, start=start, size=7, now=NOW), by
            assert [row.number for row in found.rows] == whole[start : start + 7], (by, start)
            assert (found.start, found.total) == (start, MANY)
        assert listing.position(any_engine, question, whole[33], now=NOW) == 33, by


def test_a_window_lies_around_a_bug(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    question = Question(order=Order("number", is_descending=False))
    found = listing.window(any_engine, question, size=9, around=30, now=NOW)
    assert [row.number for row in found.rows] == list(range(26, 35))
    first = listing.window(any_engine, question, size=9, around=2, now=NOW)
    last = listing.window(any_engine, question, size=9, around=MANY, now=NOW)
    assert (first.start, first.rows[0].number) == (0, 1)
    assert (last.start, last.rows[-1].number) == (MANY - 9, MANY)


def test_a_window_past_the_end_is_moved_inside(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    found = listing.window(any_engine, Question(order=Order("number")), start=10_000, size=5, now=NOW)
    assert (found.start, [row.number for row in found.rows]) == (MANY - 5, [5, 4, 3, 2, 1])
    assert len(listing.window(any_engine, Question(), start=3, size=500, now=NOW).rows) == MANY


def test_a_filter_is_part_of_the_question(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    review = [number for number, bug in bugs.items() if bug["state"] == "review"]
    question = Question("state:review", Order("number", is_descending=False))
    found = listing.window(any_engine, question, size=50, now=NOW)
    assert ([row.number for row in found.rows], found.total) == (review, len(review))
    assert listing.counts(any_engine, question, now=NOW) == {"review": len(review)}
    other = next(number for number in bugs if number not in review)
    assert listing.position(any_engine, question, other, now=NOW) is None
    mine = listing.window(any_engine, Question("assigned:me", me="ann"), size=99, now=NOW)
    assert {row.number for row in mine.rows} == {number for number, bug in bugs.items() if bug["assignee"]}


def test_counts_by_state(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    states = [bug["state"] for bug in bugs.values()]
    assert listing.counts(any_engine, Question(), now=NOW) == {state: states.count(state) for state in set(states)}


def test_sizes_are_counted_no_further_than_asked(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    questions = [Question("state:review"), Question(), Question("assigned:me", me="nobody at all")]
    in_review = listing.window(any_engine, questions[0], size=1, now=NOW).total
    assert 0 < in_review < len(bugs)
    most = in_review + 1
    assert listing.sizes(any_engine, questions, most=most, now=NOW) == [in_review, most, 0]


def test_what_was_merged_is_not_listed_unless_it_is_asked_for(
    any_engine: Engine, bugs: dict[int, dict[str, Any]]
) -> None:
    with Session(writing(any_engine)) as session:
        session.get_one(Bug, 1_000 - 4).merged_into = 3
        session.commit()
    assert listing.position(any_engine, Question(), 4, now=NOW) is None
    found = listing.window(any_engine, Question("is:merged"), size=9, now=NOW)
    assert [row.number for row in found.rows] == [4]


def test_an_empty_list(any_engine: Engine) -> None:
    found = listing.window(any_engine, Question(), size=9, around=3, now=NOW)
    assert (found.start, found.rows, found.total) == (0, (), 0)
    assert listing.counts(any_engine, Question(), now=NOW) == {}


def test_a_wrong_filter_is_told_before_anything_is_asked() -> None:
    with pytest.raises(FilterError):
        Question("state:wrong")


def test_a_window_takes_a_handful_of_statements(
    any_engine: Engine, bugs: dict[int, dict[str, Any]], count_statements: Callable[..., Any]
) -> None:
    taken = []
    for size in (5, 40):
        with count_statements(any_engine) as statements:
            listing.window(any_engine, Question(), size=size, around=30, now=NOW)
        taken.append(len(statements))
    assert taken[0] == taken[1] <= 10


def test_lines_have_users_and_the_last_days(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    rows = listing.window(any_engine, Question(), size=MANY, days=True, now=NOW).rows
    counted = [number for number, bug in bugs.items() if "users" in bug]
    assert {row.number: row.users for row in rows if row.users} == {n: n % 4 for n in counted if n % 4}
    assert {row.number for row in rows if any(row.days)} == set(counted)
    assert next(row.days for row in rows if row.number == counted[0]) == (0,) * 12 + (3, 2)
    assert listing.window(any_engine, Question(), size=1, now=NOW).rows[0].days == ()


def test_the_list_sorts_by_what_its_columns_show() -> None:
    assert set(SORTS) == SORTABLE


def test_what_a_filter_can_be_completed_with(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    found = listing.known(any_engine)
    assert found["env"] == ["production"]
    assert found["release"] == ["1", "2"]
    assert found["assigned"] == ["ann"]
    assert found["label"] == ["l0", "l1", "l2", "x"]
    assert listing.known(any_engine, most=1)["release"] == ["1"]
    known = listing.known(any_engine, latest=1)  # of one bug, however many there are
    assert known["project"] == ["shop"]
    assert len(known["release"]) <= 1


def test_whether_there_is_any_bug(any_engine: Engine) -> None:
    assert listing.is_empty(any_engine)


def test_users_are_not_counted_where_nobody_sees_them(any_engine: Engine, bugs: dict[int, dict[str, Any]]) -> None:
    """To count them takes longer than all the rest of a line."""
    rows = listing.window(any_engine, Question(), size=MANY, users=False, now=NOW).rows
    assert len(rows) == MANY
    assert not any(row.users for row in rows)
    assert [row.trend for row in rows] == [
        row.trend for row in listing.window(any_engine, Question(), size=MANY, now=NOW).rows
    ]
