"""Finds how a repository runs its tests, where nobody has said: from what its own files say. Nothing is run."""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

FALLBACK = "python -m pytest"
_PYTEST_FILES = ("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "conftest.py", "tests/conftest.py")
_PYTEST_TABLES = {
    "pyproject.toml": re.compile(r"^\[tool\.pytest\b", re.MULTILINE),
    "setup.cfg": re.compile(r"^\[tool:pytest\]", re.MULTILINE),
    "tox.ini": re.compile(r"^\[pytest\]", re.MULTILINE),
}
_SCRIPTS = ("runtests.py", "run_tests.py", "tests/runtests.py", "tests/run_tests.py", "quicktest.py", "test_runner.py")
_SETTINGS = ("tests/settings.py", "test_settings.py", "tests/test_settings.py", "settings_test.py")
# Words of tox that stand in a command: what it adds to it goes, what names a place of the checkout is the place.
_FACTOR = re.compile(r"^[\w.{},!-]+:\s+")
_PLACE = re.compile(r"\{(toxinidir|tox_root)\}(\{/\}|/)?")
_ANY = re.compile(r"\{[^{}]*\}")
_PASSED = ("DJANGO_SETTINGS_MODULE", "PYTHONPATH")
_PLAIN = re.compile(r"[\w./-]+")  # what stands for itself in a command
_MOST_FILES = 2_000

Read = Callable[[str], str]
Judge = Callable[[str], bool]


@dataclass(frozen=True)
class Found:
    """A test command, and the file that says so; without a file it is only what most repositories use."""

    command: str
    where: str = ""


def found_in(root: Path, is_understood: Judge) -> Found:
    """Return the test command of the checkout at `root`."""

    def read(path: str) -> str:
        return (root / path).read_text(encoding="utf-8", errors="replace")

    return found(_near_the_top(root), read, is_understood)


def found(paths: Collection[str], read: Read, is_understood: Judge) -> Found:
    """Return the test command of a repository with the files `paths`, whose texts `read` returns.

    `is_understood` says whether evidence can run a command: one that it cannot is passed over.
    """
    names = frozenset(paths)
    of_tox = _of_tox(read("tox.ini")) if "tox.ini" in names else []
    said = next((Found(line, "tox.ini") for line in of_tox if is_understood(line)), None)
    return _with_pytest(names, read) or said or _with_django(names) or Found(FALLBACK)


def _with_pytest(names: Collection[str], read: Read) -> Found | None:
    for name in _PYTEST_FILES:
        if name in names:
            return Found(FALLBACK, name)
    for name, table in _PYTEST_TABLES.items():
        if name in names and table.search(read(name)):
            return Found(FALLBACK, name)
    return None


def _with_django(names: Collection[str]) -> Found | None:
    for name in _SCRIPTS:
        if name in names:
            return Found(f"python {name}", name)
    managing = [name for name in names if PurePosixPath(name).name == "manage.py" and _PLAIN.fullmatch(name)]
    if managing:
        name = min(managing, key=lambda name: (name.count("/"), name))
        folder = "" if name == "manage.py" else f"cd {name.removesuffix('/manage.py')} && "
        return Found(f"{folder}python manage.py test", name)
    for name in _SETTINGS:
        if name in names:
            module = name.removesuffix(".py").replace("/", ".")
            return Found(f"python -m django test --settings={module}", name)
    return None


def _of_tox(text: str) -> list[str]:
    """Return the commands of tox's environment for tests, without what only tox understands."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
        commands, setenv = (parser.get("testenv", name, fallback="") or "" for name in ("commands", "setenv"))
    except configparser.Error:
        return []
    variables = [line.replace(" ", "") for line in setenv.splitlines() if line.partition("=")[0].strip() in _PASSED]
    front = "".join(f"{_plain(line)} " for line in variables)
    lines = commands.replace("\\\n", " ").splitlines()
    return [front + _plain(_FACTOR.sub("", line.strip()).lstrip("- ")) for line in lines if line.strip()]


def _plain(line: str) -> str:
    line = _PLACE.sub("", line.replace("{envpython}", "python"))
    while _ANY.search(line):  # {posargs:{envname}}
        line = _ANY.sub("", line)
    return " ".join(line.split())


def _near_the_top(root: Path) -> list[str]:
    """Return the files at the top of a folder and one level below."""
    found: list[str] = []
    folders = [root, *(path for path in _inside(root) if path.is_dir() and not path.name.startswith("."))]
    for folder in folders:
        found += [path.relative_to(root).as_posix() for path in _inside(folder) if path.is_file()]
        if len(found) > _MOST_FILES:
            break
    return found


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
