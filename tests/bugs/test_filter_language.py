"""The filter language: what is read, what is refused and where, and that it finds the same bugs on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Engine
from sqlmodel import Session

from capture.store.engine import writing
from capture.store.tables import Bug, BugLabel, Issue, Note
from capture.testing import NOW
from workbench.bugs.filters import Candidate, FilterError, Whose, candidates, condition, parse
from workbench.bugs.filters.conditions import BUG
from workbench.bugs.filters.fields import FIELDS, Comparison, Moment, Range
from workbench.bugs.filters.language import Every, Node, Not, Some, Term, term, tokens


def shape(node: Node) -> Any:
    """Return a tree without its places, for comparing."""
    match node:
        case Term(field, wanted):
            return (field, *wanted)
        case Not(inner):
            return {"not": shape(inner)}
        case Every(nodes):
            return [shape(each) for each in nodes]
        case Some(nodes):
            return {"or": [shape(each) for each in nodes]}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", []),
        ("   ", []),
        ("rabbit", ("", "rabbit")),
        ("rabbit price", [("", "rabbit"), ("", "price")]),
        ('"rabbit price"', ("", "rabbit price")),
        ("state:open", ("state", "open")),
        ("STATE:Open", ("state", "open")),
        ("state:open,review", ("state", "open", "review")),
        ('title:"a, b"', ("title", "a, b")),
        ("!state:closed", {"not": ("state", "closed")}),
        ("!!rabbit", {"not": {"not": ("", "rabbit")}}),
        ("a or b c", {"or": [("", "a"), [("", "b"), ("", "c")]]}),
        ("(a or b) c", [{"or": [("", "a"), ("", "b")]}, ("", "c")]),
        ("!(a or b)", {"not": {"or": [("", "a"), ("", "b")]}}),
        ("order", ("", "order")),
        ('"or"', ("", "or")),
        ("count:>100", ("count", Comparison(">", 100))),
        ("count:1k", ("count", Comparison("=", 1_000))),
        ("status:5xx,404", ("status", Range(500, 599), Comparison("=", 404))),
        ("seen:<24h", ("seen", Moment("<", ago=timedelta(hours=24)))),
        ("seen:7d", ("seen", Moment("<", ago=timedelta(days=7)))),
        ("route:/api/pets/*", ("route", "/api/pets/*")),
    ],
)
def test_reads(text: str, tree: Any) -> None:
    assert shape(parse(text)) == tree


@pytest.mark.parametrize(
    ("text", "wrong", "says"),
    [
        ("sate:open", "sate", "Did you mean state:?"),
        ("KeyError: 'x'", "KeyError", 'put it in "quotes"'),
        ("state:opne", "state:opne", "Did you mean open?"),
        ("a state: b", "state:", "state: needs a value: one of open"),
        ("state:open,", "state:open,", "needs a value"),
        ("count:many", "count:many", "count: takes a number as in >100 or 1k, not “many”"),
        ("seen:yesterday", "seen:yesterday", "seen: takes an age"),
        ("status:9xx", "status:9xx", "status: takes a status"),
        ("rabbit (a or", "or", "after “or”"),
        ("or b", "or", "before “or”"),
        ("a (b", "(", "not closed"),
        ("a) b", ")", "closes nothing"),
        ("a ()", "()", "nothing in this bracket"),
        ("a !", "!", "after “!”"),
        ('a "b', '"b', "has no end"),
        ('title:"b', 'title:"b', "has no end"),
        ("(" * 60 + "a" + ")" * 60, "(", "nested too deeply"),
        ("!" * 60 + "a", "!", "nested too deeply"),
    ],
)
def test_points_at_what_is_wrong(text: str, wrong: str, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse(text)
    assert text[caught.value.start : caught.value.end] == wrong
    assert says in caught.value.message


@given(st.text(alphabet=st.sampled_from('ab:"()! or,<>*5xh\n\x00state') | st.characters(), max_size=60))
def test_every_text_is_a_filter_or_is_refused_at_a_place_in_it(text: str) -> None:
    wrong = refused(text)
    if wrong is not None:
        assert 0 <= wrong.start <= wrong.end <= len(text)
        assert wrong.message
    covered = "".join(text[token.start : token.end] for token in tokens(text))
    assert "".join(covered.split()) == "".join(text.split())


def refused(text: str) -> FilterError | None:
    try:
        parse(text)
    except FilterError as error:
        return error
    return None


def test_a_filter_has_a_length_at_most() -> None:
    with pytest.raises(FilterError, match="at most"):
        parse("a" * 3_000)
    with pytest.raises(FilterError, match="at most 200 parts"):
        parse("a " * 201)


def test_the_longest_filter_is_not_too_much_for_the_database(any_engine: Engine) -> None:
    whose = Whose(me="ann", now=NOW)
    with any_engine.connect() as connection:
        for text in ("a " * 200, "a or " * 99 + "a", "!(" * 25 + "type:a" + ")" * 25, "type:a,b " * 100):
            assert connection.scalars(sa.select(BUG.c.number).where(condition(parse(text), whose))).all() == []


def test_the_example_of_each_field_is_right() -> None:
    for name, field in FIELDS.items():
        assert field.example.startswith(f"{name}:")
        parse(field.example)
        for value in field.values:
            parse(f"{name}:{value}")


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("st", [Candidate("state:", "its state", 0), Candidate("status:", "the status of the response", 0)]),
        ("a !sta", [Candidate("state:", "its state", 3), Candidate("status:", "the status of the response", 3)]),
        ("state:re", [Candidate("review", "state: its state", 6)]),
        ("state:open,cl", [Candidate("closed", "state: its state", 11)]),
        ("env:pro", [Candidate("production", "env: the environment that it was last seen in", 4)]),
        ("nothing:a", []),
        ('"st', []),
    ],
)
def test_proposes_what_can_come_next(text: str, proposed: list[Candidate]) -> None:
    assert candidates(text, len(text), {"env": ["production", "two words"]}) == proposed


def test_proposes_every_field_at_the_beginning() -> None:
    assert [each.text for each in candidates("a ", 2)] == [f"{name}:" for name in FIELDS]


BUGS: dict[int, dict[str, Any]] = {
    1: {"title": "KeyError: 'rabbit' in price_of", "exception_type": "KeyError", "status_code": 500, "count": 120},
    2: {"title": "404 in /api/pets/<int:pk>/", "status_code": 404, "route": "/api/pets/<int:pk>/", "method": "GET"},
    3: {
        "assignee": "ann",
        "title": "100%_sure",
        "exception_type": "app.errors.Mood",
        "state": "closed",
        "last_release": "1.4.2",
    },
    4: {
        "title": "100 is not sure",
        "state": "review",
        "is_recurrence": True,
        "environment": "staging",
        "assignee": "Bo <bo@example.com>",
        "project": "shop",
        "first_seen": NOW - timedelta(days=40),
        "last_seen": NOW - timedelta(days=31),
    },
}


@pytest.fixture
def stored(any_engine: Engine) -> Engine:
    """Four bugs: the first with a label, the second with an issue, the last with a note."""
    usual = {"kind": "exception", "first_seen": NOW - timedelta(hours=30), "last_seen": NOW, "changed_at": NOW}
    with Session(writing(any_engine)) as session:
        session.add_all(Bug(id=number, number=number, **{**usual, **given}) for number, given in BUGS.items())
        session.flush()
        session.add(Issue(bug_id=2, repository="o/r", number=7, url="u", state="open", synced_at=NOW))
        session.add(BugLabel(bug_id=1, name="Checkout"))
        session.add(Note(bug_id=4, at=NOW, by="ann", text="look"))
        session.commit()
    return any_engine


FOUND: list[tuple[str, set[int]]] = [
    ("", {1, 2, 3, 4}),
    ("RABBIT", {1}),
    ("b-3", {3}),
    ("B-003 or rabbit", {1, 3}),
    ("100%_", {3}),
    ("title:100*sure", {3, 4}),
    ("title:100%*", {3}),
    ("type:keyerror", {1}),
    ("type:Mood", {3}),
    ("type:*Error", {1}),
    ("state:closed,review", {3, 4}),
    ("!state:open", {3, 4}),
    ("!route:/api/*", {1, 3, 4}),
    ("route:/api/pets/*", {2}),
    ("method:get", {2}),
    ("release:1.4", {3}),
    ("env:STAGING project:shop", {4}),
    ("count:>100", {1}),
    ("count:<=120 !count:0", {1}),
    ("status:5xx", {1}),
    ("status:>=404", {1, 2}),
    ("!status:5xx", {2, 3, 4}),
    ("seen:<24h", {1, 2, 3}),
    ("seen:>30d", {4}),
    ("first:>1d !first:>30d", {1, 2, 3}),
    ("seen:>2026-11-01", {1, 2, 3}),
    ("is:recurring", {4}),
    ("is:new", set()),
    ("has:issue", {2}),
    ("!has:issue has:exception", {1, 3}),
    ("has:session or has:evidence or is:live or is:rehearsal", set()),
    ("fingerprint:3f", set()),
    ("assigned:me", {3}),
    ("assigned:bo@", {4}),
    ("assigned:nobody", {1, 2}),
    ("is:assigned", {3, 4}),
    ("label:check*", {1}),
    ("has:label or has:note", {1, 4}),
    ("is:merged", set()),
    ("(state:open or state:review) !status:404", {1, 4}),
]


def test_finds_the_same_on_both_databases(stored: Engine) -> None:
    whose = Whose(me="ann", now=NOW)
    with stored.connect() as connection:
        found = {
            text: set(connection.scalars(sa.select(BUG.c.number).where(condition(parse(text), whose))))
            for text, _ in FOUND
        }
    assert found == dict(FOUND)


@pytest.mark.parametrize("value", ["shop", "pet shop", "a,b", "a(b)", "!a", "[x]", "or"])
def test_a_value_of_a_field_is_asked_for_as_it_is(value: str) -> None:
    assert shape(parse(term("project", value))) == ("project", value)


@pytest.mark.parametrize("value", ["", " ", 'a "b"', "a*"])
def test_a_value_that_no_filter_can_name_has_no_term(value: str) -> None:
    assert term("project", value) == ""
