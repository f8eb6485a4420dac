"""Views, completion, columns and sorting on the screen, and the list in a storm of events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from sqlmodel import Session, select
from textual._compositor import Compositor
from tui.hostile import FORBIDDEN, HOSTILE
from tui.test_bug_list import add_bugs

from capture.store.tables import Bug, BugLabel
from workbench.errors import DatabaseError
from workbench.tui.app import StoreChanged, WorkbenchApp
from workbench.tui.bars import KeyBar
from workbench.tui.bug_list import BugList
from workbench.tui.desk import Asked
from workbench.tui.filter_box import FilterBox, Suggestions
from workbench.tui.heading import Heading
from workbench.tui.lines import line
from workbench.tui.remembered import Memory
from workbench.tui.tabs import Tabs, _told
from workbench.tui.views import BUILT_IN

pytestmark = pytest.mark.anyio


@pytest.fixture
def play(make_app: Callable[..., WorkbenchApp], settle: Any) -> Callable[..., Any]:
    """Return a coroutine function that opens the list, presses keys, and returns what `look` sees after each."""

    async def play(*keys: str, look: Callable[[Any], Any], size: tuple[int, int] = (100, 24)) -> list[Any]:
        app = make_app()
        seen = []
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
                seen.append(look(app))
        return seen

    return play


def numbers(app: Any) -> list[int]:
    return [row.number for row in app.screen.query_one(BugList).rows]


async def test_views_are_switched_by_numbers_and_tab(seeded: Engine, play: Any) -> None:
    shown = await play("4", "7", "tab", "shift+tab", "5", look=numbers)
    assert [len(each) for each in shown] == [1, 5, 4, 5, 0]
    assert shown[0] == [3]


async def test_an_empty_view_says_what_it_shows_and_how_to_see_all(seeded: Engine, play: Any, text_of: Any) -> None:
    (shown,) = await play("5", look=lambda app: text_of(app.screen))
    assert "No bug is in the view Muted." in shown
    assert "It shows state:muted.   7 shows All." in shown


async def test_tabs_headings_and_candidates_are_clicked(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        tabs = text_of(app.screen).splitlines()[1]
        await pilot.click(Tabs, offset=(tabs.index("4 Review"), 0))
        await settle(pilot)
        assert numbers(app) == [3]
        await pilot.click(Tabs, offset=(tabs.index("7 All"), 0))
        await settle(pilot)
        heading = text_of(app.screen).splitlines()[2]
        await pilot.click(Heading, offset=(heading.index("count"), 0))
        await settle(pilot)
        counts = [row.count for row in app.screen.query_one(BugList).rows]
        assert counts == sorted(counts, reverse=True)
        await pilot.click(Heading, offset=(heading.index("count"), 0))
        await settle(pilot)
        assert [row.count for row in app.screen.query_one(BugList).rows] == counts[::-1]
        await pilot.press("slash", *"state:")
        await settle(pilot)
        await pilot.click(Suggestions, offset=(4, 2))
        await settle(pilot)
        assert app.screen.query_one(FilterBox).value == "state:review "
        assert numbers(app) == [3]


async def test_a_filter_is_completed_with_keys_and_what_the_database_knows(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    with Session(seeded) as session:
        session.add(BugLabel(bug_id=session.exec(select(Bug.id).where(Bug.number == 4)).one(), name="billing"))
        session.commit()
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash", *"la")
        await settle(pilot)
        assert "▸ label:  a label" in text_of(app.screen)
        await pilot.press("tab")
        await settle(pilot)
        assert "▸ billing" in text_of(app.screen)
        assert "^" not in text_of(app.screen)
        await pilot.press("right")
        await settle(pilot)
        assert app.screen.query_one(FilterBox).value == "label:billing "
        assert numbers(app) == [4]
        await pilot.press(*"state:", "down", "down", "up", "tab")
        await settle(pilot)
        assert app.screen.query_one(FilterBox).value == "label:billing state:fixing "
        await pilot.press("escape")
        assert "▸" not in text_of(app.screen).split("\n", 3)[3]
        assert app.screen.query_one(FilterBox).has_focus
        await pilot.press("escape")
        await settle(pilot)
        assert len(numbers(app)) == 4


async def test_filters_come_back_in_an_empty_box_also_in_the_next_run(seeded: Engine, play: Any) -> None:
    await play("slash", *"zero", "enter", "slash", *" x", "enter", look=numbers)
    seen = await play("slash", "up", "up", "up", "down", "down", look=lambda app: app.screen.query_one(FilterBox).value)
    assert seen == ["", "zero x", "zero", "zero", "zero x", ""]


async def test_a_wrong_filter_is_not_left_by_enter(seeded: Engine, play: Any) -> None:
    *_, seen = await play(
        "slash", *"count:x", "enter", look=lambda app: (app.screen.query_one(FilterBox).has_focus, len(numbers(app)))
    )
    assert seen[0]


async def test_what_is_shown_is_saved_as_a_view_and_taken_off_again(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    for keys in (["7", "slash", *"pets", "enter", "equals_sign", "w", *"Pets", "enter"], []):
        app = make_app()
        async with app.run_test(size=(120, 24)) as pilot:
            await settle(pilot)
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
            assert "8 Pets" in text_of(app.screen).splitlines()[1]
            found = numbers(app)
            assert 0 < len(found) < 5
            assert "▲seen" in text_of(app.screen)
            if not keys:
                await pilot.press("w", *["backspace"] * 4, *"-pets", "enter")
                await settle(pilot)
                assert "Pets" not in text_of(app.screen).splitlines()[1]


async def test_columns_and_orders_are_as_they_were_left(seeded: Engine, play: Any, text_of: Any) -> None:
    def heading(app: Any) -> str:
        return str(text_of(app.screen).splitlines()[2])

    await play("C", "j", "space", "j", "j", "j", "J", "plus", "plus", "escape", "greater_than_sign", look=id)
    (seen,) = await play("f12", look=heading, size=(160, 24))
    assert "state" not in seen
    assert "▼issue" in seen
    *_, seen = await play("C", "r", "escape", "4", look=heading, size=(160, 24))
    assert "state" in seen
    assert "▼seen" in seen
    (seen,) = await play("f12", look=lambda app: (numbers(app), heading(app)))
    assert seen[0] == [3]


async def test_a_wrong_view_of_the_configuration_is_told_and_the_others_work(
    seeded: Engine, clinic: Path, play: Any, text_of: Any
) -> None:
    (clinic / "workbench.toml").write_text('[views]\nBad = "state:opne"\nGood = "state:review"\n')
    first, second = await play("f12", "8", look=lambda app: text_of(app.screen))
    assert "workbench.toml: views.Bad.filter: ▸state:opne◂" in first
    assert "8 Good" in first
    assert "B-003" in second


async def test_a_memory_that_cannot_be_kept_is_told_once_and_stops_nothing(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    memory = Memory.of(app.config)
    memory.path.parent.parent.mkdir(parents=True)
    memory.path.parent.write_text("in the way")
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("4")
        await settle(pilot)
        assert "the list will not be as you leave it now" in " ".join(text_of(app.screen).split())
        assert numbers(app) == [3]
        app.screen.say("")  # type: ignore[attr-defined]
        await pilot.press("1")
        await settle(pilot)
        assert "will not be as" not in " ".join(text_of(app.screen).split())


async def test_a_storm_is_read_now_and_then_and_its_end_is_seen(
    store: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, monkeypatch: Any
) -> None:
    add_bugs(store, 3)
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        reads: list[object] = []
        real = app.desk.listed
        monkeypatch.setattr(app.desk, "listed", lambda *a, **k: (reads.append(a), real(*a, **k))[1])
        for _ in range(50):
            app.post_message(StoreChanged())
            await pilot.pause(0.004)
        add_bugs(store, 1, start=500)
        app.post_message(StoreChanged())
        await eventually(lambda: len(numbers(app)) == 4)
        assert len(reads) <= 4


async def test_the_list_comes_back_with_its_database(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)

        def gone(*_given: Any, **_words: Any) -> Any:
            raise DatabaseError("The database does not answer.", cure="Start it.")

        with monkeypatch.context() as patch:
            patch.setattr(app.desk, "listed", gone)
            patch.setattr(app.desk, "known", gone)
            await pilot.press("4", "slash", *"st")
            await settle(pilot)
            assert "The database does not answer." in text_of(app.screen)
            assert "state:" in text_of(app.screen)
        await pilot.press("escape", "escape", "4")
        await settle(pilot)
        assert numbers(app) == [3]
        assert "does not answer" not in text_of(app.screen)


async def test_each_tab_says_how_many_bugs_are_behind_it(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("workbench.tui.screens.view_counts.SOONEST", 0.0)
    monkeypatch.setattr("workbench.tui.screens.view_counts.SHARE", 0)
    app = make_app()
    async with app.run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        tabs = app.screen.query_one(Tabs)
        behind = {view.name: app.desk.listed(Asked(view.filter), start=0, size=1).window.total for view in BUILT_IN}
        assert (
            tabs.lines[0].text.split()
            == " ".join(f"{number} {name} {count}" for number, (name, count) in enumerate(behind.items(), 1)).split()
        )
        assert behind["Review"] == 1
        add_bugs(seeded, 2, start=500)
        app.post_message(StoreChanged())
        await eventually(lambda: f"All {behind['All'] + 2}" in tabs.lines[0].text)


async def test_what_nothing_was_written_for_is_neither_read_nor_counted_again(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: Any
) -> None:
    """A filter that is typed narrows no view, and a page or a dialog that is left leaves the list as it was."""
    monkeypatch.setattr("workbench.tui.screens.view_counts.SOONEST", 0.0)
    monkeypatch.setattr("workbench.tui.screens.view_counts.SHARE", 0)
    app = make_app()
    async with app.run_test(size=(120, 24)) as pilot:
        await settle(pilot)
        asked: list[str] = []
        for name in ("listed", "counts"):
            real = getattr(app.desk, name)
            monkeypatch.setattr(
                app.desk, name, lambda *a, _real=real, _name=name, **k: (asked.append(_name), _real(*a, **k))[1]
            )
        await pilot.press("slash", *"key")
        await settle(pilot)
        assert set(asked) == {"listed"}
        await pilot.press("escape", "escape")
        await settle(pilot)
        asked.clear()
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("escape", "question_mark", "escape")
        await settle(pilot)
        assert asked == []
        await pilot.press("j", "enter")
        await settle(pilot)
        await pilot.press("m", "h")
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert set(asked) == {"listed", "counts"}


async def test_what_changes_below_a_page_is_not_drawn_and_below_a_dialog_it_is(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, monkeypatch: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        drawn: list[object] = []
        real = Compositor.render_update
        monkeypatch.setattr(Compositor, "render_update", lambda *a, **k: (drawn.append(a), real(*a, **k))[1])
        tabs, before = app.screen.query_one(Tabs), app.screen.query_one(Tabs).lines
        for key, is_drawn in (("enter", False), ("question_mark", True)):
            await pilot.press(key)
            await settle(pilot)
            drawn.clear()
            tabs.show(line("something else"))
            await settle(pilot)
            await pilot.pause(0.1)
            assert bool(drawn) is is_drawn
            tabs.show(*before)
            await pilot.press("escape")
            await settle(pilot)
            assert "1 All open" in text_of(app.screen)


def test_a_narrow_line_of_tabs_says_how_many_where_there_are_any() -> None:
    words = ["1 All open", "2 New", "3 Muted", "4 All"]
    counts = ["12", "0", "3", "999+"]
    assert _told(words, counts, 0, 80) == ["12", "0", "3", "999+"]
    assert _told(words, counts, 0, 39) == ["12", "", "3", ""]
    assert _told(words, counts, 0, 20) == ["", "", "", ""]
    assert _told(words, [], 0, 80) == ["", "", "", ""]


def test_the_tab_that_is_shown_says_how_many_before_the_others() -> None:
    words = ["1 All open", "2 New", "3 Muted", "4 All"]  # 33 cells
    counts = ["12", "0", "3", "999+"]
    assert _told(words, counts, 3, 38) == ["", "", "", "999+"]
    assert _told(words, counts, 3, 41) == ["12", "", "", "999+"]
    assert _told(words, counts, 1, 38) == ["12", "0", "", ""]
    assert _told(words, counts, -1, 38) == ["12", "", "3", ""]
    assert _told(words, counts, 3, 37) == ["12", "", "", ""]


async def test_tabs_that_all_fit_are_all_there_and_else_the_arrows_are_as_well(seeded: Engine, visit: Any) -> None:
    names = ["Open", "Review", "Muted", "All"]
    whole = "1 Open  2 Review  3 Muted  4 All"
    async with visit() as opened:
        tabs = opened.screen.query_one(Tabs)
        for width in range(13, len(whole) + 3):
            for shown, name in enumerate(names):
                tabs.offer(names, shown, width)
                text = tabs.lines[0].text.rstrip()
                assert len(text) <= width
                assert name in text
                assert text.startswith(("1 Open", "‹ "))
                assert text.endswith(("4 All", "›"))
                assert (text == whole) is (width >= len(whole))


async def test_any_size_has_its_columns(seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> None:
    app = make_app()
    async with app.run_test(size=(60, 15)) as pilot:
        await settle(pilot)
        bugs = app.screen.query_one(BugList)
        for width, height in ((60, 15), (80, 24), (300, 100), (61, 16), (20, 6)):
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            if width >= 60:
                assert {bugs.line_at(index).width for index in range(4)} == {width - 2}


async def test_hostile_values_are_not_offered_and_hostile_text_is_typed_dead(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    texts = [text.replace("\udc80", "").replace("\0", "")[:200] for text in HOSTILE]
    with Session(seeded) as session:
        bug = session.exec(select(Bug).where(Bug.number == 1)).one()
        assert bug.id is not None
        session.add_all(BugLabel(bug_id=bug.id, name=name) for name in {"漢字かな", *(text[:60] for text in texts)})
        bug.environment = bug.last_release = bug.project = bug.route = bug.assignee = texts[1] + texts[5]
        session.commit()
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("slash")
        await settle(pilot)
        box = app.screen.query_one(FilterBox)
        offered = [value for values in box.known.values() for value in values]
        assert "漢字かな" in "".join(offered)
        assert not FORBIDDEN & set("".join(offered))
        for text in [*texts, *(f"label:{text}" for text in texts), *(f"nosuch:{text}" for text in texts)]:
            box.value = text
            box.cursor_position = len(box.value)
            await pilot.pause()
            drawn = "".join(s.text for strip in app.screen._compositor.render_strips() for s in strip)
            assert not FORBIDDEN & set(drawn)


async def test_the_narrowest_footer_has_the_way_to_the_help(seeded: Engine, play: Any) -> None:
    """A bug in review has so many keys that those which do not fit are left to the help."""

    def footer(app: Any) -> str:
        (keys,) = app.screen.query_one(KeyBar).lines
        return "".join(text for text, _ink in keys.spans)

    (shown,) = await play("4", look=footer, size=(80, 24))
    assert "v sign-off" in shown
    assert "? help" in shown


async def test_the_tabs_say_at_once_what_became_of_an_act(seeded: Engine, visit: Any) -> None:
    async with visit(size=(120, 24)) as shown:
        assert "5 Muted 0" in shown.text
        await shown.press("j", "m", "h")
        assert "5 Muted 1" in shown.text


async def test_a_toast_leaves_the_status_line_and_the_keys_in_sight(seeded: Engine, make_app: Any, settle: Any) -> None:
    app = make_app()
    async with app.run_test(size=(120, 24), notifications=True) as pilot:
        await settle(pilot)
        for key in ("j", "m", "h"):
            await pilot.press(key)
            await settle(pilot)
        bottom = max(toast.region.bottom for toast in app.screen.query("Toast"))
        assert bottom <= app.screen.query_one("#status").region.y
