"""Clean trees for the runs: worktrees of ours that the agent never touched, and that never outlive their use."""

from __future__ import annotations

import os
import shutil
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from workbench.ended import runs
from workbench.errors import WorkbenchError
from workbench.git import Repository

_PREFIX = "evidence-"


@contextmanager
def clean_tree(
    repository: Repository,
    workdir: Path,
    *,
    base: str,
    overlay: str = "",
    paths: Sequence[str] = (),
    git: AbstractContextManager[object] | None = None,
) -> Iterator[Path]:
    """Yield the folder of a fresh worktree of commit `base`, with `paths` as they are in commit `overlay`.

    `git` is held while git is at work, where others in this process make trees too.
    """
    path = workdir.resolve() / f"{_PREFIX}{uuid.uuid4().hex[:12]}"
    git = git or nullcontext()
    with git:
        repository.add_worktree(path, base=base, reason=_reason())
    try:
        if paths:
            with git:
                repository.checkout_paths(path, overlay, paths)
        yield path
    finally:
        with git:
            _remove(repository, path)


def sweep(repository: Repository) -> None:
    """Remove trees of ours whose process was killed before it could, wherever they are."""
    for tree in repository.worktrees():
        if tree.path.name.startswith(_PREFIX) and _is_left(tree.locked_reason):
            _remove(repository, tree.path)


def _reason() -> str:
    return f"workbench evidence, pid {os.getpid()} on {socket.gethostname()}"


def _is_left(reason: str | None) -> bool:
    before, _, after = (reason or "").partition("pid ")
    pid, _, host = after.partition(" on ")
    is_ours = before == "workbench evidence, " and host == socket.gethostname()
    return is_ours and pid.isdigit() and not runs(int(pid))


def _remove(repository: Repository, path: Path) -> None:
    # The tests ran in it, so it may be in any state: a `.git` that is gone, folders that nobody may write to.
    # The folder is ours, so what git refuses to remove is removed by hand, and git told afterwards.
    try:
        repository.remove_worktree(path, discard=True)
    except WorkbenchError:
        _unlock(path)
        shutil.rmtree(path, ignore_errors=True)
        repository.remove_worktree(path, discard=True)


def _unlock(path: Path) -> None:
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)  # noqa: PTH101 - os.walk does not follow links, and neither must this
