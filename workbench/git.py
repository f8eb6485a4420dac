"""The door to git: everything that the workbench reads from or writes to a repository.

Every call runs without hooks, without a prompt, with a time limit, and without the `GIT_*` variables of whoever
started us. Names from outside become commit ids before anything else sees them. What writes takes one lock per
repository. Nothing is forced: what would lose somebody's work raises `Refused` and says what would be lost.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.errors import ConfigurationError, NotFound, OutsideError, Refused

TIMEOUT_SECONDS = 120
LOCK_SECONDS = 60

# A repository's own configuration can name programs (hooks, fsmonitor) and start work in the background (gc).
_SAFE = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "core.quotePath=false",
    "advice.detachedHead=false",
)
# Who a person is and where configuration is read from may come from the environment; which repository may not.
_KEPT = frozenset(
    {"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_CONFIG_NOSYSTEM"}
)
_OURS = {"NAME": "Bug workbench", "EMAIL": "bug-workbench@localhost"}


@dataclass(frozen=True)
class Worktree:
    """One worktree of a repository. `prunable`: its folder is gone."""

    path: Path
    head: str
    branch: str | None
    locked_reason: str | None
    prunable: bool


@dataclass(frozen=True)
class Change:
    """One file that differs. `status` is A, M, D, R or T; `old_path` is set for a rename."""

    status: str
    path: str
    old_path: str | None = None


@dataclass(frozen=True)
class Repository:
    """A git repository with a checkout. `root` is the checkout's top folder, `common_dir` what its worktrees share."""

    root: Path
    common_dir: Path

    @classmethod
    def open(cls, path: Path) -> Repository:
        """Return the repository that holds `path`."""
        try:
            root = _text(_git(path, "rev-parse", "--path-format=absolute", "--show-toplevel"))
            common = _text(_git(path, "rev-parse", "--path-format=absolute", "--git-common-dir"))
        except _Failed as failure:
            raise _not_usable(path, failure) from failure
        return cls(Path(root), Path(common))

    @classmethod
    def create(cls, path: Path, *, message: str) -> Repository:
        """Make the folder `path` a repository of its own, and commit the files in it in our name."""
        _git(path, "init", "--quiet", "--template=", "--initial-branch=main")
        repository = cls.open(path)
        _git(path, "add", "--all")
        tree = _text(_git(path, "write-tree"))
        commit = _text(_git(path, "commit-tree", tree, "-m", message, environ=_ours()))
        _git(path, "update-ref", "refs/heads/main", commit)
        return repository

    def configure(self, key: str, value: str) -> None:
        """Set `key` in the configuration of this repository alone."""
        with self._locked():
            self._git("config", "--local", key, value)

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
                return _text(self._git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}"))
            except _Failed:
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

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Say whether `ancestor` is `descendant` or in its history."""
        try:
            self._git("merge-base", "--is-ancestor", self.resolve(ancestor), self.resolve(descendant))
        except _Failed as failure:
            if failure.status == 1:
                return False
            raise
        return True

    def branch(self, rev: str = "HEAD") -> str | None:
        """Return the name of the branch that is checked out, or None on a detached HEAD."""
        try:
            return _text(self._git("symbolic-ref", "--quiet", "--short", rev))
        except _Failed:
            return None

    def dirty_files(self) -> list[str]:
        """Return what is changed or untracked in the checkout; folders without a tracked file end with a slash."""
        return _statuses(self._git("status", "--porcelain", "-z", "--untracked-files=normal"))

    def identity(self) -> str:
        """Return who the user is to git: `Name <email>`."""
        try:
            ident = _text(self._git("var", "GIT_AUTHOR_IDENT"))
        except _Failed as failure:
            raise ConfigurationError(
                "git does not know who you are.",
                cure="Set it: git config --global user.name 'Your Name', and the same for user.email.",
            ) from failure
        return ident[: ident.rindex(">") + 1]

    def remotes(self) -> dict[str, str]:
        """Return the URL of each remote, without user and password."""
        try:
            listed = self._git("config", "-z", "--get-regexp", r"^remote\..*\.url$")
        except _Failed:
            return {}
        remotes: dict[str, str] = {}
        for entry in _zipped(listed):
            key, _, url = entry.partition("\n")
            remotes.setdefault(key.removeprefix("remote.").removesuffix(".url"), _without_user(url))
        return remotes

    def changes(self, base: str, result: str) -> list[Change]:
        """Return the files that differ between two commits."""
        fields = iter(
            _zipped(self._git("diff-tree", "-r", "-z", "-M", "--name-status", self.resolve(base), self.resolve(result)))
        )
        found = []
        for status in fields:
            first = next(fields)
            found.append(Change("R", next(fields), first) if status[0] == "R" else Change(status[0], first))
        return found

    def diff(self, base: str, result: str, paths: Sequence[str] = ()) -> str:
        """Return the differences between two commits as a unified diff. Bytes that are not UTF-8 are replaced."""
        shown = self._git(
            *("diff-tree", "-r", "-p", "-M", "--no-ext-diff", "--no-textconv", "--no-color"),
            *(self.resolve(base), self.resolve(result), "--", *paths),
            environ={"GIT_LITERAL_PATHSPECS": "1"},
        )
        return shown.decode("utf-8", "replace")

    def read(self, commit: str, path: str) -> bytes:
        """Return the contents of a file as it is in a commit. Raises `NotFound`."""
        try:
            return self._git("cat-file", "blob", f"{self.resolve(commit)}:{path}")
        except _Failed:
            raise NotFound(f"{commit} has no file {path}.") from None

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
        path = _fresh(path)
        kind = ("--detach",) if branch is None else ("-b", self._free_branch(branch))
        with self._locked():
            try:
                self._git("worktree", "add", "--quiet", "--lock", "--reason", reason, *kind, "--", str(path), commit)
            except _Failed:
                if branch is not None:
                    self._delete_branch(branch, commit)
                raise
        return self._worktree_at(path)

    def reattach_worktree(self, path: Path, *, branch: str, reason: str) -> Worktree:
        """Make the worktree of an existing branch again after its folder was removed, and lock it."""
        path = _fresh(path)
        self.resolve(f"refs/heads/{branch}")
        with self._locked():
            for tree in self.worktrees():
                if tree.branch == branch and tree.prunable:
                    self._forget(tree)
            self._git("worktree", "add", "--quiet", "--lock", "--reason", reason, "--", str(path), branch)
        return self._worktree_at(path)

    def lost_by_removal(self, path: Path) -> list[str]:
        """Return what would be gone with the worktree at `path`: uncommitted and ignored files, unreachable commits."""
        tree = self._worktree_at(path)
        if tree.prunable:
            return []
        listed = self._git(
            *("status", "--porcelain", "-z", "--untracked-files=all", "--ignored=matching"), environ=self._inside(tree)
        )
        lost = _statuses(listed)
        if tree.branch is None and not self._git("for-each-ref", "--count=1", "--contains", tree.head):
            lost.append(f"commit {tree.head[:12]}, which no branch holds")
        return lost

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
            written = _text(self._git("write-tree", environ=inside))
        commit = _text(self._git("commit-tree", written, "-p", tree.head, "-m", message, environ=_ours()))
        with self._locked():
            self._git("update-ref", ref, commit)
        return commit

    def checkout_paths(self, worktree: Path, commit: str, paths: Sequence[str]) -> None:
        """Make each of `paths` in a worktree as it is in `commit`; a file that the commit has not is deleted."""
        if not paths:
            return
        commit, tree = self.resolve(commit), self._worktree_at(worktree)
        inside = {**self._inside(tree), "GIT_LITERAL_PATHSPECS": "1"}
        there = set(_zipped(self._git("ls-tree", "-r", "-z", "--name-only", commit, "--", *paths, cwd=tree.path)))
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

    def _git(self, *arguments: str, environ: Mapping[str, str] | None = None, cwd: Path | None = None) -> bytes:
        return _git(cwd or self.root, *arguments, environ=environ)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            with FileLock(self.common_dir / "workbench.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout as error:
            raise OutsideError(
                f"Another workbench has been writing to {self.root} for {LOCK_SECONDS} seconds.",
                cure="Wait for it, or end it.",
            ) from error

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
            if (folder / "gitdir").read_text(encoding="utf-8", errors="surrogateescape").strip() == pointer:
                return {"GIT_DIR": str(folder), "GIT_WORK_TREE": str(tree.path)}
        return {"GIT_DIR": str(self.common_dir), "GIT_WORK_TREE": str(tree.path)}

    def _free_branch(self, branch: str) -> str:
        try:
            self._git("check-ref-format", "--branch", branch)
        except _Failed:
            raise ConfigurationError(f"{branch!r} cannot be the name of a branch.") from None
        if self.exists(f"refs/heads/{branch}"):
            raise ConfigurationError(f"The branch {branch} is taken.", cure="Name another, or rename that branch.")
        return branch

    def _delete_branch(self, branch: str, commit: str) -> bool:
        try:
            self._git("update-ref", "-d", f"refs/heads/{branch}", commit)
        except _Failed:
            return False
        return True

    def _forget(self, tree: Worktree, *options: str) -> None:
        if tree.locked_reason is not None:
            self._git("worktree", "unlock", "--", str(tree.path))
        try:
            self._git("worktree", "remove", *options, "--", str(tree.path))
        except _Failed:
            if tree.locked_reason is not None:
                self._git("worktree", "lock", "--reason", tree.locked_reason, "--", str(tree.path))
            raise


class _Failed(OutsideError):
    """Git ended with an error."""

    def __init__(self, arguments: Sequence[str], status: int, stderr: str) -> None:
        said = stderr.strip().strip("'").strip() or f"exit code {status}"
        super().__init__(f"git {arguments[0]} failed: {said}", cure="Run the same in the repository to see more.")
        self.status = status
        self.stderr = stderr


def _git(cwd: Path, *arguments: str, environ: Mapping[str, str] | None = None) -> bytes:
    """Run git in `cwd` and return what it printed. Raises `_Failed`, or `OutsideError` where there is no git."""
    try:
        from git.cmd import Git
        from git.exc import GitCommandNotFound
    except ImportError as error:
        raise _no_git() from error
    set_by_us = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", **(environ or {})}
    # GitPython adds to our environment and cannot take away from it; `env -u` does.
    foreign = [name for name in os.environ if name.startswith("GIT_") and name not in (_KEPT | set_by_us.keys())]
    command = ["env", *(word for name in foreign for word in ("-u", name)), "git"]
    for setting in _SAFE:
        command += ["-c", setting]
    try:
        status, printed, stderr = Git(str(cwd)).execute(
            [*command, *arguments],
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=TIMEOUT_SECONDS,
            env=set_by_us,
        )
    except GitCommandNotFound as error:  # pragma: no cover - `env` is part of every POSIX system
        raise _no_git() from error
    if status == 127:
        raise _no_git()
    if status:
        raise _Failed(arguments, status, str(stderr))
    return printed


def _no_git() -> OutsideError:
    return OutsideError("There is no git on the PATH.", cure="Install git 2.36 or later.")


def _not_usable(path: Path, failure: _Failed) -> ConfigurationError:
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


def _fresh(path: Path) -> Path:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - a link at the end must not be followed
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise ConfigurationError(f"{path} exists already.", cure="Move it away; nothing of yours is overwritten.")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.parent.resolve() / path.name


def _ours() -> dict[str, str]:
    return {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _OURS.items()}


def _text(printed: bytes) -> str:
    return os.fsdecode(printed).rstrip("\n")


def _zipped(printed: bytes) -> list[str]:
    return [os.fsdecode(field) for field in printed.split(b"\0") if field]


def _statuses(printed: bytes) -> list[str]:
    """Return the paths of `git status --porcelain -z`."""
    paths = []
    fields = iter(_zipped(printed))
    for field in fields:
        paths.append(field[3:])
        if "R" in field[:2] or "C" in field[:2]:
            next(fields)  # the path it had before
    return paths


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


def _without_user(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _some(names: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
