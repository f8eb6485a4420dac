"""Capture added to the source of a settings module, or an honest refusal."""

from __future__ import annotations

import ast
from typing import Any

import pytest

from workbench.django_settings import CannotEdit, sets_apps, star_imports, with_capture

CAPTURE = 'CAPTURE = {"DATABASE_URL": "sqlite:///workbench.db"}\n'
FIRST = "capture.middleware.CaptureMiddleware"


def values(source: str) -> dict[str, Any]:
    """Run a settings source and return what it sets."""
    scope: dict[str, Any] = {}
    exec(source, scope)  # noqa: S102
    return scope


@pytest.mark.parametrize(
    "source",
    [
        "INSTALLED_APPS = ['a', 'b']\nMIDDLEWARE = ['x', 'y']\n",
        "INSTALLED_APPS = [\n    'a',\n    'b',\n]\nMIDDLEWARE = [\n    'x',\n    'y',\n]\n",
        "INSTALLED_APPS = [\n    'a',\n    'b'\n]\nMIDDLEWARE = [\n    # first things first\n    'x',\n    'y'\n]\n",
        "INSTALLED_APPS = [\n  'a',  # ä, ö\n  'b',  # ü\n]\nMIDDLEWARE = ['x',\n              'y']\n",
        "INSTALLED_APPS = ('a', 'b',)\nMIDDLEWARE = ('x', 'y')\n",
        "INSTALLED_APPS: list[str] = [\n\t'a', 'b'\n\t]\nMIDDLEWARE = ['x']\nMIDDLEWARE += ['y']\n",
        "BASE = 'ä'; INSTALLED_APPS = ['a', 'b']\nMIDDLEWARE = ['x', 'y']\nMIDDLEWARE.append('z')\n",
        "INSTALLED_APPS = [\r\n    'a',\r\n    'b',\r\n]\r\nMIDDLEWARE = [\r\n    'x',\r\n    'y',\r\n]\r\n",
        "INSTALLED_APPS = ['a', 'b',\n]\nMIDDLEWARE = ['x', 'y']\ndef helper():\n    INSTALLED_APPS = None\n",
    ],
)
def test_capture_is_the_last_app_and_the_first_middleware(source: str) -> None:
    before, after = values(source), values(with_capture(source))

    assert list(after["INSTALLED_APPS"]) == [*before["INSTALLED_APPS"], "capture"]
    assert list(after["MIDDLEWARE"]) == [FIRST, *before["MIDDLEWARE"]]
    assert after["CAPTURE"] == {"DATABASE_URL": "sqlite:///workbench.db"}


def test_a_second_time_nothing_changes() -> None:
    once = with_capture("INSTALLED_APPS = []\nMIDDLEWARE = ()\n")

    assert with_capture(once) == once
    assert values(once)["MIDDLEWARE"] == (FIRST,)


def test_line_ends_and_quotes_are_kept() -> None:
    edited = with_capture("INSTALLED_APPS = [\r\n    'a',\r\n]\r\nMIDDLEWARE = [\r\n    'x',\r\n]\r\n")

    assert "    'capture',\r\n]" in edited
    assert edited.count("\n") == edited.count("\r\n")


def test_comments_stay_where_they_are() -> None:
    edited = with_capture("INSTALLED_APPS = [\n    'a',  # ours\n]\nMIDDLEWARE = [\n    # outermost\n    'x',\n]\n")

    assert "    'a',  # ours\n    'capture',\n]" in edited
    assert f"    # outermost\n    '{FIRST}',\n    'x',\n" in edited


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("from base import *\n", "does not set INSTALLED_APPS itself"),
        ("INSTALLED_APPS = []\n", "does not set MIDDLEWARE itself"),
        ("INSTALLED_APPS = DJANGO + LOCAL\nMIDDLEWARE = []\n", "builds INSTALLED_APPS in more than one step"),
        ("INSTALLED_APPS = []\nINSTALLED_APPS = ['x'] + INSTALLED_APPS\n", "more than one step"),
        ("if DEBUG:\n    INSTALLED_APPS = []\nelse:\n    INSTALLED_APPS: list = ['a']\n", "more than one step"),
        ("INSTALLED_APPS = []\nMIDDLEWARE = []\nMIDDLEWARE.insert(0, 'x')\n", "builds MIDDLEWARE"),
        ("INSTALLED_APPS = []\nMIDDLEWARE = []\nMIDDLEWARE[0:0] = ['x']\n", "builds MIDDLEWARE"),
        (f"INSTALLED_APPS = []\nMIDDLEWARE = ['x', '{FIRST}']\n", "not as the first entry"),
        (f"INSTALLED_APPS = ['capture']\nMIDDLEWARE = ['x', '{FIRST}']\n{CAPTURE}", "not as the first entry"),
        (f"INSTALLED_APPS = BASE + ['x']\nMIDDLEWARE = []\n{CAPTURE}", "builds INSTALLED_APPS"),
        ("INSTALLED_APPS = [\n", "is not Python that we can read"),
        ("INSTALLED_APPS = [\n  'a'\n  ,\n]\nMIDDLEWARE = []\n", "is not Python that we can read"),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(source: str, why: str) -> None:
    with pytest.raises(CannotEdit, match=why):
        with_capture(source)


@pytest.mark.parametrize(
    "source",
    [
        f"INSTALLED_APPS = DJANGO + ['capture']\nMIDDLEWARE = ['{FIRST}', 'x']\n{CAPTURE}",
        f"INSTALLED_APPS = DJANGO + ['capture.apps.CaptureConfig']\nMIDDLEWARE = ['{FIRST}'] + OURS\n{CAPTURE}",
        f"INSTALLED_APPS = ['capture']\nMIDDLEWARE = ['{FIRST}', 'x']\n{CAPTURE}",
    ],
)
def test_what_somebody_did_by_hand_is_recognised(source: str) -> None:
    assert with_capture(source) == source


def test_an_app_that_is_added_further_down_is_not_added_twice() -> None:
    edited = with_capture("INSTALLED_APPS = ['a']\nINSTALLED_APPS += ['capture']\nMIDDLEWARE = ['x']\n")

    assert values(edited)["INSTALLED_APPS"] == ["a", "capture"]


def test_a_setting_that_is_there_stays() -> None:
    source = "CAPTURE = {'PROJECT': 'shop'}\nINSTALLED_APPS = ['a']\nMIDDLEWARE = ['x']\n"

    assert values(with_capture(source))["CAPTURE"] == {"PROJECT": "shop"}


def test_what_a_file_takes_everything_from() -> None:
    source = (
        "from .base import *\nfrom ..common import *\nfrom . import *\nfrom shop.extra import *\nfrom os import path\n"
    )

    assert star_imports(source, "shop.settings") == ["shop.settings.base", "shop.common", "shop.settings", "shop.extra"]
    assert star_imports("from (", "shop") == []


def test_whether_a_file_sets_the_apps() -> None:
    assert sets_apps("INSTALLED_APPS = X + Y")
    assert not sets_apps("from .base import *")
    assert not sets_apps("INSTALLED_APPS = (")


def test_the_edited_source_is_python() -> None:
    ast.parse(with_capture("INSTALLED_APPS = []\nMIDDLEWARE = []\n"))
