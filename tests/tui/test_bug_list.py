"""The bug list as a person uses it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select

from capture.event import Fingerprint
from capture.store.intake import Batch, take_in
from capture.store.tables import Bug
from capture.testing import NOW, make_event
from workbench.errors import Refused
from workbench.tui.app import Told, WorkbenchApp
from workbench.tui.bug_list import BugList
from workbench.tui.screens.bug import BugScreen

pytestmark = pytest.mark.anyio


def add_bugs(engine: Engine, count: int, *, start: int = 0, at: Any = None) -> None:
    """Take in `count` bugs, each seen a minute before the one that came ahead of it."""
    events = [
        make_event(
            title=f"Bug number {start + index}",
            at=(at or NOW) - timedelta(minutes=index),
            fingerprint=Fingerprint(key=f"{start + index:016x}", version="1"),
        )
        for index in range(count)
    ]
    take_in(engine, Batch(f"j{start}", 0, 10, count, events), now=NOW)


async def test_an_empty_list_says_what_would_fill_it(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        shown = text_of(app.screen)
    assert "No bugs yet." in shown
    assert "manage.py capture_test" in shown


async def test_the_list_shows_what_each_bug_is(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 36)) as pilot:
        await settle(pilot)
        shown = text_of(app.screen)
    first = next(row for row in shown.splitlines() if "B-001" in row)
    assert "◆ fixing" in first
    assert "KeyError: 'rabbit' in price_of" in first
    assert first.split()[-3:] == ["?", "asks", "you"]
    assert "20h   16m" in first
    assert "#41" in next(row for row in shown.splitlines() if "B-002" in row)
    assert "4 bugs  ● 2 open  ◆ 1 fixing  ◇ 1 review" in shown


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (170, 50)])
async def test_rows_fit_the_terminal(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, size: tuple[int, int]
) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        widths = {app.screen.query_one(BugList).line_at(index).width for index in range(4)}
    assert widths == {size[0] - 2}


async def test_a_narrow_list_says_the_session_s_state_in_place_of_the_bug_s(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "◆ asks you" in text_of(app.screen)


async def test_keys_move_as_in_vi(store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> None:
    add_bugs(store, 100)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        bugs = app.screen.query_one(BugList)
        height = bugs.size.height
        places = []
        for key in ("j", "down", "k", "G", "ctrl+u", "g", "ctrl+d", "end", "home", "pagedown", "pageup", "up"):
            await pilot.press(key)
            places.append(bugs.cursor)
        half = height // 2
        assert places == [1, 2, 1, 99, 99 - half, 0, half, 99, 0, height - 1, 0, 0]


async def test_new_bugs_do_not_move_the_cursor_from_its_bug(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    add_bugs(store, 60)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        bugs = app.screen.query_one(BugList)
        await pilot.press("G", "k")
        chosen, line_on_screen = bugs.selected, bugs.cursor - bugs.scroll_offset.y
        add_bugs(store, 3, start=500, at=NOW + timedelta(seconds=1))
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert len(bugs.rows) == 63
        assert bugs.selected is not None
        assert chosen is not None
        assert bugs.selected.number == chosen.number
        assert bugs.cursor - bugs.scroll_offset.y == line_on_screen


async def test_at_the_top_of_the_list_new_bugs_come_into_sight(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    add_bugs(store, 60)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        add_bugs(store, 1, start=500, at=NOW + timedelta(seconds=1))
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "Bug number 500" in text_of(app.screen)
        selected = app.screen.query_one(BugList).selected
        assert selected is not None
        assert selected.title == "Bug number 0"


async def test_an_error_shows_by_itself_in_an_open_workbench(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, eventually: Any, monkeypatch: Any
) -> None:
    app = make_app(background=True)
    monkeypatch.setattr(app._background, "_sweep", lambda: None)
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        add_bugs(store, 1)
        await eventually(lambda: "Bug number 0" in text_of(app.screen))


async def test_the_filter_narrows_while_typing_and_escape_clears_it(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("7", "slash", *"zerodiv")
        await settle(pilot)
        assert [row.number for row in app.screen.query_one(BugList).rows] == [5]
        await pilot.press("enter")
        assert "filter: zerodiv" in text_of(app.screen)
        await pilot.press("escape")
        await settle(pilot)
        assert len(app.screen.query_one(BugList).rows) == 5


async def test_the_filter_knows_states(seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"state:review")
        await settle(pilot)
        assert [row.number for row in app.screen.query_one(BugList).rows] == [3]


async def test_an_empty_filter_closes_on_enter_and_a_fruitless_one_says_how_to_get_out(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", "enter")
        assert not app.screen.query_one("#filter").has_class("-shown")
        await pilot.press("slash", *"nothing-like-it")
        await settle(pilot)
        assert "No bug matches" in text_of(app.screen)
        assert "esc clears the filter." in text_of(app.screen)


async def test_enter_opens_the_bug_under_the_cursor_and_escape_comes_back(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "enter")
        await settle(pilot)
        assert isinstance(app.screen, BugScreen)
        assert "B-004" in text_of(app.screen)
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen.query_one(BugList).cursor == 1


async def test_the_mouse_selects_and_a_second_click_opens(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.click(BugList, offset=(20, 2))
        assert app.screen.query_one(BugList).cursor == 2
        await pilot.click(BugList, offset=(20, 9))
        assert app.screen.query_one(BugList).cursor == 2
        await pilot.click(BugList, offset=(20, 2))
        await settle(pilot)
        assert isinstance(app.screen, BugScreen)


async def test_what_cannot_be_done_says_why_in_the_status_line(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("f")
        assert "A fix session is at work on B-001 already: s shows it." in text_of(app.screen)
        await pilot.press("o")
        assert "B-001 has no issue on GitHub." in text_of(app.screen)


async def test_copying_goes_through_the_terminal(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        for key, copied in (("n", "B-001"), ("f", "a1b2c3d4e5f60718"), ("c", "curl --globoff --request GET")):
            await pilot.press("y")
            await settle(pilot)
            await pilot.press(key)
            await pilot.pause()
            assert app.clipboard.startswith(copied)


async def test_the_issue_opens_in_the_browser(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: Any
) -> None:
    app = make_app()
    opened: list[str] = []
    monkeypatch.setattr(app, "open_url", opened.append)
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "j", "j", "o")
    assert opened == ["https://github.example/clinic/site/issues/41"]


async def test_relative_times_go_on_and_an_idle_screen_is_not_redrawn(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, clock: Any, monkeypatch: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        bugs = app.screen.query_one(BugList)
        drawn: list[object] = []
        real = bugs.refresh
        monkeypatch.setattr(bugs, "refresh", lambda *a, **k: (drawn.append(a), real(*a, **k))[1])
        app._tick()
        await pilot.pause()
        assert drawn == []
        clock.now = NOW + timedelta(minutes=2)
        app._tick()
        await pilot.pause()
        assert drawn
        assert "20h   18m" in text_of(app.screen)


async def test_a_click_on_the_footer_does_what_its_key_does(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.click("#keys", offset=(2, 0))
        await settle(pilot)
        assert isinstance(app.screen, BugScreen)
        await pilot.click("#keys", offset=(98, 0))
        assert isinstance(app.screen, BugScreen)


async def test_what_was_said_leaves_the_status_line_by_itself(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        assert "Nothing is filtered" in text_of(app.screen)
        app._tick()
        assert "Nothing is filtered" in text_of(app.screen)
        clock.now += timedelta(seconds=9)
        app._tick()
        await pilot.pause()
        assert "Nothing is filtered" not in text_of(app.screen)


@pytest.mark.parametrize("key", ["f12", "j", "tab"], ids=["a dead key", "a move", "an action"])
async def test_what_was_said_leaves_with_the_next_key_whatever_that_does(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any, key: str
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        assert "Nothing is filtered" in text_of(app.screen)
        clock.now += timedelta(seconds=2)
        await pilot.press(key)
        await settle(pilot)
        assert "Nothing is filtered" not in text_of(app.screen)


async def test_what_was_said_just_now_is_not_taken_away_by_a_key_that_was_on_its_way(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("escape")
        clock.now += timedelta(seconds=0.2)
        await pilot.press("j")
        await settle(pilot)
        assert "Nothing is filtered" in text_of(app.screen)


async def test_what_went_wrong_stays_until_the_next_key(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        app.screen.fail(Refused("It was not to be."))  # type: ignore[attr-defined]
        clock.now += timedelta(seconds=60)
        app._tick()
        await settle(pilot)
        assert "It was not to be." in text_of(app.screen)
        await pilot.press("f12")
        await settle(pilot)
        assert "It was not to be." not in text_of(app.screen)


async def test_a_reading_that_fails_is_told_until_one_works_again(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        app.screen.fail(Refused("It was not to be."), until_read=True)  # type: ignore[attr-defined]
        clock.now += timedelta(seconds=60)
        await pilot.press("f12", "j")
        await settle(pilot)
        assert "It was not to be." in text_of(app.screen)
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "It was not to be." not in text_of(app.screen)


async def test_what_holds_on_stays_in_the_status_line(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, clock: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        app.on_told(Told("GitHub does not answer."))
        clock.now += timedelta(seconds=60)
        app._tick()
        await pilot.press("f12", "j")
        await settle(pilot)
        assert "GitHub does not answer." in text_of(app.screen)


async def test_a_filter_for_a_state_that_does_not_exist_names_those_that_do(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 20)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"state:opne")
        await settle(pilot)
        shown = text_of(app.screen)
        lines = shown.splitlines()
        typed = next(index for index, text in enumerate(lines) if "state:opne" in text and "^" in lines[index + 1])
        assert lines[typed].index("state:opne") == lines[typed + 1].index("^" * len("state:opne"))
        assert "state: takes one of open, fixing, review, closed, muted, not “opne”. Did you mean open?" in shown
        await pilot.press(*["backspace"] * 2, *"en")
        await settle(pilot)
        assert "^" not in text_of(app.screen)
        assert {row.state for row in app.screen.query_one(BugList).rows} == {"open"}


async def test_a_long_list_is_read_a_piece_at_a_time(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    add_bugs(store, 2_000)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        bugs = app.screen.query_one(BugList)
        assert (bugs.line_count, len(bugs.rows)) == (2_000, bugs.held_first)
        for keys, title in (
            (["G"], "Bug number 1999"),
            (["ctrl+u"] * 60, f"Bug number {1999 - 60 * (bugs.size.height // 2)}"),
            (["g"], "Bug number 0"),
        ):
            await pilot.press(*keys)
            await settle(pilot)
            assert bugs.selected is not None
            assert bugs.selected.title == title
            assert "…" not in text_of(app.screen).replace("…\n", "")
        assert len(bugs.rows) == bugs.held < 300


async def test_what_came_in_above_is_counted_until_the_top_is_in_sight(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    add_bugs(store, 600)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press(*["ctrl+d"] * 20)
        await settle(pilot)
        bugs = app.screen.query_one(BugList)
        chosen, before = bugs.selected, text_of(app.screen).split("\n")[3:20]
        add_bugs(store, 3, start=900, at=NOW + timedelta(seconds=1))
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "↑ 3 new above" in text_of(app.screen)
        assert bugs.selected == chosen
        assert text_of(app.screen).split("\n")[3:20] == before
        await pilot.press("g")
        await settle(pilot)
        assert "new above" not in text_of(app.screen)
        assert "Bug number 900" in text_of(app.screen)


async def test_the_list_is_sorted_by_any_column(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    add_bugs(store, 30)
    app = make_app()
    async with app.run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        assert "▼seen" in text_of(app.screen)
        bugs = app.screen.query_one(BugList)
        await pilot.press("j", "greater_than_sign", "greater_than_sign", "greater_than_sign")
        await settle(pilot)
        assert "▲bug" in text_of(app.screen)
        assert [row.number for row in bugs.rows[:3]] == [1, 2, 3]
        assert bugs.cursor == 0
        await pilot.press("equals_sign")
        await settle(pilot)
        assert "▼bug" in text_of(app.screen)
        assert [row.number for row in bugs.rows[:3]] == [30, 29, 28]
        await pilot.press(*["less_than_sign"] * 3)
        await settle(pilot)
        assert "▼seen" in text_of(app.screen)


async def test_a_bar_that_is_too_long_for_the_terminal_ends_in_an_ellipsis(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *("x" * 70))
        await settle(pilot)
        assert text_of(app.screen).splitlines()[0].endswith("…")


async def test_a_narrow_list_leaves_the_first_time_to_the_page_and_the_room_to_the_title(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        _, _, columns, *rows = text_of(app.screen).splitlines()
    assert " first " not in columns
    assert "▼seen" in columns
    assert any("REHEARSAL  KeyError: 'ra" in row for row in rows)


async def test_a_list_that_becomes_empty_types_no_key_into_the_filter(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    add_bugs(store, 3)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"number 1", "enter")
        await settle(pilot)
        with Session(store) as session:
            for bug in session.exec(select(Bug)):
                bug.state = "closed"
                session.add(bug)
            session.commit()
        app.screen.reload()  # type: ignore[attr-defined]
        await settle(pilot)
        assert "No bug matches “number 1”" in text_of(app.screen)
        await pilot.press("j", "7")
        await settle(pilot)
        assert "Bug number 1" in text_of(app.screen)
        await pilot.press("j", "q")
        await settle(pilot)
    assert app.return_code == 0
