"""Opening the screen. Imports what the screen needs, and nothing of the commands."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping

from workbench.errors import UsageError

UNATTENDED_SECONDS = 20.0


def open_screen(flags: Mapping[str, str | None]) -> int:
    """Open the terminal program and return its exit code. Raises `UsageError` where no terminal can show it."""
    # In a browser (`workbench serve`), textual-serve stands in for the terminal and says so.
    if "web_driver" not in os.environ.get("TEXTUAL_DRIVER", ""):
        require_terminal("The screen needs a terminal.", cure="Without one, use the commands: workbench bugs list")
        if os.environ.get("TERM") == "dumb":  # of an editor's shell, or a CI: it would show the escapes as they are
            cure = "Open it in another terminal, set TERM to what this one is, or use the commands: workbench bugs list"
            raise UsageError("A dumb terminal (TERM=dumb) cannot show the screen.", cure=cure)
    # Until the screen is there nothing is thrown away, and to look for it took a tenth of the time.
    gc.disable()
    from workbench import config
    from workbench.tui.app import run

    return run(config.load(flags=flags))


def require_terminal(message: str, *, cure: str) -> None:
    """Raise `UsageError` unless a person sits at both ends."""
    if not attended():
        raise UsageError(message, cure=cure)


def attended() -> bool:
    """Tell whether input and output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def patience() -> float | None:
    """Return how many seconds an agent's question may wait: no limit where a person can answer it."""
    return None if attended() else UNATTENDED_SECONDS
