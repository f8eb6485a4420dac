"""How commands print: readable tables, colours only where they are taken, one question at a time."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from workbench.cli import output
from workbench.tui.lines import line

REFUTED = line(("✗ refuted", "bad"), "  ", ("", "good"), ("plain", "name"))


def printed(capsys, monkeypatch, **environ):
    """What a terminal with this environment gets to see."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for name, value in ({"TERM": "xterm-256color"} | environ).items():
        monkeypatch.setenv(name, value)
    output.say_lines([REFUTED])
    return capsys.readouterr().out


def test_a_terminal_gets_colours(capsys, monkeypatch):
    assert printed(capsys, monkeypatch) == "\x1b[31m✗ refuted\x1b[0m  plain\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_some_terminals_want_none(capsys, monkeypatch, environ):
    assert printed(capsys, monkeypatch, **environ) == "✗ refuted  plain\n"


@pytest.mark.parametrize("in_between", ["output.note('next')", "output.ask('next')"])
def test_one_reader_of_both_streams_gets_them_in_their_order(in_between):
    """As in `workbench init 2>&1 | less`: Python keeps back what goes into a pipe."""
    said = f"from workbench.cli import output; output.say('first'); {in_between}; output.say('last')"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    ran = subprocess.run(
        [sys.executable, "-c", said],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["first", "next", "last"]


def test_a_table_keeps_cells_of_wide_characters_in_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "30")
    output.table(("A", "TITLE", "N"), [("1", "漢字" * 20, "7"), ("2", "x", "12")], flexible=1, numbers=(2,))
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "A  TITLE                     N"
    assert first.endswith(("…    7", "…   7"))
    assert second.endswith("  12")


@pytest.mark.parametrize(
    ("typed", "agreed"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False), ("yess\n", False)]
)
def test_only_yes_is_yes(monkeypatch, typed, agreed):
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert output.agreed("Remove it?") is agreed


def test_json_is_ascii_and_holds_what_json_has_no_type_for(capsys):
    from pathlib import Path

    output.emit({"title": "\x9b2J ‮ é", "path": Path("/x")})
    assert capsys.readouterr().out.isascii()
