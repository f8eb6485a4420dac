"""How a repository runs its tests, as an argv that we can add to: read once, for sessions and for evidence."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PYTHON = re.compile(r"python[0-9.]*")
_TEST_SCRIPT = re.compile(r"\w*test\w*\.py")
# Options of Python that take the next word as their value.
_WITH_VALUE = ("-W", "-X")

Kind = Literal["pytest", "django"]


class NotSupported(Exception):
    """The command is none that evidence can run and record."""


@dataclass(frozen=True)
class TestCommand:
    """A test command: the interpreter with its options, what it runs, and the variables set in front of it.

    `program` is `-m pytest`, or what ends in Django's test runner: `manage.py test`, `-m django test`, a script.
    `folder` is where it runs, below the repository.
    """

    __test__ = False

    python: str
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("-m", "pytest")
    flags: tuple[str, ...] = ()
    folder: str = ""

    @classmethod
    def parse(cls, command: str, root: Path) -> TestCommand:
        """Return the command of the repository at `root`. Raises `NotSupported` with the reason."""
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise NotSupported(f"the test command cannot be read: {error}") from error
        folder = ""
        if len(words) > 3 and words[0] == "cd" and words[2] == "&&":
            folder, words = words[1].rstrip("/"), words[3:]
            if PurePosixPath(folder).is_absolute() or ".." in PurePosixPath(folder).parts:
                raise NotSupported(f"`{command}` leaves the repository")
        variables = {}
        while words and _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        if words[:2] == ["uv", "run"]:  # which would make an environment for each tree
            words = words[2:]
        python, flags, rest = _interpreted(words, root)
        program = _program(rest)
        if not program:
            raise NotSupported(
                f"`{command}` runs neither pytest nor Django's tests, and evidence is recorded with these only"
            )
        return cls(python, tuple(rest[len(program) :]), variables, program, flags, folder)

    @property
    def kind(self) -> Kind:
        """Which runner it ends in."""
        return "pytest" if self.program == ("-m", "pytest") else "django"

    @property
    def testrunner(self) -> str:
        """The runner class that the command itself names for Django, or an empty string."""
        words = iter(self.arguments)
        named = [
            word.partition("=")[2] or next(words, "") for word in words if word.partition("=")[0] == "--testrunner"
        ]
        return named[-1] if named else ""

    def argv(self, *more: str) -> tuple[str, ...]:
        """Return the whole command with `more` at its end."""
        return (self.python, *self.flags, *self.program, *self.arguments, *more)

    def launched(self, launcher: Path, *more: str) -> tuple[str, ...]:
        """Return the command as it is run: through our launcher, with `more` at its end."""
        return (self.python, *self.flags, str(launcher), *self.program, *self.arguments, *more)


def _interpreted(words: list[str], root: Path) -> tuple[str, tuple[str, ...], list[str]]:
    """Return the interpreter, its options, and what it is told to run."""
    first = PurePosixPath(words[0]) if words else PurePosixPath()
    short = {"pytest": ["-m", "pytest"], "py.test": ["-m", "pytest"], "django-admin": ["-m", "django"]}
    if first.name in short or first.suffix == ".py":
        if first.suffix == ".py":
            return interpreter(root), (), words
        neighbour = str(Path(root, first.parent, "python")) if len(first.parts) > 1 else interpreter(root)
        return neighbour, (), [*short[first.name], *words[1:]]
    if not _PYTHON.fullmatch(first.name):
        return "", (), []
    python = str(Path(root, first)) if len(first.parts) > 1 else interpreter(root)
    count = 1
    while count < len(words) and words[count].startswith("-") and words[count] not in ("-m", "-c", "-"):
        count += 2 if words[count] in _WITH_VALUE else 1
    return python, tuple(words[1:count]), words[count:]


def _program(words: list[str]) -> tuple[str, ...]:
    """Return the words that name what is run, or nothing where that is no test runner of ours."""
    if words[:2] == ["-m", "pytest"]:
        return ("-m", "pytest")
    if words[:3] == ["-m", "django", "test"]:
        return ("-m", "django", "test")
    script = PurePosixPath(words[0] if words else "")
    if script.is_absolute() or ".." in script.parts:
        return ()
    if script.suffix == ".py" and words[1:2] == ["test"]:
        return (words[0], "test")
    return (words[0],) if _TEST_SCRIPT.fullmatch(script.name) else ()


def interpreter(root: Path) -> str:
    """Return the repository's own interpreter, or ours where it has none."""
    own = root / ".venv" / "bin" / "python"
    return str(own) if own.exists() else sys.executable
