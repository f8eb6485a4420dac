"""Keys that arrive faster than they are handled: over a slow line, many come at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine
from terminal import Terminal

OPEN = "import sys; from workbench import config; from workbench.tui.app import run; sys.exit(run(config.load()))"


@pytest.fixture
def opening(seeded: Engine, clinic: Path) -> Iterator[Terminal]:
    """A terminal in which the workbench begins to open."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV_CORE")}
    with Terminal([sys.executable, "-c", OPEN], env=environment, cwd=clinic) as opened:
        yield opened


@pytest.fixture
def terminal(opening: Terminal) -> Terminal:
    """The list in a terminal."""
    opening.wait_for("B-001")
    return opening


def test_words_that_come_with_the_key_of_their_box_are_typed_into_it(terminal: Terminal) -> None:
    terminal.press("/state:review\r")
    shown = terminal.wait_for("filter: state:review")
    assert "B-003" in shown
    assert "B-001" not in shown


def test_words_that_come_before_anything_is_drawn_are_typed_into_their_box(opening: Terminal) -> None:
    opening.press("/state:review\r")
    opening.wait_for(lambda text: "filter: state:review" in text and "B-003" in text and "B-001" not in text)


def test_words_that_come_with_the_key_of_their_question_are_its_answer(terminal: Terminal) -> None:
    terminal.press("aGrace\r")
    terminal.wait_for("assigned to .*Grace")


def test_what_is_typed_in_one_go_is_done_in_its_order(terminal: Terminal) -> None:
    terminal.press("jaGrace Hopper\rja\x15Ada\r/state:review\r")  # ctrl+u empties the box: it held the name of before
    terminal.wait_for("filter: state:review")
    terminal.press("escape", "j", "enter")
    terminal.wait_for("assigned to Grace Hopper")
    terminal.press("escape", "j", "enter")
    terminal.wait_for("assigned to Ada")


def test_what_is_pasted_with_the_key_of_a_question_is_its_answer(terminal: Terminal) -> None:
    terminal.press("a\x1b[200~Grace Hopper\x1b[201~\r")
    terminal.wait_for("assigned to .*Grace Hopper")


def test_words_that_come_with_the_key_that_looks_for_them_are_looked_for(terminal: Terminal) -> None:
    terminal.press("enter")
    terminal.wait_for("Why these events")
    terminal.press("/price\r")
    terminal.wait_for("'price': line 1 of")


def test_a_reason_that_comes_with_the_key_that_rejects_is_typed(checkout: tuple[str, str], terminal: Terminal) -> None:
    terminal.press("j", "j", "v")
    terminal.wait_for("y sign off")
    terminal.press("xyes and no")
    terminal.wait_for(lambda text: "yes and no" in text and "enter done" in text)
