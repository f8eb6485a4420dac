"""The terminal's first paint against a Textual program that says hello: the framework's own floor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

from sqlalchemy.engine import Engine
from terminal import Terminal

ROUNDS = 9
WORDS = "Bug workbench"
HELLO = """
from textual.app import App, ComposeResult
from textual.widgets import Static

class Hello(App):
    def compose(self) -> ComposeResult:
        yield Static("Bug workbench")

Hello().run()
"""


def _cpu_to_paint(argv: list[str], cwd: Path) -> float:
    """Return the milliseconds of CPU that a program took until its first words came to the terminal.

    Taken before the screen is made out of them: ours loads the store by then, and would be charged for that as well.
    The modules are compiled, as those of an installed program are, by the round that warms up.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with Terminal(argv, env=env, cwd=cwd) as terminal:
        written = b""
        while WORDS.encode() not in written:
            written += terminal._child.read_nonblocking(65_536, timeout=10)
        return _cpu(terminal.pid)


def _cpu(pid: int) -> float:
    """Return the milliseconds that the threads of a process ran, to the microsecond; its ticks are ten long."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1_000_000


def test_first_paint(tmp_path: Path, engine: Engine, report: Callable[..., None]) -> None:
    """CPU until the first paint, median of rounds taken in turn; the first round warms up and is not counted."""
    hello = tmp_path / "hello.py"
    hello.write_text(HELLO)
    ours, theirs = [], []
    for _ in range(ROUNDS + 1):
        ours.append(_cpu_to_paint([sys.executable, "-m", "workbench", "--db", str(engine.url)], tmp_path))
        theirs.append(_cpu_to_paint([sys.executable, str(hello)], tmp_path))
    mine, peer = median(ours[1:]), median(theirs[1:])
    report("first paint, CPU", mine, "Textual's hello world", peer, "ms", bar="≤ 1.1 ×", met=mine <= 1.1 * peer)
    assert mine < 5 * peer
