"""Where a fix session works: a worktree outside of the checkout, on a branch of its own, never forced."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

from capture.store.labels import label
from workbench.errors import ConfigurationError, NotFound, WorkbenchError
from workbench.git import Repository


@dataclass(frozen=True)
class Place:
    """A worktree, its branch, and the commit that it stands on."""

    path: Path
    branch: str
    base: str


def folder_of(repository: Repository, state_dir: Path) -> Path:
    """Return the folder for the worktrees of a repository: readable, and unique among all repositories."""
    unique = hashlib.sha256(str(repository.common_dir).encode()).hexdigest()[:8]
    return state_dir / "worktrees" / f"{repository.root.name}-{unique}"


def create(repository: Repository, state_dir: Path, number: int, *, base: str, reason: str) -> Place:
    """Make the next free worktree for bug `number` on commit `base`, locked with `reason`."""
    folder = folder_of(repository, state_dir)
    for attempt in itertools.count(1):
        name = f"{label(number)}-{attempt}"
        path, branch = folder / name, f"workbench/{name}"
        if path.exists():
            continue
        try:
            tree = repository.add_worktree(path, base=base, branch=branch, reason=reason)
        except ConfigurationError:
            if _is_taken(repository, path, branch):
                continue
            raise
        return Place(tree.path, branch, tree.head)
    raise AssertionError("there is always a next number")  # pragma: no cover


def undo(repository: Repository, place: Place) -> None:
    """Take a worktree back that was just made. What somebody has put into it meanwhile stays."""
    repository.remove_worktree(place.path)
    repository.delete_branch(place.branch, at=place.base)


def ensure(repository: Repository, place: Place, *, kept: str | None, reason: str) -> bool:
    """See that the worktree is there, and return whether it had to be made again.

    It is made from its branch, or from its base where the branch is gone, with the files of the ref `kept` if there
    is one. None: they are laid out later, when the worktree has been made ready.
    """
    if any(tree.path == place.path and not tree.prunable for tree in repository.worktrees()):
        return False
    if repository.exists(f"refs/heads/{place.branch}"):
        repository.reattach_worktree(place.path, branch=place.branch, reason=reason)
    else:
        _forget(repository, place)
        repository.add_worktree(place.path, base=place.base, branch=place.branch, reason=reason)
    if kept is not None and repository.exists(kept):
        repository.restore(place.path, kept)
    return True


def uncommitted(repository: Repository, ours: tuple[Path, ...]) -> list[str]:
    """Return what is changed in the checkout and so not part of a session. `ours` are files that we write there."""
    return [
        name
        for name in repository.dirty_files()
        if not any((repository.root / name).is_relative_to(own) for own in ours)
    ]


def keep(repository: Repository, place: Place, ref: str, message: str) -> str | None:
    """Record the files of a worktree under `ref`, whatever ended its session; None where that cannot be done."""
    try:
        return repository.freeze(place.path, ref, message)
    except (WorkbenchError, OSError):
        return None


def _is_taken(repository: Repository, path: Path, branch: str) -> bool:
    return path.exists() or repository.exists(f"refs/heads/{branch}")


def _forget(repository: Repository, place: Place) -> None:
    try:
        repository.remove_worktree(place.path)
    except NotFound:
        return
