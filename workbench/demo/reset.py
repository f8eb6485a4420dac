"""Start the demo over: take away what it made, and nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench import fixing
from workbench.bugs import queries
from workbench.bugs.rows import SessionRow
from workbench.bugs.store import open_store
from workbench.config import Config
from workbench.demo.site import base_commit, configured, folder_of, in_use, require_ours
from workbench.errors import DatabaseError, Refused
from workbench.git import Repository, Worktree
from workbench.sessions.folder import of_session


@dataclass(frozen=True)
class Remains:
    """What a reset takes away, and what of it the demo did not make (`yours`: one line each)."""

    folder: Path
    sessions: tuple[SessionRow, ...]
    worktrees: tuple[Path, ...]
    yours: tuple[str, ...]


def remains(config: Config, *, now: datetime | None = None) -> Remains | None:
    """Return what a reset would take away, or None where there is nothing.

    Raises `Refused` for a folder that the demo did not make, and while a session is at work in it.
    """
    folder = folder_of(config)
    if not folder.exists():
        return None
    require_ours(folder)
    sessions = _sessions(configured(config, folder), now or datetime.now(UTC))
    live = [row for row in sessions if row.is_live]
    if live:
        named = ", ".join(f"{row.id} on B-{row.bug:03d} in {row.worktree}" for row in live)
        raise Refused(
            f"A fix session of the demo is at work: {named}.",
            cure=f"Wait for it, or end it: workbench --repo {folder} sessions interrupt {live[0].id[:8]}",
        )
    repository = Repository.open(folder)
    worktrees = repository.worktrees()[1:]
    yours = (*_in_the_checkout(repository, configured(config, folder)), *_in_worktrees(repository, worktrees, sessions))
    return Remains(folder, tuple(sessions), tuple(tree.path for tree in worktrees), yours)


def reset(config: Config, *, discard: bool = False, now: datetime | None = None) -> Remains | None:
    """Take away the demo's repository with its database, its worktrees and its sessions, and return what that was.

    Raises `Refused` when a person's work is among it, unless `discard` says that this person agreed.
    """
    found = remains(config, now=now)
    if found is None:
        return None
    if found.yours and not discard:
        raise Refused(
            "Starting over would lose what you did in the demo: " + "; ".join(found.yours) + ".",
            cure=f"Move {found.folder} elsewhere to keep it, or say that it may go.",
        )
    with in_use(found.folder, alone=True):
        repository = Repository.open(found.folder)
        for tree in repository.worktrees()[1:]:
            repository.remove_worktree(tree.path, discard=True)
        shutil.rmtree(found.folder)
        for row in found.sessions:
            shutil.rmtree(of_session(config.state_dir, Path(row.id).name), ignore_errors=True)
    return found


def _sessions(config: Config, now: datetime) -> list[SessionRow]:
    """Return the demo's fix sessions; none where its database cannot be used, since that is a reason to start over."""
    try:
        engine = open_store(config)
    except DatabaseError:
        return []
    try:
        fixing.sweep(engine, now=now)
        return queries.sessions(engine)
    finally:
        engine.dispose()


def _in_the_checkout(repository: Repository, config: Config) -> Iterator[str]:
    """Yield what a person did in the checkout; the bug files are ours."""
    bugs = config.bugs_directory.relative_to(config.repo).as_posix()
    changed = [name for name in repository.dirty_files() if not name.startswith(f"{bugs}/")]
    if changed:
        yield f"changed files ({', '.join(changed)})"
    if repository.head() != base_commit(repository.root):
        yield f"commits (HEAD is at {repository.head()[:12]})"


def _in_worktrees(repository: Repository, trees: list[Worktree], sessions: list[SessionRow]) -> Iterator[str]:
    """Yield worktrees that no session made, and those in which something changed after their session ended."""
    results = {Path(row.worktree).resolve(): row.result_commit for row in reversed(sessions)}
    for tree in trees:
        path = tree.path.resolve()
        if path not in results:
            yield f"the worktree {tree.path}"
        elif results[path] and not tree.prunable:
            frozen = repository.freeze(tree.path, f"refs/workbench/reset/{tree.path.name}", "As it is at the reset")
            changed = [change.path for change in repository.changes(str(results[path]), frozen)]
            if changed:
                yield f"changes in the worktree {tree.path} ({', '.join(changed)})"
