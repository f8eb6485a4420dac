"""The form that launches a fix session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from textual.widgets import Checkbox, Input

from workbench.errors import ConfigurationError
from workbench.fixing import Spent, Terms
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens import launch as form_module
from workbench.tui.screens.bugs import BugsScreen
from workbench.tui.screens.launch import LaunchScreen
from workbench.tui.screens.session import SessionScreen
from workbench.tui.session_desk import Launch

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def seen_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to look at the form for a while before an enter counts."""
    monkeypatch.setattr(form_module, "PAUSE_SECONDS", 0.0)


async def open_form(app: WorkbenchApp, pilot: Any, settle: Any, terms: Terms) -> LaunchScreen:
    app.desk.sessions.terms = lambda _number: terms  # type: ignore[method-assign]
    await settle(pilot)
    await pilot.press("j", "f")
    await settle(pilot)
    assert isinstance(app.screen, LaunchScreen)
    return app.screen


async def test_it_is_filled_from_the_configuration(
    seeded: Engine, clinic: Path, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    (clinic / "workbench.toml").write_text('[agent]\nmodel = "opus"\nmax_cost_usd = 2.5\n')
    app = make_app()
    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse=None, notice="Two files are changed."))
        assert form.query_one("#model", Input).value == "opus"
        assert form.query_one("#cost", Input).value == "2.5"
        assert form.query_one("#rehearsal", Checkbox).value is False
        assert "Claude Code works in a git worktree of its own" in text_of(form)
        assert "Two files are changed." in text_of(form)
        await pilot.press("escape")
        assert isinstance(app.screen, BugsScreen)


async def test_without_a_login_it_is_set_to_a_rehearsal_and_says_why(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse="happy"))
        assert form.query_one("#rehearsal", Checkbox).value is True
        assert "No Claude login and no API key were found" in text_of(form)


async def test_a_runner_stands_by_while_it_is_filled_in(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    told: list[str] = []

    def stand_by(wanted: Callable[[], bool | None]) -> None:
        told.append({True: "rehearsal", False: "real", None: "nothing"}[wanted()])

    app.desk.sessions.stand_by = stand_by  # type: ignore[method-assign]
    app.desk.sessions.stand_down = lambda: told.append("down")  # type: ignore[method-assign]
    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse="happy"))
        assert told == ["rehearsal"]
        form.query_one("#rehearsal", Checkbox).value = False
        form.query_one("#ask", Checkbox).toggle()  # another tick makes no difference
        await settle(pilot)
        assert told == ["rehearsal", "real"]
        await pilot.press("escape")
        await settle(pilot)
        assert told == ["rehearsal", "real", "down"]
        stand_by(lambda: form._wanted)  # a thread that comes too late
        assert told[3] == "nothing"


async def test_the_setting_ticks_it_and_a_person_may_still_want_the_real_model(
    seeded: Engine, clinic: Path, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    (clinic / "workbench.toml").write_text('[agent]\nrehearse = "other"\n')
    app = make_app()
    launched: list[str] = []

    def launch(_number: int, wanted: Launch) -> Any:
        launched.append(wanted.rehearse)
        raise ConfigurationError("Not today.")

    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse="other"))
        app.desk.sessions.launch = launch  # type: ignore[method-assign]
        assert "The setting agent.rehearse asks for a rehearsal." in text_of(form)
        for ticked in (True, False):
            form.query_one("#rehearsal", Checkbox).value = ticked
            await pilot.press("enter")
            await settle(pilot)
    assert launched == ["other", ""]


async def test_enter_launches_what_is_filled_in_and_shows_the_session(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any
) -> None:
    app = make_app()
    launched: list[tuple[int, Launch]] = []

    def launch(number: int, wanted: Launch) -> Any:
        launched.append((number, wanted))
        return app.desk.sessions.latest_session(1)

    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse=None))
        app.desk.sessions.launch = launch  # type: ignore[method-assign]
        form.query_one("#base", Input).value = "main"
        await pilot.press(*"be kind", "tab", "space")
        form.query_one("#cost", Input).value = "$3"
        form.query_one("#turns", Input).value = "7"
        form.query_one("#ask", Checkbox).value = False
        await pilot.press("enter", "enter")
        await settle(pilot)
        assert isinstance(app.screen, SessionScreen)
    wanted = Launch(
        base="main", model="", max_cost_usd=3.0, max_turns=7, max_minutes=60, permission_mode="dontAsk",
        note="be kind", rehearse="happy",
    )  # fmt: skip
    assert launched == [(4, wanted)]


async def test_an_enter_that_comes_with_the_form_launches_nothing_until_it_was_in_sight_for_a_moment(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two in a row, as by habit or from a key that is held down: the form was seen by nobody."""
    monkeypatch.setattr(form_module, "PAUSE_SECONDS", 1.0)
    app = make_app()
    launched: list[int] = []

    def launch(number: int, _wanted: Launch) -> Any:
        launched.append(number)
        raise ConfigurationError("Not today.")

    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse=None))
        app.desk.sessions.launch = launch  # type: ignore[method-assign]
        for _ in range(4):  # longer than the form was in sight, but without a pause
            await pilot.press("enter")
            await pilot.pause(0.4)
        assert launched == []
        await pilot.pause(1.1)
        await pilot.press("enter")
        await settle(pilot)
        assert launched == [4]
        await pilot.press("enter")  # the second of two: nobody has read yet why there is no session
        await settle(pilot)
        assert launched == [4]
        assert app.screen is form


async def test_a_cap_that_is_no_number_is_told_in_the_form(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse=None))
        form.query_one("#cost", Input).value = "lots"
        await pilot.press("enter")
        assert "The cost cap 'lots' is not a number." in text_of(form)
        form.query_one("#cost", Input).value = ""
        form.query_one("#turns", Input).value = "0"
        await pilot.press("enter")
        assert "The cap on turns, '0', is not a number." in text_of(form)


async def test_what_keeps_it_from_being_launched_is_told_and_nothing_is_lost(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any, eventually: Any
) -> None:
    app = make_app()

    def launch(_number: int, _wanted: Launch) -> Any:
        raise ConfigurationError("There is no git repository here.", cure="Run git init.")

    async with app.run_test(size=(100, 36)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse="happy"))
        app.desk.sessions.launch = launch  # type: ignore[method-assign]
        await pilot.press(*"note", "enter")
        await eventually(lambda: "✗ There is no git repository here." in text_of(form))
        await eventually(lambda: "Run git init." in text_of(form))
        assert form.query_one("#note", Input).value == "note"
        form.query_one("#cost", Input).value = ""
        await pilot.press("up", "down", "enter")
        await eventually(lambda: not form._starting)


async def test_what_is_missing_altogether_is_told_before_there_is_a_form(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(100, 36)) as pilot:
        await settle(pilot)
        await pilot.press("j", "f")
        await settle(pilot)
        assert isinstance(app.screen, BugsScreen)
        assert "✗" in text_of(app.screen)


async def test_it_shows_what_the_bug_has_cost_and_why_results_were_sent_back(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    spent = Spent(sessions=2, rehearsals=1, cost_usd=1.5, is_estimated=True, rejections=("only for dogs",))
    async with app.run_test(size=(100, 40)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse=None, spent=spent, resumable=True))
        assert "So far on this bug: 2 sessions, about $1.50, and 1 rehearsal." in text_of(form)
        assert "Sent back: only for dogs" in text_of(form)
        assert "esc and then r resumes it" in text_of(form)


async def test_without_a_sandbox_a_real_model_takes_an_extra_yes(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    app = make_app()
    launched: list[Launch] = []

    def launch(_number: int, wanted: Launch) -> Any:
        launched.append(wanted)
        raise ConfigurationError("Not today.")

    async with app.run_test(size=(100, 40)) as pilot:
        terms = Terms(rehearse=None, no_sandbox="socat is missing", cure="Install socat.")
        form = await open_form(app, pilot, settle, terms)
        app.desk.sessions.launch = launch  # type: ignore[method-assign]
        assert "NO SANDBOX: socat is missing." in text_of(form)
        await pilot.press("enter")
        await settle(pilot)
        assert launched == []
        assert "Tick that you agree" in text_of(form)
        form.query_one("#unsandboxed", Checkbox).value = True
        await pilot.press("enter")
        await settle(pilot)
    assert [wanted.unsandboxed for wanted in launched] == [True]


async def test_its_keys_stay_in_sight_on_a_small_screen(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, eventually: Any
) -> None:
    app = make_app()
    async with app.run_test(size=(60, 15)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse="happy", notice="Two files are changed."))
        keys = form.query_one("#form-keys")
        await eventually(lambda: keys.region.height >= 1 and app.size.height > keys.region.bottom > 1)
        assert keys.region.intersection(form.region) == keys.region
        assert form.query_one("#form-fields").region.bottom <= keys.region.y, "the last of what is scrolled is in reach"


async def test_a_tick_and_the_box_that_a_key_ticks_are_told_without_colours(
    seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    """They decide between a rehearsal and a model that is paid for, also where NO_COLOR is set."""
    app = make_app()
    async with app.run_test(size=(100, 40)) as pilot:
        form = await open_form(app, pilot, settle, Terms(rehearse=None, no_sandbox="socat is missing"))
        assert " [ ] rehearsal" in text_of(form)
        assert " [ ] I agree: no sandbox" in text_of(form)
        await pilot.press("tab")
        await settle(pilot)
        assert "▌[ ] rehearsal" in text_of(form)
        await pilot.press("space")
        await settle(pilot)
        assert "▌[✔] rehearsal" in text_of(form)
        assert text_of(form).count("▌[") == 1, "one box has the focus"
        await pilot.press("tab")
        await settle(pilot)
        assert " [✔] rehearsal" in text_of(form)
        assert "▌[✔] ask me about other commands" in text_of(form)
