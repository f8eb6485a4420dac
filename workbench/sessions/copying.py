"""Files that git does not know and a worktree needs all the same: copied from the checkout by an allow-list."""

from __future__ import annotations

import glob
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigurationError
from workbench.sessions.paths import is_secret

MOST_FILES = 10_000
_NEVER = (".git", ".claude", ".mcp.json")


@dataclass(frozen=True)
class Copied:
    """What a copy came to: the files, relative to the checkout, and of those that were not copied the reason."""

    files: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def copy_files(checkout: Path, worktree: Path, wanted: str) -> Copied:
    """Copy what the patterns of the setting `worktree.copy` name from a checkout into a fresh worktree.

    Patterns are relative to the checkout; `**` means any folders. What may hold secrets is copied only where it is
    named to the letter. Nothing that the worktree has is overwritten, and no link is followed.

    Raises `ConfigurationError` for a setting that cannot be read, and `OSError` where a file cannot be copied.
    """
    root, into = Path(os.path.realpath(checkout)), Path(os.path.realpath(worktree))
    files: dict[str, None] = {}
    refused: dict[str, str] = {}
    for pattern in patterns(wanted):
        found = [*_found(root, pattern)]
        if not found and not glob.has_magic(pattern):
            refused[pattern] = "there is no such file"
        for name in found:
            if why := _why_not(root, into, name, is_named=name == pattern):
                refused.setdefault(name, why)
                continue
            if len(files) == MOST_FILES:
                raise ConfigurationError(
                    f"worktree.copy names more than {MOST_FILES:,} files.", cure="Name less, or make them in a setup."
                )
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, target, follow_symlinks=False)
            files[name] = None
            refused.pop(name, None)  # a pattern has refused what another one names
    return Copied(tuple(files), tuple((name, why) for name, why in refused.items() if name not in files))


def patterns(wanted: str) -> list[str]:
    """Return the patterns of the setting `worktree.copy`. Raises `ConfigurationError`."""
    try:
        words = shlex.split(wanted)
    except ValueError as error:
        raise ConfigurationError(f"worktree.copy = {wanted!r} cannot be read: {error}.", cure=_CURE) from error
    for word in words:
        if Path(word).is_absolute() or ".." in Path(word).parts or word.startswith("~"):
            raise ConfigurationError(f"worktree.copy: {word} leads out of the checkout.", cure=_CURE)
    return [word.rstrip("/") for word in words]


_CURE = "Name files below the repository, with spaces between them, such as: local.toml fixtures/*.json"


def _found(root: Path, pattern: str) -> Iterator[str]:
    """Yield the files that a pattern names, in folders all of them, relative to `root`."""
    for name in sorted(glob.glob(pattern, root_dir=root, recursive=True, include_hidden=True)):  # noqa: PTH207
        path = root / name
        if path.is_dir() and not path.is_symlink():
            for folder, folders, files in os.walk(path):
                folders[:] = sorted(each for each in folders if each not in _NEVER)
                yield from (os.path.relpath(Path(folder, each), root) for each in sorted(files))
        else:
            yield name


def _why_not(root: Path, into: Path, name: str, *, is_named: bool) -> str:
    path = root / name
    if any(part.casefold() in _NEVER for part in Path(name).parts):
        return "it belongs to git or to Claude Code"
    if path.is_symlink() or not path.is_file():
        return "it is no plain file"
    if not Path(os.path.realpath(path)).is_relative_to(root):
        return "it leads out of the checkout"
    if is_secret(Path(name)) and not is_named:
        return "it may hold secrets; it is copied only if worktree.copy names it to the letter"
    if os.path.lexists(into / name):
        return "the worktree has it already"
    if not Path(os.path.realpath(into / name)).is_relative_to(into):
        return "it would lead out of the worktree"
    return ""
