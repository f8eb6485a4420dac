"""What a sign-off leaves in a repository: the fix merged into a branch, and a tag that says who signed it.

Neither touches an index or a file that somebody works on: a merge is made of objects alone, and a branch that is
checked out is only taken forward where git itself finds nothing in the way.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.errors import OutsideError, Refused
from workbench.git.process import Failed, text
from workbench.git.worktrees import Worktrees

_USAGE = 129  # how git ends that does not know an option


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
        quiet = {} if self._configured("core.sshCommand") else {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
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

    def _take_forward(self, branch: str, before: str, merged: str) -> None:
        there = next((tree for tree in self.worktrees() if tree.branch == branch and not tree.prunable), None)
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
