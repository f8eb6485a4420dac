"""What of git no agent may change: its configuration, its hooks and refs that are not the session's. Before and after.

A worktree shares all of these with the user's checkout: a hook or a setting that an agent leaves there is run by the
next commit of a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.git import Repository

# Written by every workbench on this repository, for its sessions and its evidence.
_OURS = ("refs/heads/workbench/", "refs/workbench/")
_CONFIGURATION = ("config", "config.worktree", "info/attributes", "info/exclude", "info/grafts")


@dataclass(frozen=True)
class Snapshot:
    """How the guarded parts are: each configuration file and hook by its hash, each ref by its commit."""

    files: Mapping[str, str]
    refs: Mapping[str, str]

    @classmethod
    def take(cls, repository: Repository, worktree: Path) -> Snapshot:
        """Return how they are now."""
        common = repository.common_dir
        found = {name: common / name for name in _CONFIGURATION}
        hooks = common / "hooks"
        if hooks.is_dir():
            found |= {f"hooks/{path.name}": path for path in sorted(hooks.iterdir()) if path.suffix != ".sample"}
        found["the worktree's .git"] = worktree / ".git"
        refs = {name: commit for name, commit in repository.refs().items() if not name.startswith(_OURS)}
        return cls({name: _hash(path) for name, path in found.items()}, refs)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data for a row."""
        return {"files": dict(self.files), "refs": dict(self.refs)}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Snapshot:
        """Return what `as_dict` gave."""
        return cls(plain["files"], plain["refs"])

    def changed_files(self, later: Snapshot) -> list[str]:
        """Return the configuration files and hooks that are not as they were."""
        return _different(self.files, later.files)

    def changed_refs(self, later: Snapshot) -> list[str]:
        """Return the refs that are not where they were."""
        return _different(self.refs, later.refs)


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in before.keys() | after.keys() if before.get(name, "") != after.get(name, ""))


def _hash(path: Path) -> str:
    """Return the hash of a file; a link counts by where it leads, and what cannot be read as that.

    An empty file says nothing to git. The client's sandbox leaves some behind where it mounts over what is not there.
    """
    if path.is_symlink():
        return f"link to {path.readlink()}"
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return type(error).__name__
    if not content:
        return ""
    return hashlib.sha256(content).hexdigest() + (" executable" if path.stat().st_mode & 0o100 else "")
