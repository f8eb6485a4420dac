"""Read a repository: its commits, what differs between them, and what a checkout holds.

Names from outside become commit ids before anything else sees them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from workbench.errors import ConfigurationError, NotFound
from workbench.git.process import Failed, fields, run_git, text

_COMMIT = re.compile(r"[0-9a-f]{7,64}", re.ASCII)


@dataclass(frozen=True)
class Change:
    """One file that differs. `status` is A, M, D, R or T; `old_path` is set for a rename."""

    status: str
    path: str
    old_path: str | None = None


@dataclass(frozen=True)
class Reading:
    """What can be asked of a repository."""

    root: Path
    common_dir: Path

    @classmethod
    def open(cls, path: Path) -> Self:
        """Return the repository that holds `path`."""
        try:
            root = text(run_git(path, "rev-parse", "--path-format=absolute", "--show-toplevel"))
            common = text(run_git(path, "rev-parse", "--path-format=absolute", "--git-common-dir"))
        except Failed as failure:
            raise _not_usable(path, failure) from failure
        return cls(Path(root), Path(common))

    def head(self) -> str:
        """Return the commit that is checked out."""
        try:
            return self.resolve("HEAD")
        except NotFound:
            raise ConfigurationError(
                f"The repository {self.root} has no commit yet.", cure="Commit once, then try again."
            ) from None

    def resolve(self, rev: str) -> str:
        """Return the commit id that `rev` names. Raises `NotFound`."""
        if rev.strip() and rev.isprintable():
            try:
                return text(self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}"))
            except Failed:
                pass
        raise NotFound(
            f"The repository {self.root} has no commit {rev!r}.", cure="Fetch it, or name one of `git log --oneline`."
        )

    def exists(self, rev: str) -> bool:
        """Say whether `rev` names a commit of this repository."""
        try:
            self.resolve(rev)
        except NotFound:
            return False
        return True

    def release(self, name: str) -> str | None:
        """Return the commit of a release that is named by a commit or a tag, be it with a v before it, or None.

        A branch is no release: where it stands changes.
        """
        revs = [f"refs/tags/{name}", f"refs/tags/v{name}"]
        if _COMMIT.fullmatch(name):
            revs.append(name)
        for rev in revs:
            try:
                return self.resolve(rev)
            except NotFound:
                continue
        return None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Say whether `ancestor` is `descendant` or in its history."""
        try:
            self._git("merge-base", "--is-ancestor", self.resolve(ancestor), self.resolve(descendant))
        except Failed as failure:
            if failure.status == 1:
                return False
            raise
        return True

    def fork_point(self, one: str, other: str) -> str | None:
        """Return the latest commit that two revisions have in common, or None where they have none."""
        try:
            return text(self._git("merge-base", self.resolve(one), self.resolve(other)))
        except Failed as failure:
            if failure.status == 1:
                return None
            raise

    def branch(self, rev: str = "HEAD") -> str | None:
        """Return the name of the branch that is checked out, or None on a detached HEAD."""
        try:
            return text(self._git("symbolic-ref", "--quiet", "--short", rev))
        except Failed:
            return None

    def dirty_files(self) -> list[str]:
        """Return what is changed or untracked in the checkout; folders without a tracked file end with a slash."""
        return statuses(self._git("status", "--porcelain", "-z", "--untracked-files=normal"))

    def identity(self) -> str:
        """Return who the user is to git: `Name <email>`."""
        try:
            ident = text(self._git("var", "GIT_AUTHOR_IDENT"))
        except Failed as failure:
            raise ConfigurationError(
                "git does not know who you are.",
                cure="Set it: git config --global user.name 'Your Name', and the same for user.email.",
            ) from failure
        return ident[: ident.rindex(">") + 1]

    def remotes(self) -> dict[str, str]:
        """Return the URL of each remote, without user and password."""
        try:
            listed = self._git("config", "-z", "--get-regexp", r"^remote\..*\.url$")
        except Failed:
            return {}
        remotes: dict[str, str] = {}
        for entry in fields(listed):
            key, _, url = entry.partition("\n")
            remotes.setdefault(key.removeprefix("remote.").removesuffix(".url"), _without_user(url))
        return remotes

    def changes(self, base: str, result: str) -> list[Change]:
        """Return the files that differ between two commits."""
        printed = iter(
            fields(self._git("diff-tree", "-r", "-z", "-M", "--name-status", self.resolve(base), self.resolve(result)))
        )
        found = []
        for status in printed:
            first = next(printed)
            found.append(Change("R", next(printed), first) if status[0] == "R" else Change(status[0], first))
        return found

    def diff(self, base: str, result: str, paths: Sequence[str] = ()) -> str:
        """Return the differences between two commits as a unified diff. Bytes that are not UTF-8 are replaced."""
        shown = self._git(
            *("diff-tree", "-r", "-p", "-M", "--no-ext-diff", "--no-textconv", "--no-color"),
            *(self.resolve(base), self.resolve(result), "--", *paths),
            environ={"GIT_LITERAL_PATHSPECS": "1"},
        )
        return shown.decode("utf-8", "replace")

    def all_files(self, commit: str) -> list[str]:
        """Return the paths of all files of a commit."""
        return fields(self._git("ls-tree", "-r", "-z", "--name-only", "--full-tree", self.resolve(commit)))

    def read(self, commit: str, path: str) -> bytes:
        """Return the contents of a file as it is in a commit. Raises `NotFound`."""
        try:
            return self._git("cat-file", "blob", f"{self.resolve(commit)}:{path}")
        except Failed:
            raise NotFound(f"{commit} has no file {path}.") from None

    def refs(self) -> dict[str, str]:
        """Return what each ref points to; HEAD of the checkout is among them, by the branch that it names."""
        listed = self._git("for-each-ref", "--format=%(refname)%00%(objectname)").decode("utf-8", "surrogateescape")
        refs = dict(line.split("\0") for line in listed.splitlines())
        return refs | {"HEAD": self.branch() or self.head()}

    def newest(self, prefix: str) -> str:
        """Return the commit that was made last of those that the refs below `prefix` name, or an empty string."""
        order = ("--sort=-committerdate", "--count=1", "--format=%(objectname)")
        return text(self._git("for-each-ref", *order, "--", prefix))

    def files(self, commit: str) -> list[str]:
        """Return the names at the top of a commit: its files and folders."""
        return fields(self._git("ls-tree", "-z", "--name-only", self.resolve(commit)))

    def _git(
        self,
        *arguments: str,
        environ: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        seconds: int | None = None,
    ) -> bytes:
        return run_git(cwd or self.root, *arguments, environ=environ, seconds=seconds)


def _not_usable(path: Path, failure: Failed) -> ConfigurationError:
    if "dubious ownership" in failure.stderr:
        return ConfigurationError(
            f"git does not trust {path}: it belongs to another user.",
            cure=f"If you trust it: git config --global --add safe.directory {path}",
        )
    if "work tree" in failure.stderr:
        return ConfigurationError(
            f"{path} is a bare repository, without files to work on.", cure="Clone it, and name the clone with --repo."
        )
    return ConfigurationError(
        f"{path} is not in a git repository.", cure="Run git init there, or name a repository with --repo."
    )


def statuses(printed: bytes) -> list[str]:
    """Return the paths of `git status --porcelain -z`."""
    paths = []
    entries = iter(fields(printed))
    for field in entries:
        paths.append(field[3:])
        if "R" in field[:2] or "C" in field[:2]:
            next(entries)  # the path it had before
    return paths


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
