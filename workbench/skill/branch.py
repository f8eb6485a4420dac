"""Which files the checked-out branch touches, asked of git without the library that takes longer than all the hook."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

SECONDS = 1.0
MOST_FILES = 100

# As workbench.git.process starts it: no programs that the repository names, no locks, no prompt.
_SAFE = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false")


def touched(repo: Path, main: str) -> tuple[str, ...]:
    """Return the Python files that differ from where the branch left `main`, committed or not; none where git says no.

    On `main` itself, or without such a branch, they are those that are not committed. Never raises.
    """
    if not (repo / ".git").exists() or main.startswith("-"):
        return ()
    for since in (("--merge-base", main), ("HEAD",)):
        found = _git(repo, "diff", "--name-only", "--no-ext-diff", "--no-textconv", "-z", *since, "--")
        if found is not None:
            return tuple(name for name in found.split("\0") if name.endswith(".py"))[:MOST_FILES]
    return ()


def modules(files: Sequence[str]) -> dict[str, str]:
    """Return the names that a module of these files may go by, in whatever folder it is deployed, and its file."""
    return {name: file for file in files for name in _names(file)}


def _names(file: str) -> Iterator[str]:
    parts = PurePosixPath(file).with_suffix("").parts
    parts = parts[:-1] if parts[-1] == "__init__" else parts
    yield from (".".join(parts[begin:]) for begin in range(len(parts)))


def _git(repo: Path, *arguments: str) -> str | None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        ran = subprocess.run(
            ["git", *_SAFE, *arguments],
            cwd=repo,
            env=environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(ran.stdout) if ran.returncode == 0 else None
