"""How a repository runs its tests, as an argv that we can add to."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


class NotSupported(Exception):
    """The command is none that evidence can run and record."""


@dataclass(frozen=True)
class TestCommand:
    """A pytest command: the interpreter, what follows `-m pytest`, and the variables set in front of it."""

    __test__ = False

    python: str
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, command: str, root: Path) -> TestCommand:
        """Return the command of the repository at `root`. Raises `NotSupported` with the reason."""
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise NotSupported(f"the test command cannot be read: {error}") from error
        variables = {}
        while words and _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        python, rest = _split(words, root)
        if rest is None:
            raise NotSupported(f"`{command}` does not run pytest, and evidence is recorded with pytest only")
        return cls(python, tuple(rest), variables)

    def argv(self, *more: str) -> tuple[str, ...]:
        """Return the whole command with `more` at its end."""
        return (self.python, "-m", "pytest", *self.arguments, *more)


def _split(words: list[str], root: Path) -> tuple[str, list[str] | None]:
    first = PurePosixPath(words[0]) if words else PurePosixPath()
    if first.name in ("pytest", "py.test"):
        neighbour = Path(root, first.parent, "python") if len(first.parts) > 1 else None
        return str(neighbour) if neighbour else _interpreter(root), words[1:]
    if re.fullmatch(r"python[0-9.]*", first.name) and words[1:3] == ["-m", "pytest"]:
        named = str(Path(root, first)) if len(first.parts) > 1 else _interpreter(root)
        return named, words[3:]
    return "", None


def _interpreter(root: Path) -> str:
    """Return the repository's own interpreter, or ours where it has none."""
    own = root / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
