"""The door from captured text to a screen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tui.hostile import FORBIDDEN, HOSTILE

from workbench.text import LINE_LIMIT, MARKS_LIMIT, plain, plain_lines


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_becomes_one_inert_line(text: str) -> None:
    shown = plain(text)
    assert not FORBIDDEN & set(shown)
    assert len(shown) < LINE_LIMIT * 11


@given(st.text())
def test_any_text_becomes_inert_and_twice_is_as_once(text: str) -> None:
    shown = plain(text)
    assert not FORBIDDEN & set(shown)
    assert plain(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("as it is", "as it is"),
        ("über 漢字 €", "über 漢字 €"),
        ("\x1b[31m", "␛[31m"),
        ("a\x00b\x7f", "a␀b␡"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202eevil", "\\u202eevil"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc80", "\\udc80"),
        ("a\tb", "a    b"),
        ("a\nb", "a␊b"),
        ("❤\ufe0f", "❤\\ufe0f"),
        ("\u3164", "\\u3164"),
        ("[/b] [@click=x]", "[/b] [@click=x]"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(text: str, shown: str) -> None:
    assert plain(text) == shown


def test_long_text_is_cut_and_says_by_how_much() -> None:
    assert plain("x" * 1_500, 1_000) == "x" * 1_000 + "… (500 more)"


def test_piled_up_marks_are_cut() -> None:
    assert plain("e" + "\u0301" * 50) == "e" + "\u0301" * MARKS_LIMIT


def test_what_is_no_text_is_shown_as_text() -> None:
    assert plain(12) == "12"
    assert plain_lines(None) == ["None"]


def test_lines_end_wherever_any_system_ends_them() -> None:
    assert plain_lines("a\r\nb\rc\nd\x85e\u2028f\n\n") == ["a", "b", "c", "d", "e", "f"]


def test_many_lines_are_cut_and_counted() -> None:
    assert plain_lines("\n".join("abcdef"), most=4) == ["a", "b", "c", "d", "… 2 more lines"]
