"""One writer at a time in a repository, whoever it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.errors import OutsideError

LOCK_SECONDS = 60


@contextmanager
def locked(root: Path, common_dir: Path) -> Iterator[None]:
    """Hold the lock of the repository at `root`. Raises `OutsideError` when another holds it for too long."""
    try:
        with FileLock(common_dir / "workbench.lock", timeout=LOCK_SECONDS):
            yield
    except Timeout as error:
        raise OutsideError(
            f"Another workbench has been writing to {root} for {LOCK_SECONDS} seconds.",
            cure="Wait for it, or end it.",
        ) from error
