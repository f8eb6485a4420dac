"""In a terminal of 60 columns and 15 lines nothing ends as if it were whole."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.engine import Engine

from workbench.tui.document import Document

pytestmark = pytest.mark.anyio
SIZE = (60, 15)


async def test_lines_of_a_page_that_go_on_end_in_an_ellipsis(seeded: Engine, visit: Any) -> None:
    async with visit("enter", size=SIZE) as shown:
        document = shown.screen.query_one("#main", Document)
        long = [index for index, line in enumerate(document.lines) if line.width > document.room]
        assert long
        ends = {document.render_line(index - document.scroll_offset.y).text.rstrip()[-1] for index in long}
        assert ends == {"…"}
        await shown.press("l")
        assert not document.render_line(long[0] - document.scroll_offset.y).text.startswith("▌Why")


async def test_questions_and_their_facts_are_whole(seeded: Engine, visit: Any) -> None:
    async with visit("j", "D", size=SIZE) as shown:
        words = " ".join(shown.text.replace("│", " ").split())
        assert "it is a new bug; m mutes" in words
        assert "one instead." in words


async def test_the_help_sheet_says_everything(seeded: Engine, visit: Any) -> None:
    async with visit("question_mark", size=SIZE) as shown:
        document = shown.screen.query_one("#main", Document)
        assert max(line.width for line in document.lines) <= document.room


async def test_a_sheet_is_as_high_as_what_it_says_and_tells_of_more_only_where_there_is_more(
    seeded: Engine, visit: Any
) -> None:
    async with visit("question_mark", size=SIZE) as shown:
        document = shown.screen.query_one("#main", Document)
        assert document.size.height < len(document.lines)
        assert "show the rest" in document.lines[0].text
    async with visit("question_mark", size=(300, 100)) as shown:
        document = shown.screen.query_one("#main", Document)
        assert document.size.height == len(document.lines)
        assert "show the rest" not in document.lines[0].text


@pytest.mark.parametrize("size", [(120, 36), (100, 20), (80, 24)])
@pytest.mark.parametrize("keys", [("j", "j", "v"), ("j", "j", "enter"), ("j", "j", "E")])
async def test_a_long_page_is_wrapped_at_first_as_it_is_when_it_is_drawn_again(
    seeded: Engine, checkout: tuple[str, str], visit: Any, size: tuple[int, int], keys: tuple[str, ...]
) -> None:
    async with visit(*keys, size=size) as shown:
        document = shown.screen.query_one("#main", Document)
        first = [line.text for line in document.lines]
        shown.screen.draw()
        assert [line.text for line in document.lines] == first


@pytest.mark.parametrize("size", [SIZE, (80, 24)])
@pytest.mark.parametrize(
    ("keys", "first", "last"),
    [("C", "Columns of the list", "esc done"), ("T", "Colours", "esc as it was")],
    ids=["columns", "colours"],
)
async def test_the_keys_of_a_sheet_stay_below_what_is_scrolled(
    seeded: Engine, visit: Any, size: tuple[int, int], keys: str, first: str, last: str
) -> None:
    async with visit("j", keys, size=size) as shown:
        for move in ("home", "end"):
            await shown.press(move)
            assert first in shown.text
            assert last in shown.text


async def test_the_last_column_is_reached(seeded: Engine, visit: Any) -> None:
    async with visit("C", "G", size=SIZE) as shown:
        assert shown.screen.query_one("#choice", Document).lines[-1].text[:20].rstrip() in shown.text
