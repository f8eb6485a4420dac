"""A program of a person's in this terminal, which is theirs until it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from workbench.errors import OutsideError
from workbench.sessions.process import Identity


def run(
    argv: Sequence[str],
    *,
    folder: Path,
    environ: Mapping[str, str],
    begun: Callable[[Identity], None] = lambda _: None,
) -> int:
    """Run a program in `folder` on this terminal, and return its exit code. Call it in the main thread.

    `begun` gets the process. Ctrl+c is the program's: it does not end us. Raises `OutsideError` where it cannot start.
    """
    before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN, which the program would inherit
    try:
        try:
            process = subprocess.Popen(argv, cwd=folder, env=dict(environ))
        except OSError as error:
            raise OutsideError(
                f"{argv[0]} does not start: {error.strerror}.", cure="See whether it is there."
            ) from error
        try:
            begun(_identity(process.pid))
        finally:
            code = process.wait()
        return code
    finally:
        signal.signal(signal.SIGINT, before)


def shell(environ: Mapping[str, str]) -> list[str]:
    """Return the command that starts the person's shell."""
    named = environ.get("SHELL", "")
    return [named if named and shutil.which(named, path=environ.get("PATH")) else "sh"]


def without_git(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which git finds the repository by the folder that it is called in."""
    return {name: value for name, value in environ.items() if not name.startswith("GIT_")}


def _identity(pid: int) -> Identity:
    # A child of ours: until we wait for it, its pid is its own, even if it has ended.
    return Identity(pid, psutil.Process(pid).create_time())
