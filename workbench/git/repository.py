"""A whole repository: what reading and worktrees give, and its files recorded as commits and laid out again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from workbench.errors import NotFound, Refused, UsageError
from workbench.git.landing import Landing
from workbench.git.process import Failed, fields, run_git, text

_OURS = {"NAME": "Bug workbench", "EMAIL": "bug-workbench@localhost"}


@dataclass(frozen=True)
class Repository(Landing):
    """A git repository with a checkout. `root` is the checkout's top folder, `common_dir` what its worktrees share."""

    @classmethod
    def create(cls, path: Path, *, message: str) -> Self:
        """Make the folder `path` a repository of its own, and commit the files in it in our name."""
        run_git(path, "init", "--quiet", "--template=", "--initial-branch=main")
        repository = cls.open(path)
        run_git(path, "add", "--all")
        tree = text(run_git(path, "write-tree"))
        commit = text(run_git(path, "commit-tree", tree, "-m", message, environ=_ours()))
        run_git(path, "update-ref", "refs/heads/main", commit)
        return repository

    def configure(self, key: str, value: str) -> None:
        """Set `key` in the configuration of this repository alone."""
        with self._locked():
            self._git("config", "--local", key, value)

    def freeze(self, worktree: Path, ref: str, message: str) -> str:
        """Record the files of a worktree as a commit under `ref` (refs/workbench/…) and return its id.

        The worktree, its index and its branch stay as they are. Ignored files are not part of the commit.
        """
        if not ref.startswith("refs/workbench/"):
            raise ValueError(f"{ref} is not below refs/workbench/")
        self._git("check-ref-format", ref)
        tree = self._worktree_at(worktree)
        with tempfile.TemporaryDirectory(prefix="workbench-index-") as folder:
            inside = {**self._inside(tree), "GIT_INDEX_FILE": str(Path(folder, "index"))}
            # A fresh index, so that marks in the worktree's own (assume-unchanged) hide nothing.
            self._git("read-tree", tree.head, environ=inside)
            self._git("add", "--all", "--", ".", environ=inside, cwd=tree.path)
            written = text(self._git("write-tree", environ=inside))
        commit = text(self._git("commit-tree", written, "-p", tree.head, "-m", message, environ=_ours()))
        with self._locked():
            self._git("update-ref", ref, commit)
        return commit

    def keep(self, commit: str, ref: str) -> None:
        """Keep a commit under `ref` (refs/workbench/…), whatever becomes of its branch."""
        if not ref.startswith("refs/workbench/"):
            raise ValueError(f"{ref} is not below refs/workbench/")
        with self._locked():
            self._git("update-ref", ref, self.resolve(commit))

    def commit_files(self, base: str, files: Mapping[str, bytes], *, ref: str, message: str) -> str:
        """Record `base` with these files, by path, as a commit under `ref` (refs/workbench/…) and return its id.

        No worktree is touched.
        """
        if not ref.startswith("refs/workbench/"):
            raise ValueError(f"{ref} is not below refs/workbench/")
        base = self.resolve(base)
        commit = self._with_files(base, files, message)
        with self._locked():
            self._git("update-ref", ref, commit)
        return commit

    def commit_to(self, branch: str, path: str, change: Callable[[bytes | None], bytes], *, message: str) -> str | None:
        """Commit a file to a local branch, in our name, and return the commit; None where the branch has it so already.

        `change` makes the file of what it is there, or of None. No index and no checkout is touched, and a branch that
        is not there yet begins with this file alone. Raises what `check_free` raises.
        """
        ref = f"refs/heads/{branch}"
        with self._locked():
            self.check_free(branch)
            before = self.resolve(ref) if self.exists(ref) else None
            old = None
            with suppress(NotFound):
                old = self.read(before, path) if before is not None else None
            new = change(old)
            if new == old:
                return None
            commit = self._with_files(before, {path: new}, message)
            self._git("update-ref", ref, commit, before or "")  # "": there must be none
        return commit

    def check_free(self, branch: str) -> None:
        """Return quietly where `commit_to` may commit to a branch, be it there or not.

        Raises `UsageError` for what is no name of one, and `Refused` for one that is checked out: its files would look
        changed to whoever works there.
        """
        try:
            self._git("check-ref-format", "--branch", branch)
        except Failed:
            raise UsageError(f"{branch!r} cannot be the name of a branch.", cure="Name another.") from None
        if (there := self._checked_out(branch)) is not None:
            cure = "Name a branch that nobody works on, or leave it."
            raise Refused(f"{branch} is checked out at {there.path}.", cure=cure)

    def _with_files(self, base: str | None, files: Mapping[str, bytes], message: str) -> str:
        """Return a commit of ours: the files of `base`, or none, with these. It is under no ref yet."""
        with tempfile.TemporaryDirectory(prefix="workbench-index-") as folder:
            inside = {"GIT_INDEX_FILE": str(Path(folder, "index"))}
            if base is not None:
                self._git("read-tree", base, environ=inside)
            for number, (path, content) in enumerate(files.items()):
                written = Path(folder, str(number))
                written.write_bytes(content)
                blob = text(self._git("hash-object", "-w", "--no-filters", "--", str(written)))
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", environ=inside)
            tree = text(self._git("write-tree", environ=inside))
        parents = ("-p", base) if base is not None else ()
        return text(self._git("commit-tree", tree, *parents, "-m", message, environ=_ours()))

    def checkout_paths(self, worktree: Path, commit: str, paths: Sequence[str]) -> None:
        """Make each of `paths` in a worktree as it is in `commit`; a file that the commit has not is deleted."""
        if not paths:
            return
        commit, tree = self.resolve(commit), self._worktree_at(worktree)
        inside = {**self._inside(tree), "GIT_LITERAL_PATHSPECS": "1"}
        there = set(fields(self._git("ls-tree", "-r", "-z", "--name-only", commit, "--", *paths, cwd=tree.path)))
        gone = [path for path in paths if path not in there and not any(name.startswith(f"{path}/") for name in there)]
        with self._locked():
            if gone:
                self._git("rm", "-r", "-q", "-f", "--ignore-unmatch", "--", *gone, environ=inside, cwd=tree.path)
            if there:
                kept = [path for path in paths if path not in gone]
                self._git("checkout", commit, "--", *kept, environ=inside, cwd=tree.path)

    def restore(self, worktree: Path, commit: str) -> None:
        """Make the files of a fresh worktree those of `commit`, as changes that are not committed."""
        tree = self._worktree_at(worktree)
        with self._locked():
            self._git(
                *("restore", f"--source={self.resolve(commit)}", "--worktree", "--", "."),
                environ=self._inside(tree),
                cwd=tree.path,
            )


def _ours() -> dict[str, str]:
    return {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _OURS.items()}
