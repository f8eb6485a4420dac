"""The door to git: the one place that starts it, with the same precautions every time.

Every call runs without hooks, without a prompt, with a time limit, and without the `GIT_*` variables of whoever
started us.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from workbench.errors import OutsideError

TIMEOUT_SECONDS = 120

# A repository's own configuration can name programs (hooks, fsmonitor) and start work in the background (gc).
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.quotePath=false",
    "advice.detachedHead=false",
)
# Who a person is and where configuration is read from may come from the environment; which repository may not.
_KEPT = frozenset(
    {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_CONFIG_NOSYSTEM"}
)


class Failed(OutsideError):
    """Git ended with an error."""

    def __init__(self, arguments: Sequence[str], status: int, stderr: str) -> None:
        said = stderr.strip().strip("'").strip() or f"exit code {status}"
        super().__init__(f"git {arguments[0]} failed: {said}", cure="Run the same in the repository to see more.")
        self.status = status
        self.stderr = stderr


def run_git(cwd: Path, *arguments: str, environ: Mapping[str, str] | None = None, seconds: int | None = None) -> bytes:
    """Run git in `cwd`, for `seconds` or our own limit at most, and return what it printed.

    Raises `Failed`, or `OutsideError` where there is no git.
    """
    set_by_us = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", **(environ or {})}
    # GitPython adds to our environment and cannot take away from it; `env -u` does.
    foreign = [name for name in os.environ if name.startswith("GIT_") and name not in (_KEPT | set_by_us.keys())]
    command = ["env", *(word for name in foreign for word in ("-u", name)), "git"]
    for setting in _SAFE:
        command += ["-c", setting]
    try:
        gitpython = _gitpython()
    except ImportError as error:
        raise _no_git() from error
    printed: bytes
    try:
        status, printed, stderr = gitpython.Git(str(cwd)).execute(
            [*command, *arguments],
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=TIMEOUT_SECONDS if seconds is None else seconds,
            env=set_by_us,
        )
    except gitpython.GitCommandNotFound as error:  # pragma: no cover - `env` is part of every POSIX system
        raise _no_git() from error
    if status == 127:
        raise _no_git()
    if status:
        raise Failed(arguments, status, str(stderr))
    return printed


def text(printed: bytes) -> str:
    """Return one line that git printed."""
    return os.fsdecode(printed).rstrip("\n")


def fields(printed: bytes) -> list[str]:
    """Return what git printed with `-z`."""
    return [os.fsdecode(field) for field in printed.split(b"\0") if field]


@cache
def _gitpython() -> Any:
    """Return `git.cmd`, without the rest of GitPython: its objects and pack files, 4 MiB that nobody here uses."""
    hollow = {name: _hollow(name) for name in ("git", "gitdb") if name not in sys.modules}
    sys.modules.update(hollow)
    try:
        return importlib.import_module("git.cmd")
    finally:  # who imports them later gets the whole
        for name, module in hollow.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _hollow(name: str) -> ModuleType:
    """Return a package whose modules can be imported, and that is empty itself."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    made = ModuleType(name)
    made.__path__ = list(spec.submodule_search_locations or ())
    made.__spec__ = spec
    return made


def _no_git() -> OutsideError:
    return OutsideError("There is no git on the PATH.", cure="Install git 2.36 or later.")
