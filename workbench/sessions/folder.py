"""A session's own folder, below the state directory and outside of its worktree."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

LOG = "runner.log"  # what its runner writes to its standard output
HOME = "home"  # of a rehearsal's client


def of_session(state_dir: Path, session_id: str) -> Path:
    """Return where the folder of a session is."""
    return state_dir / "sessions" / session_id


def remove_unused(folder: Path) -> None:
    """Remove the folder where it holds only what a runner brings: of a session that waits its turn it holds more."""
    with suppress(OSError):
        if {path.name for path in folder.iterdir()} <= {LOG, HOME}:
            shutil.rmtree(folder)
