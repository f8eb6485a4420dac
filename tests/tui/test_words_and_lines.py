"""How things are said, and lines as data."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from capture.testing import NOW
from workbench.tui import words
from workbench.tui.highlight import LONGEST, source
from workbench.tui.lines import cell, cut, heading, line, paragraphs, wrapped
from workbench.tui.screens.sections import section_line


@pytest.mark.parametrize(
    ("span", "short"),
    [
        (timedelta(seconds=2), "now"),
        (timedelta(seconds=59), "now"),
        (timedelta(seconds=60), "1m"),
        (timedelta(minutes=3), "3m"),
        (timedelta(hours=23), "23h"),
        (timedelta(days=13), "13d"),
        (timedelta(days=15), "2w"),
        (timedelta(days=800), "2y"),
        (timedelta(seconds=-30), "now"),
    ],
)
def test_ages_are_short(span: timedelta, short: str) -> None:
    assert words.age(NOW - span, NOW) == short
    assert words.ago(NOW - span, NOW) == ("just now" if short == "now" else f"{short} ago")


@pytest.mark.parametrize(
    ("count", "short"),
    [
        (0, "0"),
        (999, "999"),
        (1_200, "1.2k"),
        (35_000, "35k"),
        (999_700, "1.0M"),
        (1_200_000, "1.2M"),
        (10**13, "lots"),
    ],
)
def test_counts_take_at_most_five_characters(count: int, short: str) -> None:
    assert words.short_count(count) == short
    assert len(short) <= 5


def test_durations_count_up_to_hours() -> None:
    assert words.duration(timedelta(seconds=7)) == "0:07"
    assert words.duration(timedelta(seconds=3_723)) == "1:02:03"
    assert words.duration(timedelta(seconds=-3)) == "0:00"


def test_a_fraction_of_a_cent_is_not_nothing() -> None:
    assert [words.money(usd) for usd in (0, 0.0042, 0.18)] == ["$0.00", "$0.0042", "$0.18"]


def test_a_single_event_is_not_a_peak() -> None:
    assert words.sparkline((0, 1, 0, 0), 4) == "·▂··"


def test_a_sparkline_adds_up_neighbours_and_reaches_the_top() -> None:
    assert words.sparkline((4, 4, 0, 0, 1, 1, 8, 8), 4) == "▄·▁█"
    assert words.sparkline((), 3) == "···"


def test_unknown_states_are_shown_as_they_are() -> None:
    assert words.state_mark("odd") == ("·", "muted")
    assert words.session_mark("odd") == ("·", "odd", "muted")
    assert words.verdict_mark("odd") == ("·", "muted")


@given(st.text(), st.integers(min_value=1, max_value=40), st.booleans())
def test_a_cell_is_exactly_as_wide_as_asked(text: str, width: int, right: bool) -> None:
    assert cell_len(cell(text, width, right=right)) == width


def test_cells_are_cut_by_width_not_by_length() -> None:
    assert cell("漢字かな", 5) == "漢字…"
    assert cell("7", 3, right=True) == "  7"
    assert cell("gone", 0) == ""


@given(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z", "M"]) | st.just(" ")),
    st.integers(8, 40),
)
def test_wrapped_pieces_fit(text: str, width: int) -> None:
    assert all(cell_len(piece) <= width for piece in wrapped(text, width))


def test_wrapping_breaks_at_spaces_and_within_long_words() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("x" * 20, 8) == ["x" * 8, "x" * 8, "xxxx"]
    assert [made.text for made in paragraphs(["one two three"], 10, indent="  ")] == ["  one two", "  three"]


def test_lines_know_their_text_and_width() -> None:
    made = line("a ", ("漢", "accent"), ("", "bad"), key="k")
    assert (made.text, made.width, made.key, len(made.spans)) == ("a 漢", 4, "k", 2)
    assert heading("Stack", section="stack", note="why").section == "stack"


def test_source_is_coloured_by_language() -> None:
    assert ("return", "keyword") in source("    return 1")
    assert source("    return 1")[0] == ("    ", "")
    assert any(ink == "keyword" for _, ink in source("<dd>{{ x }}</dd>", "a.html"))
    assert source("anything", "notes.txt") == [("anything", "")]


def test_very_long_source_lines_are_left_uncoloured() -> None:
    assert source("x" * (LONGEST + 1)) == [("x" * (LONGEST + 1), "")]


def test_a_line_that_is_cut_says_so() -> None:
    whole = line(("Fix ", "strong"), ("B-012", "accent"), "  日本語", key="k", section="s")
    assert cut(whole, 17) == whole
    assert cut(whole, 14) == line(("Fix ", "strong"), ("B-012", "accent"), "  日…", key="k", section="s")
    assert cut(whole, 6) == line(("Fix ", "strong"), ("B…", "accent"), key="k", section="s")
    assert cut(whole, 0).text == ""


@pytest.mark.parametrize("width", [30, 78, 300])
def test_the_section_that_is_shown_is_named_however_narrow_the_terminal_is(width: int) -> None:
    names = [
        "why",
        "stack",
        "request",
        "breadcrumbs",
        "over time",
        "varies",
        "occurrences",
        "fix",
        "outside",
        "history",
    ]
    for here in names:
        assert here in cut(section_line(names, here, width), width).text
    assert section_line(names, "history", width).text.startswith("1 why" if width == 300 else "‹ ")
