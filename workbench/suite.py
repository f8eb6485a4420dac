"""How a repository runs its tests, as an argv that we can add to: read once, for sessions and for evidence."""

from __future__ import annotations

import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from workbench.suite_found import found_in

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_PYTHON = re.compile(r"python[0-9.]*")
_TEST_SCRIPT = re.compile(r"(.*/)?\w*test\w*(\.py)?|(.*/)?tests?/\w+\.py")
_TEST_MODULE = re.compile(r"(\w+\.)*\w*test\w*(\.\w+)*")
# What runs another command in an environment: evidence runs that command itself, with the repository's interpreter.
_IN_FRONT = (("uv", "run"), ("poetry", "run"), ("pdm", "run"), ("pipenv", "run"), ("coverage", "run"))
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
        """Return the command of the repository at `root`; an empty one is looked for there.

        Raises `NotSupported` with the reason, and with what to set instead.
        """
        command = command or found_in(root, is_understood).command
        try:
            return _parsed(command, root)
        except NotSupported as reason:
            cure = f'set tests.command to what it starts, such as "{found_in(root, is_understood).command}"'
            raise NotSupported(f"{reason}: {cure}") from None

    @property
    def kind(self) -> Kind:
        """Which runner it ends in."""
        return "pytest" if self.program == ("-m", "pytest") else "django"

    @property
    def takes_labels(self) -> bool:
        """Whether it takes options and names of tests, as `manage.py test` does; a script runs what it runs."""
        return self.program[-1] == "test" and self.kind == "django"

    @property
    def launching(self) -> frozenset[str]:
        """The files of the repository, relative to it, that start the tests: they are harness and no source."""
        first, *others = self.program
        if first != "-m":
            names = [first]
        elif others[0] in ("pytest", "django"):
            return frozenset()
        else:
            module = others[0].replace(".", "/")
            names = [f"{module}.py", f"{module}/__main__.py", f"{module}/__init__.py"]
        return frozenset(str(PurePosixPath(self.folder, name)) for name in names)

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


def is_understood(command: str) -> bool:
    """Say whether evidence can run a command."""
    try:
        _parsed(command, Path("/"))
    except NotSupported:
        return False
    return True


def _parsed(command: str, root: Path) -> TestCommand:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise NotSupported(f"the test command cannot be read: {error}") from error
    folder, words = folder_of(words)
    variables = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    python, flags, rest = _interpreted(_without_front(words), root, folder)
    program = _program(rest)
    if not program:
        raise NotSupported(
            f"`{command}` runs neither pytest nor Django's tests, and evidence is recorded with these only"
        )
    return TestCommand(python, tuple(rest[len(program) :]), variables, program, flags, folder)


def folder_of(words: list[str]) -> tuple[str, list[str]]:
    """Return the folder that a command runs in, and the command itself: what stands behind `cd FOLDER &&`.

    Raises `NotSupported` where that is not below the repository.
    """
    if len(words) < 4 or words[0] != "cd" or words[2] != "&&":
        return "", words
    folder = PurePosixPath(words[1])
    if folder.is_absolute() or ".." in folder.parts:
        raise NotSupported(f"`{' '.join(words)}` leaves the repository")
    return words[1].rstrip("/"), words[3:]


def _without_front(words: list[str]) -> list[str]:
    """Return a command without what only makes its environment, or measures it."""
    python = bool(words) and _PYTHON.fullmatch(PurePosixPath(words[0]).name) is not None
    if python and words[1:4] == ["-m", "coverage", "run"]:
        return [words[0], *_without_options(words[4:])]
    if tuple(words[:2]) not in _IN_FRONT:
        return words
    if words[0] != "coverage":
        return _without_front(words[2:])
    return ["python", *_without_options(words[2:])]


def _without_options(words: list[str]) -> list[str]:
    """Return what `coverage run` is told to run: a module or a script."""
    start = next((n for n, word in enumerate(words) if word == "-m" or _is_script(word)), len(words))
    return words[start:]


def _is_script(word: str) -> bool:
    return word.endswith(".py") and not word.startswith("-")


def _interpreted(words: list[str], root: Path, folder: str = "") -> tuple[str, tuple[str, ...], list[str]]:
    """Return the interpreter, its options, and what it is told to run."""
    first = PurePosixPath(words[0]) if words else PurePosixPath()
    short = {"pytest": ["-m", "pytest"], "py.test": ["-m", "pytest"], "django-admin": ["-m", "django"]}
    if first.name in short or first.suffix == ".py" or (words and words[0].startswith("./")):
        if first.name not in short:
            return interpreter(root, folder), (), [str(first), *words[1:]]
        is_placed, beside = len(first.parts) > 1, str(first.parent / "python")
        neighbour = _named(root, folder, beside) if is_placed else interpreter(root, folder)
        return neighbour, (), [*short[first.name], *words[1:]]
    if not _PYTHON.fullmatch(first.name):
        return "", (), []
    python = _named(root, folder, str(first)) if len(first.parts) > 1 else interpreter(root, folder)
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
    if words[:1] == ["-m"]:
        module = words[1] if len(words) > 1 else ""
        is_ours = _TEST_MODULE.fullmatch(module) and module.partition(".")[0] not in ("unittest", "doctest", "pytest")
        return ("-m", module) if is_ours else ()
    script = PurePosixPath(words[0] if words else "")
    if script.is_absolute() or ".." in script.parts or script.name == "setup.py":
        return ()
    if script.suffix == ".py" and words[1:2] == ["test"]:
        return (words[0], "test")
    return (words[0],) if words and script.suffix in ("", ".py") and _TEST_SCRIPT.fullmatch(words[0]) else ()


def interpreter(root: Path, folder: str = "") -> str:
    """Return the own interpreter of a folder of the repository, that of the repository, or ours where it has none."""
    return next((str(path) for path in own_interpreters(root, folder) if path.exists()), sys.executable)


def own_interpreters(root: Path, folder: str) -> list[Path]:
    """Return where a folder of the repository and the repository would have an interpreter of their own."""
    return [Path(root, each, ".venv", "bin", "python") for each in dict.fromkeys((folder, ""))]


def _named(root: Path, folder: str, program: str) -> str:
    """Return the interpreter that a command names: from the folder that it runs in, or from the top."""
    there = Path(root, folder, program)
    return str(there if there.exists() else Path(root, program))
