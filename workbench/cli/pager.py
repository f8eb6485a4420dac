"""Long output on a terminal goes through the person's pager, as git's does."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator

DEFAULT = "less"
OPTIONS = "FRX"  # for less, where nothing else is set: leave if it fits, pass colours on, keep the screen


class _Captured(io.StringIO):
    """What is printed, for a terminal further on."""

    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def paged(*, wanted: bool = True) -> Iterator[None]:
    """Show what is printed inside through the pager, where it is longer than the terminal.

    PAGER names another pager; PAGER=cat or an empty one wants none, and so does an output that is no terminal.
    """
    command = shlex.split(os.environ.get("PAGER", DEFAULT))
    if not wanted or not sys.stdout.isatty() or command in ([], ["cat"]):
        yield
        return
    captured, terminal = _Captured(), sys.stdout
    sys.stdout = captured
    try:
        yield
    finally:
        sys.stdout = terminal
        _show(captured.getvalue(), command)


def _show(text: str, command: list[str]) -> None:
    fits = text.count("\n") < shutil.get_terminal_size().lines
    if fits or shutil.which(command[0]) is None:
        sys.stdout.write(text)
        return
    environ = {"LESS": OPTIONS} | os.environ
    with contextlib.suppress(KeyboardInterrupt):  # less itself stays on Ctrl+C, and so do we
        subprocess.run(command, input=text, text=True, env=environ, check=False)
