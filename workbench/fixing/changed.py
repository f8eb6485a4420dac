"""The files of a session's worktree that a person may want to look at."""

from __future__ import annotations

from pathlib import Path

from workbench.bugs.rows import SessionRow
from workbench.errors import NotFound
from workbench.fixing.taking_over import folder_of
from workbench.git import Repository


def changed_files(row: SessionRow, wanted: str = "") -> list[str]:
    """Return `wanted`, if it is a file of the worktree, or else all that differs from the session's base.

    Paths are from the worktree. What an agent has named is taken only where it lies within. Raises `NotFound` where
    nothing has changed.
    """
    worktree = folder_of(row)
    if wanted and (inside := _inside(worktree, wanted)):
        return [inside]
    repository = Repository.open(worktree)
    committed = [change.path for change in repository.changes(row.base_commit, "HEAD")]
    found = [path for name in dict.fromkeys([*committed, *repository.dirty_files()]) for path in _files(worktree, name)]
    if not found:
        raise NotFound("The session has not changed any file (yet).", cure="A shell in the worktree shows the others.")
    return found


def _inside(worktree: Path, name: str) -> str:
    root, path = worktree.resolve(), (worktree / name).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) and path.is_file() else ""


def _files(worktree: Path, name: str) -> list[str]:
    """Return the files that git means: those in a new folder, of which it tells only the name."""
    if not name.endswith("/"):
        return [inside] if (inside := _inside(worktree, name)) else []
    inner = [str(path.relative_to(worktree)) for path in sorted((worktree / name).rglob("*"))]
    return [inside for each in inner if (inside := _inside(worktree, each))]
