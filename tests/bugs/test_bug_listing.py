"""The list a window at a time: the same lines as the whole list has, wherever the window lies."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.lifecycle import STATES
from capture.store.tables import Bug, Issue
from capture.testing import NOW
from workbench.bugs import listing
from workbench.bugs.filters import FilterError
from workbench.bugs.listing import ORDERS, Order, Question

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
        session.commit()
    return made


def value(by: str, number: int, bug: dict[str, Any]) -> Any:
    match by:
        case "number":
            return number
        case "state":
            return STATES.index(bug["state"])
        case "first" | "last":
            return bug[f"{by}_seen"]
        case "env":
            return bug["environment"]
        case "release":
            return bug["last_release"] or ""
        case "assigned":
            return bug["assignee"] or ""
        case "issue":
            return bug.get("issue", 0)
        case _:
            return bug[by] or ("" if by in ("route", "title") else 0)


@pytest.mark.parametrize("is_descending", [True, False])
def test_every_window_of_every_order_is_a_piece_of_the_whole(
    any_engine: Engine, bugs: dict[int, dict[str, Any]], *, is_descending: bool
) -> None:
    for by in ORDERS:
        if by == "title":  # databases disagree on which of a, B and c comes first
            continue
        question = Question(order=Order(by, is_descending))
        whole = sorted(bugs, key=lambda number: (value(by, number, bugs[number]), number), reverse=is_descending)
        for start in (0, 20, 50):
            found = listing.window(any_engine, question, start=start, size=7, now=NOW)
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
