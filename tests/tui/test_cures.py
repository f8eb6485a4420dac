"""What can be done about a failure is told in keys on the screen, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from workbench.errors import Refused
from workbench.tui.actions import key_of
from workbench.tui.app import WorkbenchApp
from workbench.tui.cures import in_keys
from workbench.tui.failures import told

CURES = [
    ("See its history: workbench bugs show B-012.", "See its history: enter on B-012."),
    ("Take them out: workbench bugs unmerge B-012 B-1013", "Take them out: S on B-012 and B-1013"),
    ("Unlink it first: workbench bugs unlink B-012", "Unlink it first: i on B-012"),
    ("if it was deleted, let go of it (workbench bugs unlink).", "if it was deleted, let go of it (i on its page)."),
    ("Close it: workbench bugs close B-012", "Close it: x on B-012"),
    ("Decide on that: workbench verify B-012", "Decide on that: v on B-012"),
    ("Launch one: workbench fix B-012.", "Launch one: f on B-012."),
    ("Watch it: workbench sessions show 0a1b2c3d. Or interrupt it.", "Watch it: s on its bug. Or interrupt it."),
    ("First: workbench sessions interrupt 0a1b2c3d", "First: i on its page"),
    ("End its processes: workbench sessions end 0a1b2c3d", "End its processes: k on its page"),
    ("It comes again: workbench sessions resume 0a1b2c3d", "It comes again: r on its page"),
    ("See `workbench sessions list`.", "See A."),
    ("See `workbench bugs list`.", "See the list."),
]
AS_THEY_ARE = [
    "It is asked again by itself; `workbench db check` says more.",
    "Try it: workbench fix B-001 --rehearse happy.",
    "See `workbench bugs show`.",
    "File it with `workbench bugs new`.",
    "Attach it: workbench bugs attach B-012",
]


@pytest.mark.parametrize(("cure", "in_the_keys"), CURES)
def test_a_command_that_has_a_key_is_told_as_that(cure: str, in_the_keys: str) -> None:
    assert in_keys(cure, key_of) == in_the_keys


@pytest.mark.parametrize("cure", AS_THEY_ARE)
def test_a_command_that_has_none_or_has_options_stays(cure: str) -> None:
    assert in_keys(cure, key_of) == cure


def test_in_a_terminal_without_the_screen_it_is_the_command() -> None:
    error = Refused("It is closed.", cure="See why: workbench bugs show B-012.")
    assert told(error) == ("It is closed.", "See why: workbench bugs show B-012.")


@pytest.mark.anyio
async def test_what_is_refused_on_the_screen_names_one_s_own_key(
    seeded: Engine, clinic: Any, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    (clinic / "workbench.toml").write_text('[keys]\n"list.open" = "O"\n')
    app = make_app()
    async with app.run_test(size=(100, 24)) as pilot:
        await settle(pilot)
        app.screen.fail(Refused("It is closed.", cure="See why: workbench bugs show B-012."))  # type: ignore[attr-defined]
        await settle(pilot)
        assert "See why: O on B-012." in text_of(app.screen)
