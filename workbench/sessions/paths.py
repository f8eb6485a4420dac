"""Which files an agent may write and read: inside its worktree, links resolved, and what is not for it even there."""

from __future__ import annotations

import fnmatch
import os
import sys
import sysconfig
import unicodedata
from dataclasses import dataclass
from pathlib import Path

# What git, Claude Code, editors and build servers run or obey without being asked. Compared without case, since
# some file systems do not know it.
_NEVER_WRITTEN = (
    *(".git", ".claude", ".mcp.json", ".gitattributes", ".gitmodules", ".gitconfig", ".husky", ".githooks"),
    *(".github", ".gitlab", ".gitlab-ci.yml", ".circleci", ".travis.yml", ".buildkite", ".ci", ".drone.yml"),
    *("azure-pipelines.yml", "bitbucket-pipelines.yml", "jenkinsfile", ".woodpecker", ".woodpecker.yml", ".teamcity"),
    *(".envrc", ".vscode", ".idea", ".devcontainer", ".pre-commit-config.yaml", "lefthook.yml"),
    # What another agent, a person's own among them, would take for instructions.
    *("claude.md", "claude.local.md", "agents.md", "gemini.md", ".cursorrules"),
    # Code that runs with every Python of the tree, and what git ignores, so that no diff would show it.
    *("sitecustomize.py", "usercustomize.py", "*.pth", ".venv", "node_modules", "__pycache__"),
)
_SECRET = (
    *(".env", ".env.*", "*.pem", "*.key", "id_rsa*", "id_ed25519*", ".netrc", ".pypirc", ".npmrc", ".pgpass"),
    *(".ssh", ".aws", ".gnupg", ".kube", ".docker", "credentials", "credentials.json", ".credentials.json"),
    *(".git-credentials",),
)
_NOT_SECRET = (".env.example", ".env.sample", ".env.template")


@dataclass(frozen=True)
class Paths:
    """The places of one session. `readable` are files and folders outside the worktree that may be read."""

    worktree: Path
    readable: tuple[Path, ...] = ()

    @classmethod
    def of(cls, worktree: Path, *given: Path) -> Paths:
        """Return the usual places: the worktree, what it is `given`, and the code of the interpreter's packages."""
        code = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        return cls(worktree, (*given, *(Path(folder) for folder in sorted(code)), Path(sys.prefix, "lib")))

    def resolve(self, path: str, cwd: Path) -> Path:
        """Return where `path` leads in the end. Raises `ValueError` for what cannot be a path."""
        if not path or "\0" in path or path.startswith("~"):
            raise ValueError(path)
        return Path(os.path.realpath(cwd / path))

    def why_not_write(self, path: str, cwd: Path) -> str | None:
        """Return why `path` may not be written, or None where it may."""
        try:
            target = self.resolve(path, cwd)
        except ValueError:
            return "that is not a path"
        within = self.within(target)
        if within is None:
            return "it is outside of the worktree"
        named = Path(os.path.normpath(cwd / path))  # as it was written, before links were followed
        parts = [*within.parts, *(self.within(named) or named).parts]
        for part in parts:
            if any(fnmatch.fnmatchcase(_folded(part), never) for never in _NEVER_WRITTEN):
                return f"{part} is not the agent's to change"
        if target.is_file() and target.stat().st_nlink > 1:
            return "it has another name elsewhere"
        return "it is a folder" if target.is_dir() else None

    def why_not_read(self, path: str, cwd: Path) -> str | None:
        """Return why `path` may not be read without asking, or None where it may."""
        try:
            target = self.resolve(path, cwd)
        except ValueError:
            return "that is not a path"
        if is_secret(target) or is_secret(Path(path)):
            return "it may hold secrets"
        if self.within(target) is not None:
            return None
        for place in self.readable:
            if target == place.resolve() or target.is_relative_to(place.resolve()):
                return None
        return "it is outside of the worktree"

    def within(self, path: Path) -> Path | None:
        """Return where a resolved path is below the worktree, or None."""
        root = Path(os.path.realpath(self.worktree))
        for base in (root, self.worktree):
            if path.is_relative_to(base):
                return path.relative_to(base)
        return None


def _folded(part: str) -> str:
    """Return a name as the file systems see it that make the least difference: HFS+, NTFS."""
    plain = "".join(char for char in part if unicodedata.category(char) != "Cf").casefold().rstrip(". ")
    return ".git" if plain == "git~1" else plain


def is_secret(path: Path) -> bool:
    """Say whether a file of this name usually holds secrets."""
    return any(
        fnmatch.fnmatchcase(part.casefold(), pattern)
        for part in path.parts
        if part.casefold() not in _NOT_SECRET
        for pattern in _SECRET
    )
