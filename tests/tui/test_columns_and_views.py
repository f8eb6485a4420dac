"""Columns that fit, views that are put together, and what is remembered: without a screen."""

from __future__ import annotations

import itertools
import json
import multiprocessing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tui.hostile import FORBIDDEN, HOSTILE

from capture.testing import NOW
from workbench.bugs.filters import FilterError, parse
from workbench.bugs.order import LATEST_FIRST, Order
from workbench.bugs.rows import BugRow, IssueLink
from workbench.config import Value
from workbench.tui.column_layout import column_at, fitted, heading_line, row_line
from workbench.tui.columns import BY_ID, COLUMNS, SORTS, Chosen
from workbench.tui.filter_box import wrong_lines
from workbench.tui.remembered import HISTORY, Memory, NotRemembered
from workbench.tui.views import BUILT_IN, View, both, views_of

ROW = BugRow(
    number=12,
    state="open",
    is_recurrence=True,
    title="KeyError: 'rabbit' in price_of",
    kind="exception",
    count=1_234,
    trend=tuple(range(24)),
    first_seen=NOW - timedelta(days=3),
    last_seen=NOW - timedelta(minutes=2),
    exception_type="KeyError",
    status_code=500,
    method="GET",
    route="/api/pets/<int:pk>/",
    fingerprint="a" * 16,
    project="shop",
    environment="production",
    release="1.4.2",
    issue=IssueLink("o/r", 41, "u", "open"),
    session_state="working",
    assignee="Ann Lee <ann@example.com>",
    labels=("billing", "p1"),
    users=7,
    days=tuple(range(14)),
)
choices = st.builds(
    Chosen,
    st.lists(st.sampled_from(sorted(BY_ID))).map(tuple),
    st.frozensets(st.sampled_from(sorted(BY_ID))),
    st.frozensets(st.sampled_from(sorted(BY_ID))),
    st.dictionaries(st.sampled_from(sorted(BY_ID)), st.integers(4, 60), max_size=3),
)


def ids(width: int, chosen: Chosen | None = None) -> list[str]:
    return [place.column.id for place in fitted(width, chosen)]


@given(st.integers(58, 298))
def test_columns_fill_a_line_exactly_and_keep_room_for_the_title(width: int) -> None:
    columns = fitted(width)
    assert row_line(ROW, columns, NOW).width == heading_line(columns, LATEST_FIRST).width == width
    assert next(place.width for place in columns if place.column.id == "title") >= 22


@given(st.integers(20, 298), choices)
def test_whatever_was_chosen_number_and_title_are_there_and_nothing_overlaps(width: int, chosen: Chosen) -> None:
    columns = fitted(width, chosen)
    assert {"number", "title"} <= {place.column.id for place in columns}
    for before, after in itertools.pairwise(columns):
        assert before.start + before.width < after.start
    assert Chosen.of_data(json.loads(json.dumps(chosen.as_data()))).columns() == chosen.columns()


def test_a_wider_line_shows_more_columns_and_never_fewer() -> None:
    assert ids(58) == ["number", "state", "title", "count", "last"]
    assert ids(78) == ["number", "state", "title", "count", "trend", "last", "issue"]
    assert set(ids(298)) == {column.id for column in COLUMNS if not column.is_extra}
    counts = [len(ids(width)) for width in range(58, 300)]
    assert all(after >= before - 1 for before, after in itertools.pairwise(counts))


def test_a_roomy_line_has_room_for_method_and_route() -> None:
    for width, least in ((198, 31), (298, 40)):
        assert next(place.width for place in fitted(width) if place.column.id == "route") >= least


def test_a_column_that_was_chosen_comes_before_those_that_were_not() -> None:
    chosen = Chosen().toggled("level")
    assert "level" in ids(98, chosen)
    assert "level" not in ids(298)
    assert "trend" not in ids(298, Chosen().toggled("trend"))
    assert Chosen().toggled("title") == Chosen()
    assert Chosen().toggled("trend").toggled("trend").wants(BY_ID["trend"])


def test_columns_are_moved_and_sized() -> None:
    moved = Chosen().moved("last", -20)
    assert ids(98, moved)[:2] == ["number", "last"]
    assert Chosen().moved("number", 3).columns() == Chosen().columns()
    sized = Chosen().resized("title", 60)
    assert next(place.width for place in fitted(118, sized) if place.column.id == "title") == 60
    assert Chosen().resized("count", -5).widths == {"count": 4}


def test_the_heading_marks_the_order_and_knows_what_is_under_the_mouse() -> None:
    columns = fitted(298)
    for by, column in SORTS.items():
        if column.is_extra:
            continue
        text = heading_line(columns, Order(by)).text
        assert text.count("▼") == 1
        assert f"▼{column.heading}" in text.replace("▼ ", "▼")
    for place in columns:
        assert column_at(columns, place.start) is place.column
        assert column_at(columns, place.start + place.width - 1) is place.column
    assert column_at(columns, 10_000) is None


@pytest.mark.parametrize("width", [20, 58, 98, 168, 298])
def test_the_order_is_told_also_where_its_column_has_no_room(width: int) -> None:
    columns = fitted(width)
    for by, column in SORTS.items():
        for order in (Order(by), Order(by, is_descending=False)):
            heading = heading_line(columns, order)
            arrow = "▼" if order.is_descending else "▲"
            assert heading.text.count(arrow) == 1
            assert heading.width == heading_line(columns, LATEST_FIRST).width
            if column.id not in ids(width) and width >= 58:
                assert f" {arrow} by {column.heading} " in heading.text
    assert "title        ▼ by users  count" in heading_line(fitted(58), Order("users")).text


@pytest.mark.parametrize("width", [58, 98, 168, 298])
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_in_its_column(text: str, width: int) -> None:
    row = replace(
        ROW, title=text, route=text, method=text, environment=text, release=text, project=text, assignee=text,
        labels=(text, text), level=text, state=text, session_state="working", session_rehearsal=text,
    )  # fmt: skip
    made = row_line(row, fitted(width), NOW, is_marked=True)
    assert made.width == width
    assert not FORBIDDEN & set(made.text)


def test_a_long_number_gets_the_room_it_needs() -> None:
    columns = fitted(98, longest=len("B-1234567"))
    assert row_line(replace(ROW, number=1_234_567), columns, NOW, is_marked=True).text.startswith("B-1234567✔")


# --- views -----------------------------------------------------------------------------------------------------


def configured(**views: Any) -> dict[str, Value]:
    return {name.replace("_", " "): Value(value, "pyproject.toml") for name, value in views.items()}


def test_views_of_the_configuration_change_ours_and_follow_them() -> None:
    made = views_of(
        configured(Checkout="route:/checkout/*", muted=False, All_open={"filter": "state:open", "sort": "-count"}),
        [View("Own", "x", is_saved=True)],
    )
    assert made.wrong == ()
    assert [view.name for view in made.views] == [
        "All open", "New today", "Recurring", "Review", "Mine", "All", "Checkout", "Own",
    ]  # fmt: skip
    assert made.named("ALL OPEN") == View("All open", "state:open", Order("count", is_descending=True))


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ("state:opne", "pyproject.toml: views.X.filter: ▸state:opne◂: state: takes one of"),
        ({"filter": "", "sort": "colour"}, "pyproject.toml: views.X.sort: colour is no column"),
        ({"filtre": ""}, "pyproject.toml: views.X.filtre: a view has filter and sort."),
        ({"filter": 7}, "pyproject.toml: views.X.filter: is not a string."),
        (7, "pyproject.toml: views.X: takes a filter"),
        ("\x1b[2J:", "pyproject.toml: views.X.filter: "),
    ],
)
def test_a_wrong_view_is_told_with_file_and_key_and_the_others_stay(given_: Any, told: str) -> None:
    made = views_of(configured(X=given_, Good="is:new"))
    assert made.named("Good") is not None
    assert made.named("X") is None or told.endswith("filter: ")
    assert all(not FORBIDDEN & set(each) for each in made.wrong)
    if made.wrong:
        assert made.wrong[0].startswith(told)


def test_the_filters_of_our_views_mean_something() -> None:
    for view in BUILT_IN:
        parse(both(view.filter, "a or b"))


@pytest.mark.parametrize(
    ("first", "second", "whole"), [("a", "", "a"), ("", " b ", "b"), ("a or b", "c", "(a or b) (c)")]
)
def test_what_is_typed_narrows_the_view(first: str, second: str, whole: str) -> None:
    assert both(first, second) == whole


# --- the memory ------------------------------------------------------------------------------------------------


def test_what_was_kept_is_there_in_the_next_run(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "deep" / "x.json")
    assert memory.read().wrong == ""
    chosen = Chosen().toggled("level").moved("level", -5).resized("title", 50)
    memory.keep_columns(chosen)
    memory.keep_view("Mine")
    memory.keep_order("Mine", Order("count"))
    memory.save_view(View("Own", "state:open", Order("first", is_descending=False)))
    memory.save_view(View("OWN", "is:new"))
    for number in range(HISTORY + 5):
        memory.keep_filter(f"f{number}")
    memory.keep_filter("f50")
    found = Memory(memory.path).read()
    assert (found.chosen, found.view, found.orders) == (chosen, "Mine", {"Mine": Order("count")})
    assert found.saved == (View("OWN", "is:new", is_saved=True),)
    assert found.history[:3] == ("f50", "f54", "f53")
    assert (len(found.history), found.wrong) == (HISTORY, "")
    memory.drop_view("own")
    assert memory.read().saved == ()
    assert sorted(path.name for path in memory.path.parent.iterdir()) == ["x.json", "x.lock"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * 300_000, b'{"columns": 7}',
     b'{"columns": {"widths": {"title": "x"}}}',
     b'{"views": {"a": 7}}', b'{"views": [1]}', b'{"orders": {"a": "colour"}}', b'{"history": [7]}', b'{"view": {}}',
     b'{"columns": {"order": [7]}}', b'{"orders": 7, "history": 7}'],
)  # fmt: skip
def test_a_broken_file_is_told_costs_only_itself_and_is_made_anew(tmp_path: Path, content: bytes) -> None:
    memory = Memory(tmp_path / "x.json")
    memory.path.write_bytes(content)
    assert "x.json" in memory.read().wrong
    memory.keep_view("Mine")
    memory.keep_filter("a")
    memory.keep_order("Mine", Order("count"))
    assert memory.read().view == "Mine"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "x.json")
    assert "cannot be read" in memory.read().wrong
    with pytest.raises(NotRemembered, match="cannot be written"):
        memory.keep_view("Mine")


def _keep_many(path: Path, name: str) -> None:
    for number in range(20):
        Memory(path).save_view(View(f"{name}{number}", "x"))


def test_two_workbenches_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    processes = [multiprocessing.get_context("fork").Process(target=_keep_many, args=(path, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert {view.name for view in Memory(path).read().saved} == {
        f"{name}{number}" for name in "ab" for number in range(20)
    }


# --- what is wrong, in its place -------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "scrolled", "below"), [
    ("a state:opne", 0, "  ^^^^^^^^^^"), ("漢字 state:opne", 0, "     ^^^^^^^^^^"), ("a state:opne", 4, "^^^^^^^^"),
    ("a state:opne", 50, "^"), ("a (", 0, "  ^"),
])  # fmt: skip
def test_carets_stand_under_the_wrong_part(text: str, scrolled: int, below: str) -> None:
    with pytest.raises(FilterError) as wrong:
        parse(text)
    carets, words = wrong_lines(text, wrong.value, scrolled, 60)
    assert carets.text == below
    assert words.text == wrong.value.message
