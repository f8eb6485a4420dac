"""The fix without one of its pieces each, to see whether a test needs the piece."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import NotFound
from workbench.git import Repository

# Each piece is a run of the new tests; a fix of more pieces is no small one.
MOST_HUNKS = 20
_CONTEXT = 3


@dataclass(frozen=True)
class Hunk:
    """One changed piece of a source file, and the whole file as it is without that piece, or None for no file."""

    path: str
    line: int
    without: bytes | None

    @property
    def name(self) -> str:
        """How the run without it is called."""
        return f"without {self.path}:{self.line}"

    def take_out(self, tree: Path) -> None:
        """Make the file in a tree what it would be without this piece."""
        file = tree / self.path
        _make_way(file, tree)
        if self.without is None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.without)


def _make_way(file: Path, tree: Path) -> None:
    """Remove what is at the place of a file, and what above it is no folder: a link may lead out of the tree."""
    inside = [tree.joinpath(*file.relative_to(tree).parts[:count]) for count in range(1, len(file.parts))]
    for folder in inside:
        if folder.is_symlink() or folder.is_file():
            folder.unlink()
    if file.is_dir():
        shutil.rmtree(file)


def hunks(repository: Repository, base: str, result: str, paths: tuple[str, ...]) -> list[Hunk]:
    """Return the pieces of the changes to `paths`, at most `MOST_HUNKS`."""
    return [hunk for path in paths for hunk in _of(path, *(_read(repository, at, path) for at in (base, result)))][
        :MOST_HUNKS
    ]


def _of(path: str, before: bytes | None, after: bytes | None) -> Iterator[Hunk]:
    if before is None or after is None or b"\0" in before + after:
        yield Hunk(path, 1, before)
        return
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT):
        _, old_from, _, new_from, _ = group[0]
        _, _, old_to, _, new_to = group[-1]
        changed = next(start for tag, _, _, start, _ in group if tag != "equal")
        yield Hunk(path, changed + 1, b"".join([*new[:new_from], *old[old_from:old_to], *new[new_to:]]))


def _read(repository: Repository, commit: str, path: str) -> bytes | None:
    try:
        return repository.read(commit, path)
    except NotFound:
        return None
