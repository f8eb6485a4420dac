"""Escape in the filter's box leaves the change that was typed, and not the filter that was on before."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Engine

from workbench.tui.bug_list import BugList
from workbench.tui.filter_box import FilterBox

pytestmark = pytest.mark.anyio
REVIEW = ("slash", *"state:review", "enter")


def numbers(shown: Any) -> list[int]:
    return [row.number for row in shown.screen.query_one(BugList).rows]


@pytest.mark.parametrize("typed", [" bogus", "bogus:", "", " state:open"])
async def test_escape_in_the_box_leaves_the_filter_that_was_on(seeded: Engine, visit: Any, typed: str) -> None:
    async with visit("7", *REVIEW) as shown:
        await shown.press("slash", *(" " if key == " " else key for key in typed), "escape")
        if shown.screen.query_one(FilterBox).has_focus:  # the first closed the list of candidates
            await shown.press("escape")
        assert numbers(shown) == [3]
        assert "filter: state:review" in shown.text
        assert shown.screen.query_one(FilterBox).value == "state:review"
        assert shown.screen.query_one(BugList).has_focus
        await shown.press("escape")
        assert len(numbers(shown)) == 5
        assert not shown.screen.query_one(FilterBox).has_class("-shown")


async def test_one_that_was_emptied_comes_back(seeded: Engine, visit: Any) -> None:
    async with visit("7", *REVIEW, "slash", *["backspace"] * len("state:review")) as shown:
        assert len(numbers(shown)) == 5
        await shown.press("escape")
        assert numbers(shown) == [3]


async def test_what_is_typed_next_goes_on_at_its_end(seeded: Engine, visit: Any) -> None:
    async with visit("7", *REVIEW, "slash", *["left"] * 4, "x", "escape", "slash", *" key") as shown:
        assert shown.screen.query_one(FilterBox).value == "state:review key"


async def test_a_change_that_begins_with_a_click_is_left_as_well(seeded: Engine, visit: Any) -> None:
    async with visit("7", *REVIEW) as shown:
        await shown.pilot.click(FilterBox, offset=(30, 0))
        await shown.press(*" bogus", "escape")
        assert numbers(shown) == [3]


async def test_without_a_filter_before_the_box_closes_and_marks_stay(seeded: Engine, visit: Any) -> None:
    async with visit("7", "space", "slash", *"zerodiv", "escape") as shown:
        assert len(numbers(shown)) == 5
        assert not shown.screen.query_one(FilterBox).has_class("-shown")
        assert len(shown.screen.query_one(BugList).marked) == 1


async def test_a_filter_of_another_view_is_not_brought_back(seeded: Engine, visit: Any) -> None:
    async with visit("7", *REVIEW, "1", "slash", *"zerodiv", "escape") as shown:
        assert "filter:" not in shown.text
