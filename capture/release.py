"""The deployed version, read from the files of git without starting it."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

_COMMIT = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")


def head_of(folder: Path) -> str | None:
    """Return the commit that is checked out around `folder`, or None where there is none to be found."""
    try:
        git = next((parent / ".git" for parent in (folder, *folder.parents) if (parent / ".git").exists()), None)
        return _head(git) if git is not None else None
    except (OSError, UnicodeDecodeError):
        return None


@lru_cache(maxsize=16)
def head_at_start(folder: Path) -> str | None:
    """Return what `head_of` said when it was asked first: a running process keeps the code that it loaded."""
    return head_of(folder)


def _head(git: Path) -> str | None:
    if git.is_file():  # a worktree or a submodule: "gitdir: …"
        git = (git.parent / git.read_text().removeprefix("gitdir:").strip()).resolve()
    head: str = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head if _COMMIT.match(head) else None
    name = head.removeprefix("ref:").strip()
    common = git / "commondir"
    folders = [git, (git / common.read_text().strip()).resolve()] if common.exists() else [git]
    for folder in folders:
        if (folder / name).is_file():
            commit = (folder / name).read_text().strip()
            return commit if _COMMIT.match(commit) else None
    return next(filter(None, (_packed(folder, name) for folder in folders)), None)


def _packed(folder: Path, name: str) -> str | None:
    packed = folder / "packed-refs"
    if not packed.is_file():
        return None
    for line in packed.read_text().splitlines():
        commit, _, ref = line.partition(" ")
        if ref == name and _COMMIT.match(commit):
            return commit
    return None
