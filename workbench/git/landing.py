"""What a sign-off leaves in a repository: the fix merged into a branch, and a tag that says who signed it.

Neither touches an index or a file that somebody works on: a merge is made of objects alone, and a branch that is
checked out is only taken forward where git itself finds nothing in the way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from workbench.errors import OutsideError, Refused
from workbench.git.process import Failed, text
from workbench.git.worktrees import Worktree, Worktrees

ASKED_SECONDS = 10  # for what a remote has
_USAGE = 129  # how git ends that does not know an option


_CACHES = frozenset({"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"})
_SSH = f"ssh -o BatchMode=yes -o ConnectTimeout={ASKED_SECONDS}"


@dataclass(frozen=True)
class Merged:
    """A branch after a merge: its commit now, and the one before. They are the same where nothing had to be done."""

    branch: str
    commit: str
    before: str


@dataclass(frozen=True)
class Landing(Worktrees):
    """A repository that fixes land in."""

    def merge(self, commit: str, branch: str, *, message: str) -> Merged:
        """Merge a commit into a local branch, as the user that git knows, and return the branch as it is then.

        There is always a merge commit, so that one can be reverted. A branch that holds the commit is left as it is.
        Raises `NotFound` for a branch or commit that is not there, and `Refused` where the two conflict, or where
        the branch is checked out and files in that checkout are in the way.
        """
        commit = self.resolve(commit)
        with self._locked():
            before = self.resolve(f"refs/heads/{branch}")
            if self.is_ancestor(commit, before):
                return Merged(branch, before, before)
            tree = self._merged_tree(before, commit, branch)
            merged = text(self._git("commit-tree", tree, "-p", before, "-p", commit, "-m", message))
            self._take_forward(branch, before, merged)
        return Merged(branch, merged, before)

    def unmerge(self, merged: Merged) -> None:
        """Put a branch back to where it was before a merge of ours, with the checkout that it is checked out in.

        Raises `Refused`, and changes nothing, where the branch stands somewhere else by now, where another branch, a
        tag or a remote has the merge already, and where files in the checkout are in the way.
        """
        cure = f"Take it back by a commit of its own: git revert -m 1 {merged.commit[:12]}."
        ours = f"refs/heads/{merged.branch}"
        with self._locked():
            if not self.exists(ours) or self.resolve(ours) != merged.commit:
                raise Refused(f"{merged.branch} has moved on since.", cure=cure)
            listed = text(self._git("for-each-ref", "--format=%(refname)", "--contains", merged.commit)).splitlines()
            others = [ref for ref in listed if ref != ours]
            if others:
                raise Refused(f"{_short(others[0])} holds the merge too.", cure=cure)
            self._put_back(merged, cure)

    def untag(self, name: str, made: str) -> None:
        """Delete a tag of ours that is still the object `made`.

        Raises `Refused` where it is not, where a remote has it, and where a remote cannot be asked: a tag that was
        pushed is not taken back.
        """
        ref = f"refs/tags/{name}"
        cure = f"Delete it by hand, if nobody has it: git tag --delete {name}."
        if text(self._git("for-each-ref", "--format=%(objectname)", ref)) != made:
            raise Refused(f"The tag {name} is not the one that was made.", cure=cure)
        # Without a prompt, which would be drawn over the workbench.
        quiet = {} if self._configured("core.sshCommand") else {"GIT_SSH_COMMAND": _SSH}
        for remote in self.remotes():
            try:
                asked = self._git("ls-remote", "--tags", "--", remote, ref, environ=quiet, seconds=ASKED_SECONDS)
            except OutsideError:
                raise Refused(f"{remote} could not be asked whether it has the tag {name}.", cure=cure) from None
            if asked:
                raise Refused(f"{remote} has the tag {name}.", cure=cure)
        with self._locked():
            self._git("update-ref", "-d", ref, made)

    def advance(self, branch: str, commit: str) -> bool:
        """Take a branch forward to a commit that comes after it, and return whether it stands there now.

        In a worktree that has it checked out, no file is touched. One that is checked out in the main checkout, or has
        moved on by itself, is left as it is.
        """
        commit, ref = self.resolve(commit), f"refs/heads/{branch}"
        with self._locked():
            if not self.exists(ref) or not self.is_ancestor(ref, commit):
                return False
            before, there = self.resolve(ref), self._checked_out(branch)
            if before == commit:
                return True
            if there is None:
                self._git("update-ref", ref, commit, before)
            elif there.path == self.worktrees()[0].path:
                return False
            else:
                self._git("reset", "--mixed", "--quiet", commit, cwd=there.path, environ=self._inside(there))
        return True

    def lost_besides(self, path: Path, commit: str) -> list[str]:
        """Return what would be gone with the worktree at `path` and is not in `commit` as it is there.

        What Python and its tools keep for themselves is left out: they make it again.
        """
        commit = self.resolve(commit)
        there = set(self.all_files(commit))

        def is_kept(name: str) -> bool:
            file = path / name
            if file.name in _CACHES or file.suffix == ".pyc":
                return True
            if file.is_symlink() or not file.is_file():
                return name not in there and not file.exists() and not file.is_symlink()
            return name in there and self.read(commit, name) == file.read_bytes()

        return [name for name in self.lost_by_removal(path) if not is_kept(name)]

    def tag_object(self, name: str) -> str:
        """Return the id of a tag's own object, or "" where there is no such tag."""
        return text(self._git("for-each-ref", "--format=%(objectname)", f"refs/tags/{name}"))

    def holds(self, release: str, commit: str) -> bool | None:
        """Say whether the code of a release holds the change that a commit is the end of, or None where git cannot.

        It does where the commit is in its history, and where merging it would change nothing: a fix that was
        squashed or rebased on its way has another id. It does not where it could be merged. Where the two conflict,
        the same lines were changed since, and nobody can tell.
        """
        if self.is_ancestor(commit, release):
            return True
        release = self.resolve(release)
        try:
            merged = self._merged_tree(release, self.resolve(commit), "the release")
        except (Failed, Refused, OutsideError):
            return None
        return merged == text(self._git("rev-parse", f"{release}^{{tree}}"))

    def tag(self, name: str, commit: str, *, message: str) -> str:
        """Put a tag with a message on a commit, signed where the user has a signing key; return what was made.

        A tag of that name that exists already is left as it is. Raises `OutsideError` where signing fails.
        """
        kind = "signed tag" if self.signing_key() else "tag"
        with self._locked():
            if self.exists(f"refs/tags/{name}"):
                return f"{kind} {name}"
            sign = "--sign" if self.signing_key() else "--no-sign"
            # Without a terminal to ask on: what asks for a passphrase must not draw over the workbench.
            quiet = {"GPG_TTY": "", "SSH_ASKPASS_REQUIRE": "never"}
            self._git("tag", "--annotate", sign, "-m", message, "--", name, self.resolve(commit), environ=quiet)
            # git 2.39 makes the tag all the same where a key for ssh cannot be read, and ends well.
            if self.signing_key() and b"-----BEGIN " not in self._git("cat-file", "tag", f"refs/tags/{name}"):
                self._git("tag", "--delete", name)
                raise OutsideError(
                    f"git could not sign with the key {self.signing_key()}.",
                    cure="Try the same yourself: git tag --sign test; then git tag --delete test.",
                )
        return f"{kind} {name}"

    def push(self, commit: str, branch: str, remote: str) -> None:
        """Push a commit as `branch`. Never forced: a branch that somebody else moved on raises `OutsideError`."""
        # ssh would ask for a passphrase on the terminal, over the workbench.
        quiet = {} if self._configured("core.sshCommand") else {"GIT_SSH_COMMAND": _SSH}
        self._git("push", "--quiet", "--", remote, f"{self.resolve(commit)}:refs/heads/{branch}", environ=quiet)

    def remote_of(self, name: str) -> str | None:
        """Return the remote whose address ends in `name` (owner/name), or "origin" where there is one, or None."""
        remotes = self.remotes()
        wanted = (f"/{name}", f":{name}", f"/{name}.git", f":{name}.git")
        matching = [remote for remote, url in sorted(remotes.items()) if url.rstrip("/").endswith(wanted)]
        return next(iter(matching), "origin" if "origin" in remotes else None)

    def signing_key(self) -> str:
        """Return the signing key of the user's configuration, or ""."""
        return self._configured("user.signingKey")

    def _configured(self, key: str) -> str:
        try:
            return text(self._git("config", "--get", key))
        except Failed:
            return ""

    def _merged_tree(self, ours: str, theirs: str, branch: str) -> str:
        try:
            return text(self._git("merge-tree", "--write-tree", "--name-only", "-z", ours, theirs)).partition("\0")[0]
        except Failed as failure:
            if failure.status == _USAGE:
                raise OutsideError(
                    "This git cannot merge without a checkout.", cure="Install git 2.38 or later."
                ) from None
            if failure.status != 1:
                raise
        raise Refused(
            f"The fix conflicts with {branch}.", cure=f"Merge it by hand: git merge {theirs[:12]} on {branch}."
        )

    def _put_back(self, merged: Merged, cure: str) -> None:
        there = self._checked_out(merged.branch)
        if there is None:
            self._git("update-ref", f"refs/heads/{merged.branch}", merged.before, merged.commit)
            return
        try:
            # --keep is git's own promise that no change of anybody's is lost.
            self._git("reset", "--keep", "--quiet", merged.before, cwd=there.path, environ=self._inside(there))
        except Failed as failure:
            raise Refused(
                f"{merged.branch} is checked out at {there.path}, and files there are in the way.", cure=cure
            ) from failure

    def _checked_out(self, branch: str) -> Worktree | None:
        return next((tree for tree in self.worktrees() if tree.branch == branch and not tree.prunable), None)

    def _take_forward(self, branch: str, before: str, merged: str) -> None:
        there = self._checked_out(branch)
        if there is None:
            self._git("update-ref", f"refs/heads/{branch}", merged, before)
            return
        try:
            self._git("merge", "--ff-only", "--quiet", merged, cwd=there.path, environ=self._inside(there))
        except Failed as failure:
            raise Refused(
                f"{branch} is checked out at {there.path}, and files there are in the way: "
                f"{failure.stderr.strip().splitlines()[-1]}",
                cure=f"Commit or stash them, then: git merge {merged[:12]}.",
            ) from failure


def _short(ref: str) -> str:
    return ref.removeprefix("refs/").removeprefix("heads/").removeprefix("remotes/").removeprefix("tags/")
