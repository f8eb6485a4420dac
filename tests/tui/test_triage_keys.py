"""Triage by keys: one bug or all marked ones, prompts that default to no, toasts, undo."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from signoff import came_back
from sqlalchemy.engine import Engine
from tui.hostile import FORBIDDEN, HOSTILE

from capture.store.intake import Batch, take_in
from capture.testing import NOW, make_event
from workbench.bugs import queries
from workbench.bugs.rows import BugRow
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.bug import BugScreen
from workbench.tui.screens.bugs import BugsScreen

pytestmark = pytest.mark.anyio

ALL = "".join(text[:12] for text in HOSTILE).encode("utf-8", "replace").decode()


@pytest.fixture
def three(store: Engine) -> Engine:
    """A store with B-001 to B-003, B-003 with a hostile title."""
    events = [make_event(key=key, title=title) for key, title in (("aa", "one"), ("bb", "two"), ("cc", ALL))]
    take_in(store, Batch("j", 0, 1, 3, events), now=NOW)
    return store


def row(engine: Engine, number: int) -> BugRow:
    return queries.bug_page(engine, number, now=NOW).row


@pytest.fixture
def play(three: Engine, make_app: Callable[..., WorkbenchApp], settle: Any) -> Callable[..., Any]:
    """Return a coroutine function that opens the list, presses keys, and returns the app's toasts."""

    async def play(*keys: str, size: tuple[int, int] = (100, 30), look: Callable[[Any], Any] | None = None) -> Any:
        app = make_app()
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            for key in ("7", *keys):  # the view of all: what is closed or muted stays in sight
                await pilot.press(key)
                await settle(pilot)
            toasts = [notification.message for notification in app._notifications]
            return look(app) if look else toasts

    return play


async def test_a_marked_group_is_muted_at_once_and_the_marks_are_gone(three: Engine, play: Any) -> None:
    """The list is newest first: B-003, B-002, B-001."""
    toasts = await play("space", "space", "m", "g")
    assert toasts == ["B-002 and B-003 muted for good.\nu undoes it."]
    assert [row(three, number).state for number in (1, 2, 3)] == ["open", "muted", "muted"]


async def test_marks_show_in_the_list_and_in_its_title(play: Any, text_of: Any) -> None:
    shown = await play("space", look=lambda app: text_of(app.screen))
    assert "✔ 1 marked" in shown
    assert "B-003 ✔" in shown
    assert "marked" not in await play("ctrl+a", "escape", look=lambda app: text_of(app.screen))
    assert "✔ 3 marked" in await play("ctrl+a", look=lambda app: text_of(app.screen))


async def test_undo_takes_the_acts_of_this_session_back_one_by_one(three: Engine, play: Any) -> None:
    given = ("m", "d", "t", *"billing", "enter", "u")
    assert await play(*given) == ["Undone: label of B-003."], "and no toast that says u undoes it"
    assert row(three, 3).state == "muted"
    assert await play("u") == [], "what another run did is no act of this one"
    assert await play("a", *"Bob", "enter", "t", *"p1", "enter", "u", "u", "u") == ["Undone: assign of B-003."]
    found = row(three, 3)
    assert (found.assignee, found.labels) == (None, ())


async def test_a_choice_is_never_made_by_enter(three: Engine, play: Any) -> None:
    assert await play("m", "enter", "escape") == []
    assert await play("ctrl+a", "M", "enter", "escape") == []
    assert await play("D", "enter", "escape") == []
    assert {row(three, number).state for number in (1, 2, 3)} == {"open"}


async def test_a_merge_shows_what_it_joins_and_asks_by_name(three: Engine, play: Any, text_of: Any) -> None:
    shown = await play("ctrl+a", "M", look=lambda app: text_of(app.screen))
    assert "Merge B-002, B-003 into B-001? (y/N)" in shown
    assert "fingerprints aa, bb, cc" in shown
    assert await play("ctrl+a", "M", "y") == ["B-002 and B-003 merged into B-001.\nu undoes it."]
    assert row(three, 1).count == 3


async def test_a_bug_is_merged_by_the_number_of_another_and_taken_out_again(three: Engine, play: Any) -> None:
    toasts = await play("enter", "M", *"1", "enter", "y", "S")
    assert [toast.splitlines()[0] for toast in toasts] == ["B-003 merged into B-001.", "B-003 taken out of B-001."]
    assert [row(three, number).count for number in (1, 2, 3)] == [1, 1, 1]


async def test_closing_asks_as_what_and_why(three: Engine, play: Any) -> None:
    assert await play("x", "n", *"noise", "enter") == ["B-003 closed: not a bug.\nu undoes it."]
    assert row(three, 3).closed_as == "not a bug"
    await play("X", *"real", "enter")
    assert row(three, 3).state == "open"
    await play("x", "d", *"b2", "enter")
    assert row(three, 3).duplicate_of == 2


async def test_a_false_alarm_is_closed_again_and_undone(three: Engine, play: Any, text_of: Any) -> None:
    assert "false alarm" not in await play("x", look=lambda app: text_of(app.screen))
    came_back.sign_off(three, 3, now=NOW + 2 * came_back.MINUTE)
    came_back.see(three, "cc", "two", at=NOW + 3 * came_back.MINUTE)
    shown = await play("x", "a", look=lambda app: text_of(app.screen))
    assert "Git has not said yet" in " ".join(shown.split())
    came_back.git_says(three, {"two": False}, now=NOW)
    shown = await play("enter", look=lambda app: text_of(app.screen))
    assert "↻ false alarm" in shown
    said = "B-003 closed again: a false alarm. The sign-off stands.\nu undoes it."
    assert await play("enter", "x", "a") == [said]
    assert (row(three, 3).state, row(three, 3).closed_as) == ("closed", "fixed")
    assert (await play("enter", "X", *"again", "enter"))[0].startswith("B-003 reopened.")


async def test_a_refusal_stands_in_the_status_line_with_its_cure(play: Any, text_of: Any) -> None:
    shown = await play("S", look=lambda app: text_of(app.screen))
    assert "B-003 was not merged into another bug." in shown


async def test_deleting_needs_the_number_typed(three: Engine, play: Any) -> None:
    assert await play("D", "y", "enter") == []
    assert "B-003 and its events are deleted" in (await play("D", *"b-003", "enter"))[0]
    assert [bug.number for bug in queries.list_bugs(three, now=NOW)] == [2, 1]


async def test_a_note_of_several_lines_is_kept_by_ctrl_s(three: Engine, play: Any, text_of: Any) -> None:
    await play("n", *"ab", "enter", *"cd", "ctrl+s")
    assert [note.text for note in queries.bug_page(three, 3, now=NOW).notes] == ["ab\ncd"]
    shown = await play("enter", look=lambda app: text_of(app.screen))
    assert "Notes" in shown
    await play("n", *"ef", "escape")
    assert len(queries.bug_page(three, 3, now=NOW).notes) == 1


async def test_assigning_offers_the_person_at_the_keys(three: Engine, play: Any) -> None:
    await play("a", "enter")
    assert row(three, 3).assignee == "Ada Tester <ada@example.com>"


async def test_the_same_keys_work_on_the_page_and_show_there(three: Engine, play: Any, text_of: Any) -> None:
    shown = await play("enter", "t", *"p1", "enter", "m", "n", "enter", look=lambda app: text_of(app.screen))
    assert "muted until 100 more events · #p1" in shown
    assert "Raised at the same place, perhaps the same fault:" in shown

    def place(app: Any) -> type:
        return type(app.screen)

    assert await play("enter", look=place) is BugScreen
    assert await play("enter", "D", *"B-003", "enter", look=place) is BugsScreen


@pytest.mark.parametrize("keys", [["m"], ["t"], ["a"], ["x", "n"], ["n"], ["D"], ["ctrl+a", "M"]])
async def test_hostile_titles_do_nothing_in_any_prompt(play: Any, text_of: Any, keys: list[str]) -> None:
    shown = await play(*keys, size=(80, 24), look=lambda app: text_of(app.screen))
    assert "B-003" in shown
    assert not FORBIDDEN & set(shown.replace("\n", ""))


async def test_hostile_words_in_a_toast_do_nothing(three: Engine, play: Any) -> None:
    from workbench.bugs import acts

    acts.assign(three, [1], "x", by="Ada", now=NOW)
    toasts = await play("a", *["backspace"] * 40, *"[b]x[/i]", "enter")
    assert "[b]x[/i]" in toasts[0]


async def test_a_mute_lasts_as_it_was_asked_for_and_what_is_no_time_is_said(
    three: Engine, play: Any, text_of: Any
) -> None:
    await play("m", "t", *"8h", "enter", "escape")
    until = row(three, 3).mute_until
    assert until is not None
    assert 8 * 3600 <= (until - NOW).total_seconds() <= 8 * 3600 + 1
    assert (await play("m", "u"))[0].startswith("B-003 unmuted.")
    await play("m", "r")
    assert row(three, 3).mute_releases is not None
    await play("j", "m", "h")
    assert row(three, 2).mute_until is not None
    for keys, said in ((("m", "t", *"soon", "enter"), "soon"), (("m", "n", *"x", "enter"), "'x' is not a number.")):
        assert said in await play("j", "j", *keys, look=lambda app: text_of(app.screen))
    assert row(three, 1).state == "open"


async def test_an_issue_is_linked_by_its_number_and_let_go_of_after_a_question(
    three: Engine, play: Any, text_of: Any, clinic: Path
) -> None:
    (clinic / "workbench.toml").write_text('github.repository = "octo/clinic"\n')
    shown = await play("i", *"#x", "enter", look=lambda app: text_of(app.screen))
    assert "'#x' is not the number of an issue." in shown
    await play("i", *"#41", "enter")
    issue = row(three, 3).issue
    assert issue is not None
    assert (issue.repository, issue.number, issue.url) == (
        "octo/clinic",
        41,
        "https://github.com/octo/clinic/issues/41",
    )
    await play("i", "n")
    assert row(three, 3).issue is not None
    await play("i", "y")
    assert row(three, 3).issue is None


@pytest.mark.parametrize("keys", [("M", *"one", "enter"), ("x", "d", *"one", "enter")])
async def test_what_is_no_number_of_a_bug_is_said(
    three: Engine, play: Any, text_of: Any, keys: tuple[str, ...]
) -> None:
    shown = await play(*keys, look=lambda app: text_of(app.screen))
    assert "✗" in shown
    assert "one" in shown
    assert row(three, 3).state == "open"


async def test_what_was_changed_since_is_not_undone_and_the_act_before_it_is(
    three: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    from workbench.bugs import acts

    app = make_app()
    async with app.run_test(size=(200, 30)) as pilot:
        await settle(pilot)
        for key in ("7", "t", *"p1", "enter", "a", "enter"):
            await pilot.press(key)
            await settle(pilot)
        acts.assign(three, [3], "Bob", by="Bob", now=NOW)
        await pilot.press("u")
        await settle(pilot)
        assert "its assignee was changed since" in text_of(app.screen)
        await pilot.press("u")
        await settle(pilot)
    found = row(three, 3)
    assert (found.assignee, found.labels) == ("Bob", ())


async def test_without_a_repository_there_is_no_issue_to_ask_for(play: Any, text_of: Any) -> None:
    shown = await play("i", look=lambda app: text_of(app.screen))
    assert "No repository on GitHub is set" in shown
    assert "github.repository" in shown


async def test_marks_say_what_they_are_for(play: Any, text_of: Any) -> None:
    """Merging is of two: it is not offered for one."""
    shown = await play("space", look=lambda app: text_of(app.screen))
    assert "1 marked: m mutes, x closes, ? has the rest, esc lets go." in shown
    assert "3 marked: M merges them" in await play("ctrl+a", look=lambda app: text_of(app.screen))


async def test_an_act_that_takes_long_says_that_it_is_still_at_work(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any, text_of: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("workbench.tui.loading.PATIENCE_SECONDS", 0.01)
    app = make_app()
    may_end = threading.Event()
    real = app.desk.act
    monkeypatch.setattr(app.desk, "act", lambda *given, **words: (may_end.wait(30), real(*given, **words))[1])
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        await pilot.press("j", "m", "h")
        try:
            await eventually(lambda: "Still at it" in text_of(app.screen))
        finally:
            may_end.set()
        await settle(pilot)
        assert "Still at it" not in text_of(app.screen)


async def test_a_long_message_leaves_room_for_its_cure(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.screen.say("what happened " * 40, cure="Start it, " + "and look again " * 8 + "then.")  # type: ignore[attr-defined]
        await settle(pilot)
        shown = text_of(app.screen)
        assert any("happened" in told and told.endswith("…") for told in shown.splitlines())
        assert "then." in shown


WRONG = [
    (("m", "t", *"3 fortnights"), "'3 fortnights' is not a length of time.", "Write it as 30min, 8h, 7d or 2w."),
    (("m", "n", *"x"), "x' is not a number.", "Write how many events"),
    (("t", *"auth noise,api"), "'noise,api' cannot be a label.", "A label is one word"),
    (("M", *"one"), "'one' is not the number of a bug.", "Write it as B-012 or 12."),
    (("M", *"B-9999"), "B-9999", ""),
    (("x", "d", *"one"), "'one' is not the number of a bug.", "Write it as B-012 or 12."),
    (("x", "d", *"B-9999"), "B-9999", ""),
    (("D", *"B-004"), "Nothing was deleted.", "To delete B-003"),
    (("x", "n", "space"), "Closing a bug needs a reason.", "Say in one line why."),
    (("x", "f", "space"), "Closing a bug needs a reason.", "Say in one line why."),
    (("t", "space"), "No label is named", "Name the labels"),
    (("t", *"x" * 51), "cannot be a label.", "at most 50 characters"),
    (("a", *"x" * 201), "A bug is assigned to a name.", "at most 200 characters"),
    (("w", "space"), "A view has a name of 1 to 30 characters.", "There is none yet."),
    (("w", *"x" * 31), "A view has a name of 1 to 30 characters.", "It has more than 30."),
    (("w", *"-none"), "No view none was saved here.", ""),
]


@pytest.mark.parametrize(("keys", "said", "cure"), WRONG, ids=["".join(keys)[:20] for keys, _said, _cure in WRONG])
async def test_wrong_words_stay_in_their_box_with_what_is_wrong_below_them(
    three: Engine, play: Any, text_of: Any, keys: tuple[str, ...], said: str, cure: str
) -> None:
    def look(app: Any) -> tuple[str, str, str]:
        box = app.screen.query_one("#words")
        wrong = " ".join(line.text for line in app.screen.query_one("#wrong").lines)
        return box.value, wrong, text_of(app.screen)

    typed = "".join(key.replace("space", " ") for key in keys if len(key) == 1 or key == "space")
    value, wrong, shown = await play(*keys, "enter", size=(60, 15), look=look)
    assert typed.endswith(value.removeprefix("100"))
    assert said in wrong
    assert cure in wrong
    assert "esc leave everything as it is" in shown, "the keys are in sight on a small screen"
    value, wrong, _shown = await play(*keys, "enter", "backspace", look=look)
    assert typed.endswith(value.removeprefix("100") + typed[-1])
    assert wrong == "", "it was of other words"
    assert row(three, 3).state == "open"
    assert await play(*keys, "enter", "escape", look=lambda app: type(app.screen)) is BugsScreen


async def test_a_reason_to_reopen_is_asked_for_until_there_is_one(three: Engine, play: Any) -> None:
    def wrong(app: Any) -> str:
        return " ".join(line.text for line in app.screen.query_one("#wrong").lines)

    await play("x", "n", *"no bug", "enter")
    assert "Reopening a bug needs a reason." in await play("6", "7", "X", "enter", look=wrong)
    assert row(three, 3).state == "closed"
    await play("7", "X", "enter", *"it is", "enter")
    assert row(three, 3).state == "open"


async def test_words_that_were_wrong_are_put_right_in_their_box(three: Engine, play: Any) -> None:
    await play("t", *"noise,api", "enter", *["backspace"] * 4, "enter")
    assert row(three, 3).labels == ("noise",)
    await play("x", "d", *"B-22", "enter", "backspace", "enter")
    assert row(three, 3).duplicate_of == 2


async def test_the_number_of_an_issue_that_is_none_stays_in_its_box(three: Engine, play: Any, clinic: Path) -> None:
    (clinic / "workbench.toml").write_text('github.repository = "octo/clinic"\n')
    await play("i", *"4a", "enter", "backspace", "1", "enter")
    issue = row(three, 3).issue
    assert issue is not None
    assert issue.number == 41
