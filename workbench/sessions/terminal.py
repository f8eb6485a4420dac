"""A program of a person's in this terminal, which is theirs until it ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
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
    told: str,
    begun: Callable[[Identity], None] = lambda _: None,
) -> int:
    """Run a program in `folder` on this terminal, and return its exit code. Call it in the main thread.

    `told` is said before; `begun` gets the process. Ctrl+c is the program's: it does not end us. Raises `OutsideError`
    where it cannot start.
    """
    sys.stdout.write(f"{told}\n")
    sys.stdout.flush()
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


def open_shell(folder: Path, environ: Mapping[str, str]) -> int:
    """Run the person's shell in `folder`, and return its exit code.

    Git finds the repository there by the folder alone.
    """
    named = environ.get("SHELL", "")
    program = named if named and shutil.which(named, path=environ.get("PATH")) else "sh"
    without_git = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    told = f"A shell in {folder}: leave it (exit) to come back."
    return run([program], folder=folder, environ=without_git, told=told)


def _identity(pid: int) -> Identity:
    # A child of ours: until we wait for it, its pid is its own, even if it has ended.
    return Identity(pid, psutil.Process(pid).create_time())
