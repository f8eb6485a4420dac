"""Keys of one's own: read from the configuration, checked at the start, and the same everywhere they are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from textual.keys import _character_to_key

from workbench import config
from workbench.errors import ConfigurationError, Exit
from workbench.tui import actions
from workbench.tui.actions import Here
from workbench.tui.app import WorkbenchApp
from workbench.tui.bug_list import BugList
from workbench.tui.keymap import key_name, keymap

SYMBOLS = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def of(folder: Path, text: str) -> actions.Keys:
    (folder / "workbench.toml").write_text(f"[keys]\n{text}\n")
    return keymap(config.load(start=folder, environ={}))


def test_without_any_the_keys_are_those_of_the_table(tmp_path: Path) -> None:
    assert keymap(config.load(start=tmp_path, environ={})) == {}


def test_symbols_are_named_as_textual_names_them() -> None:
    assert [key_name(symbol) for symbol in SYMBOLS] == [_character_to_key(symbol) for symbol in SYMBOLS]
    assert key_name("ctrl+?") == "ctrl+question_mark"
    assert "".join(actions.shown_key(key_name(symbol)) for symbol in SYMBOLS) == SYMBOLS


def test_an_entry_is_about_every_place_unless_it_names_one(tmp_path: Path) -> None:
    keys = of(tmp_path, 'mute = "K"\n"bug.mute" = ["ctrl+k", "+"]\nmove.cursor_down = ["j", "down", "ctrl+n"]')
    assert keys == {"list.mute": "K", "bug.mute": "ctrl+k,plus", "move.cursor_down": "j,down,ctrl+n"}
    (mute,) = [action for action in actions.at("list", keys) if action.id == "mute"]
    assert (mute.key, mute.keys) == ("K", "K")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mutte = "K"', "there is no action 'mutte'"),
        ('"elsewhere.mute" = "K"', "there is no action 'elsewhere.mute'"),
        ('view_number = "K"', "no action 'view_number'"),
        ("mute = 7", "neither a key nor a list"),
        ("mute = []", "neither a key nor a list"),
        ('mute = "hyper+k"', "is no key"),
        ('mute = "kk"', "is no key"),
        ('mute = "\\u001b[2J"', "is no key"),
        ('mute = "x"', "x would be both"),
        ('mute = "j"', "j would be both"),
        ('"list.mute" = "?"', "? would be both"),
        ('mute = "7"', "7 would be both"),
        ('back = "backspace"', "has to keep escape"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_entry(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        of(tmp_path, text)
    assert said in str(refused.value)
    assert f"{tmp_path / 'workbench.toml'}: keys: " in str(refused.value)
    assert "\x1b" not in str(refused.value)
    assert refused.value.cure


def test_two_actions_may_change_places(tmp_path: Path) -> None:
    assert of(tmp_path, 'mute = "x"\nclose = "m"')["list.close"] == "m"


@pytest.mark.anyio
async def test_the_screen_takes_and_shows_them(
    seeded: Engine, clinic: Path, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    (clinic / "workbench.toml").write_text(
        '[keys]\nmute = "ctrl+k"\n"bug.note" = "ctrl+n"\n"bug.next_match" = "+"\n[keys.move]\nbottom = "L"\n'
    )
    app = make_app()

    async def press(*keys: str) -> str:
        for key in keys:
            await pilot.press(key)
            await settle(pilot)
        return str(text_of(app.screen))

    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        shown = await press("L")
        assert app.screen.query_one(BugList).cursor > 0
        assert "ctrl+k mute" in shown
        assert "Mute B-" not in await press("m")
        assert "Mute B-" in await press("ctrl+k")
        await press("escape")
        assert "ctrl+k" in await press("question_mark")
        await press("escape", "enter", "slash", "e", "enter")
        assert "+ next match" in await press("plus")
        assert "Note on" not in await press("n")
        assert "Note on" in await press("ctrl+n")


def test_a_wrong_one_ends_the_start_with_the_code_of_configuration(clinic: Path) -> None:
    (clinic / "workbench.toml").write_text('[keys]\nmute = "x"\n')
    with pytest.raises(ConfigurationError) as refused:
        WorkbenchApp(config.load(start=clinic, environ={}))
    assert refused.value.exit_code == Exit.CONFIGURATION


def test_help_lists_the_keys_that_are_in_use(tmp_path: Path) -> None:
    from workbench.tui.screens.help import help_lines

    shown = [made.text for made in help_lines("bug", Here(), of(tmp_path, 'undo = "ctrl+z"\nmove.top = "home"'))]
    assert any("ctrl+z" in text and "undo" in text for text in shown)
    assert not any(text.split()[:1] == ["g"] for text in shown)


@pytest.mark.anyio
async def test_sentences_of_the_list_name_the_keys_in_use(
    clinic: Path, seeded: Engine, make_app: Callable[..., WorkbenchApp], settle: Any, text_of: Any
) -> None:
    (clinic / "workbench.toml").write_text('[keys]\nmute = "K"\n"list.merge" = "O"\n')
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("space", "space")
        await settle(pilot)
        assert "2 marked: O merges them, K mutes, x closes, ? has the rest, esc lets go." in text_of(app.screen)
        await pilot.press("5")
        await settle(pilot)
        assert "K on a bug mutes it" in text_of(app.screen)
