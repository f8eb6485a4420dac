"""The terminal's first paint against a Textual program that says hello: the framework's own floor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

import psutil
from sqlalchemy.engine import Engine
from terminal import Terminal

ROUNDS = 5
HELLO = """
from textual.app import App, ComposeResult
from textual.widgets import Static

class Hello(App):
    def compose(self) -> ComposeResult:
        yield Static("Bug workbench")

Hello().run()
"""


def _cpu_to_paint(argv: list[str], cwd: Path) -> float:
    """Return the milliseconds of CPU that a program took until its first words were on the screen."""
    with Terminal(argv, env=dict(os.environ), cwd=cwd) as terminal:
        process = psutil.Process(terminal.pid)
        for _ in range(2_000):
            terminal.read(0.005)
            if "Bug workbench" in terminal.text:
                times = process.cpu_times()
                return 1_000 * (times.user + times.system)
    raise AssertionError(f"nothing was painted:\n{terminal.text}")


def test_first_paint(tmp_path: Path, engine: Engine, report: Callable[..., None]) -> None:
    """CPU until the first paint, median of rounds taken in turn; the first round warms up and is not counted."""
    hello = tmp_path / "hello.py"
    hello.write_text(HELLO)
    ours, theirs = [], []
    for _ in range(ROUNDS + 1):
        ours.append(_cpu_to_paint([sys.executable, "-m", "workbench", "--db", str(engine.url)], tmp_path))
        theirs.append(_cpu_to_paint([sys.executable, str(hello)], tmp_path))
    report("first paint, CPU", median(ours[1:]), "Textual's hello world", median(theirs[1:]), "ms")
    assert median(ours[1:]) < 5 * median(theirs[1:])
