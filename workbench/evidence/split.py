"""An agent's changes, split into tests, harness and source.

The harness decides what a test's outcome is: configuration, fixtures and everything that Python imports before the
first test. Evidence always runs with the base's harness, so that whoever changed it cannot have changed the outcomes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

from workbench.git import Change

_HARNESS_NAMES = frozenset(
    {
        "conftest.py",
        "pytest.ini",
        ".pytest.ini",
        "pytest.toml",
        ".pytest.toml",
        "tox.ini",
        "setup.cfg",
        "setup.py",
        "pyproject.toml",
        "manage.py",
        "noxfile.py",
        "Makefile",
        ".coveragerc",
        ".env",
    }
)
_CI = (".github/", ".gitlab-ci.yml", ".circleci/", ".ci/", "azure-pipelines.yml", "Jenkinsfile")
_TEST_NAMES = ("test_*.py", "*_test.py", "tests.py", "test.py", "tests_*.py", "*_tests.py")
_TEST_FOLDERS = frozenset({"tests", "test"})
# A new module of such a name at the top of the tree would be imported in place of the real thing.
_SHADOWING = (sys.stdlib_module_names - {"test"}) | {
    *("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "xdist", "execnet", "pytest_django", "pytest_cov"),
    *("coverage", "django"),
    *(f"workbench_evidence_{part}" for part in ("plugin", "launch", "record", "django", "unittest")),
}
# Settings that only the tests use, whatever pattern for tests their names fit.
_TEST_SETTINGS = re.compile(r"(^|/)(settings/(.*/)?\w*test\w*|(\w+_)?settings_?tests?|tests?_?settings)\.py$")
# Commands that the project runs its tests with, in place of Django's own.
_TEST_COMMAND = re.compile(r"(^|/)management/commands/test\.py$")
# Imported by Python itself, before anything else.
_STARTERS = frozenset({"sitecustomize", "usercustomize"})


@dataclass(frozen=True)
class Split:
    """The paths of a change by what they are; each path is in exactly one.

    `tests` holds test files and what is new beside them, `gone_tests` test files that were deleted or moved away.
    """

    tests: tuple[str, ...]
    gone_tests: tuple[str, ...]
    harness: tuple[str, ...]
    source: tuple[str, ...]

    @classmethod
    def of(cls, changes: Iterable[Change], launching: Collection[str] = ()) -> Split:
        """Return the split of the changes between two commits; `launching` are files that start the tests."""
        found: dict[str, list[str]] = {"tests": [], "gone_tests": [], "harness": [], "source": []}
        single = list(_single(changes))
        shadows = {place for path, status in single if status == "A" and (place := _shadowing(path))}
        for path, status in single:
            is_shadow = any(path == shadow or path.startswith(f"{shadow}/") for shadow in shadows)
            found["harness" if is_shadow or path in launching else _kind(path, status)].append(path)
        return cls(**{kind: tuple(sorted(paths)) for kind, paths in found.items()})

    @property
    def test_files(self) -> tuple[str, ...]:
        """The files that hold new or changed tests."""
        return tuple(path for path in self.tests if is_test_file(path))


def is_test_file(path: str) -> bool:
    """Say whether a path names a file that tests are collected from."""
    return any(fnmatch(PurePosixPath(path).name, pattern) for pattern in _TEST_NAMES)


def is_ci(path: str) -> bool:
    """Say whether a path belongs to continuous integration."""
    return path.startswith(_CI)


def _single(changes: Iterable[Change]) -> Iterable[tuple[str, str]]:
    """Return each path with A, M or D; a rename is a deletion and an addition."""
    for change in changes:
        if change.old_path is not None:
            yield change.old_path, "D"
        yield change.path, "A" if change.old_path is not None else change.status


def _kind(path: str, status: str) -> str:
    place = PurePosixPath(path)
    if place.name in _HARNESS_NAMES or place.suffix == ".pth" or place.stem in _STARTERS or is_ci(path):
        return "harness"
    if _TEST_SETTINGS.search(path) or _TEST_COMMAND.search(path):
        return "harness"
    if is_test_file(path):
        return "gone_tests" if status == "D" else "tests"
    if _TEST_FOLDERS & set(place.parts[:-1]):
        # Beside the tests: new data or helpers come with the new tests; what was there belongs to the old ones.
        return "tests" if status == "A" else "harness"
    return "source"


def _shadowing(path: str) -> str:
    """Return the module or package that a new file makes in front of an installed one, or an empty string."""
    parts = PurePosixPath(path).parts
    top = parts[1:] if parts[:1] == ("src",) else parts
    name = top[0].partition(".")[0] if top else ""
    makes_module = (len(top) == 1 and top[0].endswith((".py", ".so", ".pyc"))) or (
        len(top) == 2 and top[1] == "__init__.py"
    )
    if not makes_module or name not in _SHADOWING:
        return ""
    return "/".join(parts[: len(parts) - len(top) + 1])
