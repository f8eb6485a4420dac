"""Worktrees of a repository: made, found, and taken away without losing anybody's work."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from workbench.errors import ConfigurationError, NotFound, Refused
from workbench.git.locking import locked
from workbench.git.process import Failed, fields
from workbench.git.reading import Reading, statuses


@dataclass(frozen=True)
class Worktree:
    """One worktree of a repository. `prunable`: its folder is gone."""

    path: Path
    head: str
    branch: str | None
    locked_reason: str | None
    prunable: bool


@dataclass(frozen=True)
class Worktrees(Reading):
    """A repository and its worktrees."""

    def worktrees(self) -> list[Worktree]:
        """Return all worktrees; the first is the main checkout."""
        listed = self._git("worktree", "list", "--porcelain", "-z").decode("utf-8", "surrogateescape")
        return [_worktree(block) for block in listed.split("\0\0") if block]

    def add_worktree(self, path: Path, *, base: str, branch: str | None = None, reason: str) -> Worktree:
        """Make a worktree at `path` on commit `base` and lock it with `reason`.

        With `branch`, a new branch of that name is made and checked out; without, HEAD is detached. When git
        fails, neither folder nor branch is left.
        """
        commit = self.resolve(base)
        with self._locked():
            # Looked at under the lock: a branch that somebody else makes meanwhile is not ours to delete below.
            path = _fresh(path)
            kind = ("--detach",) if branch is None else ("-b", branch)
            was_there = branch is not None and self._loose(branch).exists()
            try:
                self._git("worktree", "add", "--quiet", "--lock", "--reason", reason, *kind, "--", str(path), commit)
            except Failed:
                if branch is not None:
                    if not was_there and self._loose(branch).exists():
                        self._delete_branch(branch, commit)
                    self._check_free(branch)
                raise
        return Worktree(path, commit, branch, reason, prunable=False)

    def reattach_worktree(self, path: Path, *, branch: str, reason: str) -> Worktree:
        """Make the worktree of an existing branch again after its folder was removed, and lock it."""
        path = _fresh(path)
        self.resolve(f"refs/heads/{branch}")
        with self._locked():
            for tree in self.worktrees():
                if tree.branch == branch and tree.prunable:
                    self._forget(tree)
                elif tree.branch == branch:
                    raise ConfigurationError(
                        f"The branch {branch} is checked out in {tree.path}.",
                        cure=f"Let another be checked out there: git -C {shlex.quote(str(tree.path))} switch --detach",
                    )
            self._git("worktree", "add", "--quiet", "--lock", "--reason", reason, "--", str(path), branch)
        return self._worktree_at(path)

    def lost_by_removal(self, path: Path) -> list[str]:
        """Return what would be gone with the worktree at `path`: uncommitted and ignored files, unreachable commits.

        A filled submodule is named as a whole: its repository goes with the worktree.
        """
        tree = self._worktree_at(path)
        if tree.prunable:
            return []
        listed = self._git(
            *("status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching"), environ=self._inside(tree)
        )
        lost = statuses(listed)
        if tree.branch is None and not self._git("for-each-ref", "--count=1", "--contains", tree.head):
            lost.append(f"commit {tree.head[:12]}, which no branch holds")
        return [*lost, *(f"{name} (a submodule, with what is only in it)" for name in self._submodules(tree))]

    def _submodules(self, tree: Worktree) -> list[str]:
        """Return the submodules of a worktree that were filled."""
        if not (tree.path / ".gitmodules").exists():
            return []
        staged = fields(self._git("ls-files", "--stage", "-z", environ=self._inside(tree)))
        links = [entry.partition("\t")[2] for entry in staged if entry.startswith("160000 ")]
        return [name for name in links if (tree.path / name / ".git").exists()]

    def changed_in(self, path: Path) -> list[str]:
        """Return what is changed or new in the worktree at `path`, but for what git ignores."""
        tree = self._worktree_at(path)
        return statuses(
            self._git("status", "--porcelain", "-z", "--untracked-files=normal", environ=self._inside(tree))
        )

    def remove_worktree(self, path: Path, *, discard: bool = False) -> None:
        """Remove the worktree at `path`; its branch stays.

        Raises `Refused` when files would be lost, unless `discard` says that a person agreed to that.
        """
        tree = self._worktree_at(path)
        if tree.path == self.worktrees()[0].path:
            raise Refused(f"{tree.path} is the main checkout, not a worktree of ours.")
        lost = self.lost_by_removal(tree.path)
        if lost and not discard:
            raise Refused(
                f"Removing the worktree {tree.path} would lose {len(lost)} files: {_some(lost)}.",
                cure="Commit or copy what you need, or say that it may go.",
            )
        with self._locked():
            self._forget(tree, *(["--force"] if discard else []))

    def delete_branch(self, branch: str, *, at: str) -> None:
        """Delete a branch that still points to `at`; one that has moved on stays and raises `Refused`."""
        with self._locked():
            if not self._delete_branch(branch, self.resolve(at)):
                raise Refused(f"The branch {branch} holds commits of its own and stays.")

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.root, self.common_dir)

    def _worktree_at(self, path: Path) -> Worktree:
        wanted = path.resolve()
        for tree in self.worktrees():
            if tree.path.resolve() == wanted:
                return tree
        raise NotFound(f"{path} is not a worktree of {self.root}.", cure="`git worktree list` names them all.")

    def _inside(self, tree: Worktree) -> dict[str, str]:
        """Return the variables that name the repository and the folder of a worktree.

        Its `.git` file is not asked: what works in the worktree could have pointed it elsewhere.
        """
        pointer = str(tree.path / ".git")
        for folder in (self.common_dir / "worktrees").glob("*"):
            if _pointer(folder) == pointer:
                return {"GIT_DIR": str(folder), "GIT_WORK_TREE": str(tree.path)}
        return {"GIT_DIR": str(self.common_dir), "GIT_WORK_TREE": str(tree.path)}

    def _loose(self, branch: str) -> Path:
        """Return the file that a branch gets when it is made; one that was packed since has none."""
        return self.common_dir / "refs" / "heads" / branch

    def _check_free(self, branch: str) -> None:
        # Asked only when git could not make the branch: each process costs as much as half of a small worktree.
        if self.exists(f"refs/heads/{branch}"):
            raise ConfigurationError(f"The branch {branch} is taken.", cure="Name another, or rename that branch.")
        try:
            self._git("check-ref-format", "--branch", branch)
        except Failed:
            raise ConfigurationError(f"{branch!r} cannot be the name of a branch.") from None

    def _delete_branch(self, branch: str, commit: str) -> bool:
        try:
            self._git("update-ref", "-d", f"refs/heads/{branch}", commit)
        except Failed:
            return False
        return True

    def _forget(self, tree: Worktree, *options: str) -> None:
        if tree.locked_reason is not None:
            self._git("worktree", "unlock", "--", str(tree.path))
        try:
            self._git("worktree", "remove", *options, "--", str(tree.path))
        except Failed:
            if tree.locked_reason is not None:
                self._git("worktree", "lock", "--reason", tree.locked_reason, "--", str(tree.path))
            raise


def _pointer(folder: Path) -> str | None:
    """Return where git's folder of a worktree points to; None for one that is only being made, or being removed."""
    try:
        return (folder / "gitdir").read_text(encoding="utf-8", errors="surrogateescape").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _fresh(path: Path) -> Path:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - a link at the end must not be followed
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise ConfigurationError(f"{path} exists already.", cure="Move it away; nothing of yours is overwritten.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent.resolve() / path.name


def _worktree(block: str) -> Worktree:
    found: dict[str, str] = {}
    for line in block.split("\0"):
        key, _, value = line.partition(" ")
        found[key] = value
    branch = found.get("branch")
    return Worktree(
        path=Path(found["worktree"]),
        head=found.get("HEAD", ""),
        branch=branch.removeprefix("refs/heads/") if branch else None,
        locked_reason=found.get("locked"),
        prunable="prunable" in found or not Path(found["worktree"]).exists(),
    )


def _some(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
